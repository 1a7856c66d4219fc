package files

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Source is a file or a folder of this machine.
type Source struct {
	Path string
	Info fs.FileInfo
}

// Open finds a file or a folder. A link is followed.
func Open(name string) (Source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Source{}, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return Source{}, &fs.PathError{Op: "copy", Path: name, Err: errors.New(special)}
	}
	return Source{Path: name, Info: info}, nil
}

// Base returns the name that the source gets in a folder: "." for the content of a folder that has no name in its path.
func (s Source) Base() string {
	switch base := filepath.Base(s.Path); base {
	case "..", string(filepath.Separator):
		return "."
	default:
		return base
	}
}

// Read writes the content of a file. It calls count with the bytes that it has read.
func (s Source) Read(w io.Writer, count func(int)) (Content, error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return Content{}, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	sum := counting(count)
	if _, err := io.Copy(io.MultiWriter(w, sum), f); err != nil {
		return Content{}, err
	}
	return Content{Entries: []Entry{sum.of(Entry{Path: s.Base(), Mode: s.Info.Mode(), Time: s.Info.ModTime()})}}, nil
}

// Pack writes a folder as a tar archive. Links stay links, and what is neither file, folder nor link is left out. It calls count
// with the bytes of files that it has read.
func (s Source) Pack(w io.Writer, count func(int)) (Content, error) {
	root, err := os.OpenRoot(s.Path)
	if err != nil {
		return Content{}, err
	}
	defer root.Close() //nolint:errcheck // it is only read
	var out Content
	archive := tar.NewWriter(w)
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return named(s.Path, name, err)
		}
		info, err := d.Info()
		if err != nil {
			return named(s.Path, name, err)
		}
		if !info.IsDir() && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
			out.Left = append(out.Left, Left{name, special})
			return nil
		}
		e, err := pack(archive, root, name, info, count)
		out.Entries = append(out.Entries, e)
		return named(s.Path, name, err)
	})
	return out, errors.Join(err, archive.Close())
}

// named adds the path of the folder to the error of a file below it.
func named(folder, name string, err error) error {
	if err == nil {
		return nil
	}
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		err = e.Err
	}
	return fmt.Errorf("read %s: %w", filepath.Join(folder, name), err)
}

// pack writes one entry. The GNU format is the one that small programs read too.
func pack(archive *tar.Writer, root *os.Root, name string, info fs.FileInfo, count func(int)) (Entry, error) {
	e := Entry{Path: name, Mode: info.Mode(), Time: info.ModTime()}
	h := &tar.Header{Format: tar.FormatGNU, Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime().Truncate(time.Second)}
	switch {
	case info.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
		return e, archive.WriteHeader(h)
	case !info.Mode().IsRegular():
		target, err := root.Readlink(name)
		if err != nil {
			return e, err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
		return e, archive.WriteHeader(h)
	}
	f, err := root.Open(name)
	if err != nil {
		return e, err
	}
	defer f.Close() //nolint:errcheck // it is only read
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if err := archive.WriteHeader(h); err != nil {
		return e, err
	}
	sum := counting(count)
	_, err = io.CopyN(io.MultiWriter(archive, sum), f, info.Size())
	if errors.Is(err, io.EOF) {
		err = errors.New("the file became shorter during the copy")
	}
	return sum.of(e), err
}
