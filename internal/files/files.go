// Package files reads and writes the files and folders of this machine for a copy.
//
//	Open -> Source -- Pack, Read --> stream
//	stream -- Target.Unpack, Target.Write --> Stage -- Place --> target
//
// A stage is beside the target, so nothing has the name of the target before it is complete. Nothing is written outside of it,
// whatever the stream says.
package files

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// ErrTarget is the error for a target that cannot get the source.
var ErrTarget = errors.New("cannot be the target")

// Entry is a file, a folder or a link.
type Entry struct {
	// Path is relative to the folder that was copied, with slashes. That of a single file is its name.
	Path string
	Mode fs.FileMode
	Time time.Time
	Size int64
	Sum  []byte // SHA-256, of a file
}

// Left is a file that was left out, and why.
type Left struct{ Path, Reason string }

// Content is what a stream had.
type Content struct {
	Entries []Entry
	Left    []Left
}

// Files returns the number of files and their bytes.
func (c Content) Files() (files int, bytes int64) {
	for _, e := range c.Entries {
		if e.Mode.IsRegular() {
			files++
			bytes += e.Size
		}
	}
	return files, bytes
}

// The reasons for what is left out.
const (
	leadsOut = "the link leads out of the folder"
	special  = "neither a file, a folder nor a link"
)

// counted counts and hashes what is written.
type counted struct {
	hash  hash.Hash
	count func(int)
	n     int64
}

func counting(count func(int)) *counted { return &counted{hash: sha256.New(), count: count} }

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	c.count(len(p))
	return c.hash.Write(p)
}

// of completes the entry of the file that was written.
func (c *counted) of(e Entry) Entry {
	e.Size, e.Sum = c.n, c.hash.Sum(nil)
	return e
}

// inside returns the clean form of a path in an archive, which has to be below the folder.
func inside(name string) (string, error) {
	clean := path.Clean(name)
	if !filepath.IsLocal(filepath.FromSlash(clean)) {
		return "", fmt.Errorf("the archive has a path outside of the folder: %q", name)
	}
	return clean, nil
}

// staysInside reports whether a link leads to a path below the folder. Only its beginning may lead upwards: after another link
// that could go anywhere.
func staysInside(name, target string) bool {
	rest := target
	for {
		if after, up := strings.CutPrefix(rest, "../"); up {
			rest = after
		} else if after, same := strings.CutPrefix(rest, "./"); same {
			rest = after
		} else {
			break
		}
	}
	if rest != ".." && strings.Contains("/"+rest+"/", "/../") {
		return false
	}
	return !path.IsAbs(target) && filepath.IsLocal(filepath.FromSlash(path.Join(path.Dir(name), target)))
}

// copyTo copies a stream into a file, and closes it.
func copyTo(out io.WriteCloser, in io.Reader, c *counted) error {
	_, err := io.Copy(io.MultiWriter(out, c), in)
	return errors.Join(err, out.Close())
}
