// Package names keeps the names that a shell completes, so that they are there at once when the line to the cluster is slow.
//
// It keeps names and nothing else, in files that only the user can read. It is optional: without XDG_CACHE_HOME and HOME it keeps
// nothing.
package names

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// List is a list of names in a file.
type List struct{ path string } // empty without a folder

// Open returns the list of a key: a kind of names, and what they belong to. It reads nothing.
func Open(key ...string) List {
	dir, err := os.UserCacheDir()
	if err != nil {
		return List{}
	}
	sum := sha256.Sum256([]byte(strings.Join(key, "\x00")))
	return List{filepath.Join(dir, "psc", "names", hex.EncodeToString(sum[:16]))}
}

// Read returns the names that were written last. found is false if there are none yet.
func (l List) Read() (names []string, found bool) {
	data, err := os.ReadFile(l.path)
	if err != nil {
		return nil, false
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' }), true
}

// Write replaces the names. A reader sees the old or the new ones.
func (l List) Write(names []string) error {
	if l.path == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(l.path), ".names-*") // CreateTemp creates it with 0600
	if err != nil {
		return err
	}
	_, err = temp.WriteString(strings.Join(append(names, ""), "\n"))
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), l.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// Claim reports whether the caller may ask for the names: no other process is asking, or one that has asked for longer than
// within. Release ends the claim.
func (l List) Claim(now time.Time, within time.Duration) bool {
	if l.path == "" {
		return true
	}
	if info, err := os.Stat(l.asking()); err == nil && now.Sub(info.ModTime()) > within {
		_ = os.Remove(l.asking()) // its process was killed
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return true
	}
	f, err := os.OpenFile(l.asking(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	return !errors.Is(err, os.ErrExist)
}

// Release ends a claim.
func (l List) Release() {
	if l.path != "" {
		_ = os.Remove(l.asking())
	}
}

func (l List) asking() string { return l.path + ".asking" }
