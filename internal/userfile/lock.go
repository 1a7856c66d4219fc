package userfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Lock keeps other processes of psc from changing a file, for callers that do more than Change. The folder of the file is created if
// needed. Only the lock of the kernel counts, not the lock file of another program.
func Lock(path string, p Patience) (unlock func(), err error) {
	if path, err = target(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return newWaiter(p).lock(path)
}

// Replace replaces the content of a file, as Change does. The caller has its Lock.
func Replace(path string, content []byte) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	before, err := read(path)
	if err != nil {
		return err
	}
	_, err = replace(path, "", before, content)
	return err
}

// room is more than psc adds to a file in one change.
const room = 32 << 10

// Writable returns an error if a file cannot be written now: its folder is read-only, or the disk is full. It is for callers that
// cannot repeat or undo what they do before they write. It leaves nothing behind, not even the folder of the file.
func Writable(path string) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	size := int64(room)
	if info, err := os.Stat(path); err == nil {
		size += info.Size()
	}
	probe := beside(path, ".probe")
	for dir := filepath.Dir(probe); ; dir = filepath.Dir(dir) { // the first folder that exists
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			probe = filepath.Join(dir, filepath.Base(probe))
			break
		}
	}
	f, err := os.OpenFile(probe, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(probe) }() // another process may have done that
	_, err = f.Write(make([]byte, size))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
