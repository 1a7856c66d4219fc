package files

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Target is where a file or a folder goes on this machine.
type Target struct {
	// Path is the path of the copy itself.
	Path   string
	folder bool // the source is one
	merge  bool // into a folder that exists
}

// To returns the target for a source of a name, as cp -r has it: a folder that exists gets the source inside.
func To(name, base string, folder bool) (Target, error) {
	t := Target{Path: name, folder: folder}
	slash := os.IsPathSeparator(name[len(name)-1])
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		t.Path = filepath.Join(name, base)
		info, err = os.Stat(t.Path)
	case err == nil && slash:
		return t, fmt.Errorf("%s %w: it is not a folder", name, ErrTarget)
	case errors.Is(err, fs.ErrNotExist) && slash && !folder:
		return t, fmt.Errorf("%s %w: there is no such folder", name, ErrTarget)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		parent := filepath.Dir(filepath.Clean(t.Path))
		if _, err := os.Stat(parent); err != nil {
			return t, fmt.Errorf("%s %w: there is no folder %s", name, ErrTarget, parent)
		}
		return t, nil
	case err != nil:
		return t, err
	case info.IsDir() != folder && folder:
		return t, fmt.Errorf("%s %w: it is not a folder", t.Path, ErrTarget)
	case info.IsDir() != folder:
		return t, fmt.Errorf("%s %w: it is a folder", t.Path, ErrTarget)
	}
	t.merge = folder
	return t, nil
}

// stagePattern is the name of what is not complete.
const stagePattern = ".psc-cp-*"

// Stage is a copy that is not yet in place.
type Stage struct {
	target  Target
	path    string
	content Content
}

// Stage creates an empty stage.
func (t Target) Stage() (*Stage, error) {
	parent := filepath.Dir(filepath.Clean(t.Path))
	if t.merge {
		parent = t.Path
	}
	if t.folder {
		dir, err := os.MkdirTemp(parent, stagePattern)
		return &Stage{target: t, path: dir}, err
	}
	f, err := os.CreateTemp(parent, stagePattern)
	if err != nil {
		return nil, err
	}
	return &Stage{target: t, path: f.Name()}, f.Close()
}

// Discard removes what is not in place.
func (s *Stage) Discard() { _ = os.RemoveAll(s.path) }

// Write fills the stage with a file. It calls count with the bytes that it has written.
func (s *Stage) Write(r io.Reader, e Entry, count func(int)) (Content, error) {
	f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err != nil {
		return Content{}, err
	}
	sum := counting(count)
	if err := copyTo(f, r, sum); err != nil {
		return Content{}, err
	}
	if err := os.Chmod(s.path, e.Mode.Perm()); err != nil {
		return Content{}, err
	}
	if !e.Time.IsZero() {
		if err := os.Chtimes(s.path, e.Time, e.Time); err != nil {
			return Content{}, err
		}
	}
	s.content = Content{Entries: []Entry{sum.of(e)}}
	return s.content, nil
}

// Unpack fills the stage with a tar archive. A path outside of the folder is an error. A link that leads out is left out, as is
// what is neither file, folder nor link. It calls count with the bytes of files that it has written.
func (s *Stage) Unpack(r io.Reader, count func(int)) (Content, error) {
	root, err := os.OpenRoot(s.path)
	if err != nil {
		return Content{}, err
	}
	defer root.Close() //nolint:errcheck // it holds no data
	u := &unpacking{root: root, count: count, sums: map[string]Entry{}}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			s.content = u.Content
			_, err := io.Copy(io.Discard, r) // the padding
			return s.content, err
		}
		if err != nil {
			return Content{}, fmt.Errorf("read the archive: %w", err)
		}
		if err := u.entry(h, archive); err != nil {
			return Content{}, fmt.Errorf("unpack %q: %w", h.Name, err)
		}
	}
}

// unpacking is the state of an archive that is being unpacked.
type unpacking struct {
	root  *os.Root
	count func(int)
	sums  map[string]Entry // of the files, for hard links
	Content
}

// entry unpacks one entry. Folders stay writable until they are in place.
func (u *unpacking) entry(h *tar.Header, r io.Reader) error {
	name, err := inside(h.Name)
	if err != nil {
		return err
	}
	if err := u.parents(name); err != nil {
		return err
	}
	e := Entry{Path: name, Mode: h.FileInfo().Mode().Perm(), Time: h.ModTime}
	switch h.Typeflag {
	case tar.TypeDir:
		e.Mode |= fs.ModeDir
		err = u.root.MkdirAll(name, 0o700)
	case tar.TypeReg:
		if e, err = u.file(e, r); err == nil {
			u.sums[name] = e
		}
	case tar.TypeLink:
		e, err = u.hard(e, h.Linkname)
	case tar.TypeSymlink:
		if !staysInside(name, h.Linkname) {
			u.Left = append(u.Left, Left{name, leadsOut})
			return nil
		}
		e.Mode |= fs.ModeSymlink
		err = u.root.Symlink(h.Linkname, name)
	case tar.TypeXGlobalHeader:
		return nil
	default:
		u.Left = append(u.Left, Left{name, special})
		return nil
	}
	u.Entries = append(u.Entries, e)
	return err
}

// parents creates the folders above a path. None of them may be a link: no archive of a folder has that.
func (u *unpacking) parents(name string) error {
	dir := path.Dir(name)
	if dir == "." {
		return nil
	}
	at := ""
	for part := range strings.SplitSeq(dir, "/") {
		at = path.Join(at, part)
		info, err := u.root.Lstat(at)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return u.root.MkdirAll(dir, 0o700)
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is not a folder", at)
		}
	}
	return nil
}

func (u *unpacking) file(e Entry, r io.Reader) (Entry, error) {
	f, err := u.root.OpenFile(e.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return e, err
	}
	sum := counting(u.count)
	if err := copyTo(f, r, sum); err != nil {
		return e, err
	}
	if err := u.root.Chmod(e.Path, e.Mode); err != nil {
		return e, err
	}
	return sum.of(e), u.root.Chtimes(e.Path, e.Time, e.Time)
}

// hard creates a second name of a file that the archive had before.
func (u *unpacking) hard(e Entry, target string) (Entry, error) {
	first, known := u.sums[path.Clean(target)]
	if !known {
		return e, fmt.Errorf("it is a link to %q, which the archive does not have", target)
	}
	e.Size, e.Sum = first.Size, first.Sum
	return e, u.root.Link(first.Path, e.Path)
}

// Place gives the stage its name. In a folder that exists it replaces file by file.
func (s *Stage) Place() error {
	switch {
	case s.target.merge:
		return s.mergeInto()
	case s.target.folder:
		root, err := os.OpenRoot(s.path)
		if err != nil {
			return err
		}
		defer root.Close() //nolint:errcheck // it holds no data
		if err := finish(root, s.content.Entries); err != nil {
			return err
		}
	}
	return os.Rename(s.path, s.target.Path)
}

// mergeInto moves the content of the stage into the folder around it.
func (s *Stage) mergeInto() error {
	root, err := os.OpenRoot(s.target.Path)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // it holds no data
	var created []Entry
	stage := filepath.Base(s.path)
	for _, e := range s.content.Entries {
		from := path.Join(stage, e.Path)
		if _, err := root.Lstat(from); errors.Is(err, fs.ErrNotExist) { // moved with its folder
			created = append(created, e)
			continue
		}
		there, err := root.Stat(e.Path)
		switch {
		case err == nil && there.IsDir() && e.Mode.IsDir():
			continue
		case err == nil && there.IsDir():
			return fmt.Errorf("%s %w: it is a folder", filepath.Join(s.target.Path, e.Path), ErrTarget)
		case err == nil && e.Mode.IsDir():
			return fmt.Errorf("%s %w: it is not a folder", filepath.Join(s.target.Path, e.Path), ErrTarget)
		}
		if err := root.Rename(from, e.Path); err != nil {
			return err
		}
		created = append(created, e)
	}
	s.Discard()
	return finish(root, created)
}

// finish gives folders their modes and times, those inside first: writing into one changes its time, and may not be allowed.
func finish(root *os.Root, entries []Entry) error {
	for _, e := range slices.Backward(entries) {
		if !e.Mode.IsDir() {
			continue
		}
		if err := root.Chtimes(e.Path, e.Time, e.Time); err != nil {
			return err
		}
		if err := root.Chmod(e.Path, e.Mode.Perm()); err != nil {
			return err
		}
	}
	return nil
}
