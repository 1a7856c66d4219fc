// Package userfile changes files that belong to the user, such as the kubeconfig and the settings.
//
//	Change: lock -- read -- edit -- write beside -- rename
//
// Other programs and the user write these files too, so a change replaces only the bytes of what it is about: Put, Remove and Set
// edit a YAML or JSON document in place. A reader sees the old or the new content, also after a crash or with a full disk. The
// kernel releases the lock of a process that is killed.
package userfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/pscdev/psc/internal/fault"
)

// Patience says how Change waits for another process that changes the same file.
type Patience struct {
	// Notice is called once with the holder when the wait has lasted for After. It may be nil.
	Notice func(holder string)
	// After is one second by default.
	After time.Duration
	// Limit is how long to wait in all: 30 seconds by default.
	Limit time.Duration
	// Own is set for a file that no other program changes: a lock file of kubectl beside it means nothing.
	Own bool
}

// Change replaces the content of a file by what edit makes of it. A file that does not exist counts as empty; it and its folder
// are created for their owner alone. An existing file keeps its mode and owner. If path is a link, the file that it leads to is
// replaced. Nothing is written if edit returns an error or the content that it got. edit may be called more than once.
func Change(path string, p Patience, edit func([]byte) ([]byte, error)) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	foreign := path + ".lock" // kubectl and other programs with client-go create it, and remove it when they are done
	if p.Own {
		foreign = ""
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	w := newWaiter(p)
	unlock, err := w.lock(path)
	if err != nil && unchanged(path, foreign, edit) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unlock()
	for {
		if err := w.others(path, foreign); err != nil {
			return err
		}
		before, err := read(path)
		if err != nil {
			return err
		}
		after, err := edit(bytes.Clone(before))
		if err != nil && locked(foreign) { // someone else is writing it
			continue
		}
		if err != nil || bytes.Equal(before, after) {
			return err
		}
		again, err := replace(path, foreign, before, after)
		if err != nil {
			return err
		}
		// kubectl can have read the file before it was replaced, and then replaces it in turn: look at the file once more.
		if !again && !locked(foreign) {
			if now, err := read(path); err == nil && bytes.Equal(now, after) {
				return nil
			}
		}
	}
}

// unchanged reports whether there is nothing to write. Then the folder need not be writable, such as that of a shared kubeconfig.
func unchanged(path, foreign string, edit func([]byte) ([]byte, error)) bool {
	before, err := os.ReadFile(path)
	if err != nil || locked(foreign) {
		return false
	}
	after, err := edit(bytes.Clone(before))
	return err == nil && bytes.Equal(before, after) && !locked(foreign)
}

func read(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// replace writes the new content beside the file and renames it. It does nothing and returns true if someone else has the file
// or has changed it.
func replace(path, foreign string, before, after []byte) (again bool, err error) {
	temp := beside(path, ".tmp") // of a process that was killed, if it exists: the lock is held
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	access, _ := os.Stat(path)
	if err := write(temp, after, access); err != nil {
		return false, err
	}
	defer func() {
		if err != nil || again {
			err = errors.Join(err, os.Remove(temp))
		}
	}()
	now, err := read(path)
	if err != nil {
		return false, err
	}
	if locked(foreign) || !bytes.Equal(now, before) {
		return true, nil
	}
	if err := os.Rename(temp, path); err != nil {
		return false, err
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // the name, too, survives a power failure where folders can be synced
		_ = dir.Sync()
		_ = dir.Close()
	}
	return false, nil
}

// write writes a new file with the access rights of another one, which may be nil. After an error it does not exist.
func write(path string, content []byte, access fs.FileInfo) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	_, err = f.Write(content)
	if err == nil && access != nil {
		err = sameAccess(f, access)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// beside returns the path of a hidden file of psc in the folder of a file.
func beside(path, suffix string) string {
	return filepath.Join(filepath.Dir(path), "."+strings.TrimPrefix(filepath.Base(path), ".")+".psc"+suffix)
}

// locked reports whether the lock of another program exists. "" is none.
func locked(lock string) bool {
	if lock == "" {
		return false
	}
	_, err := os.Lstat(lock)
	return err == nil
}

// waiter waits for other processes, for a limited time in all.
type waiter struct {
	notice func(string)
	after  <-chan time.Time
	limit  <-chan time.Time
}

func newWaiter(p Patience) *waiter {
	if p.After == 0 {
		p.After = time.Second
	}
	if p.Limit == 0 {
		p.Limit = 30 * time.Second
	}
	return &waiter{notice: p.Notice, after: time.After(p.After), limit: time.After(p.Limit)}
}

// wait returns when done has a value, or with false after the limit.
func wait[T any](w *waiter, done <-chan T, holder func() string) (got T, ok bool) {
	for {
		select {
		case got = <-done:
			return got, true
		case <-w.after:
			if w.notice != nil {
				w.notice(holder())
			}
		case <-w.limit:
			return got, false
		}
	}
}

// others waits until no other program holds the file. Its lock is never removed: only a person can know that it is stale.
func (w *waiter) others(path, lock string) error {
	if !locked(lock) {
		return nil
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for locked(lock) {
		if _, ok := wait(w, tick.C, func() string { return "the program that created " + lock }); !ok {
			return fault.New(fault.Failed, "%s is locked: %s exists%s", path, lock, age(lock)).
				WithHint("kubectl or another program is changing the file, or was killed while it did: if none runs, rm %s", lock)
		}
	}
	return nil
}

// age returns ", for 3m0s", or nothing if the lock is gone.
func age(lock string) string {
	info, err := os.Lstat(lock)
	if err != nil {
		return ""
	}
	return ", for " + time.Since(info.ModTime()).Round(time.Second).String()
}

// lock waits for other processes of psc. The file of the lock has the name of the holder, and is removed with the lock.
func (w *waiter) lock(path string) (unlock func(), err error) {
	lock := beside(path, ".lock")
	type result struct {
		file *lockedfile.File
		err  error
	}
	holder := func() string {
		name, err := os.ReadFile(lock)
		if err != nil || len(name) == 0 {
			return "another psc"
		}
		return strings.TrimSpace(string(name))
	}
	for {
		done := make(chan result, 1)
		go func() {
			f, err := lockedfile.Edit(lock)
			done <- result{f, err}
		}()
		got, ok := wait(w, done, holder)
		if !ok { // the goroutine ends with the process, or with the lock
			go func() {
				if late := <-done; late.file != nil {
					_ = late.file.Close()
				}
			}()
			return nil, fault.New(fault.Failed, "%s is locked by %s", path, holder()).WithHint("wait for it, or end it, then try again")
		}
		if got.err != nil {
			return nil, got.err
		}
		if current(got.file, lock) {
			_ = got.file.Chmod(0o600)
			_ = got.file.Truncate(0)
			_, _ = fmt.Fprintf(got.file, "psc, process %d\n", os.Getpid())
			return func() {
				_ = os.Remove(lock)
				_ = got.file.Close()
			}, nil
		}
		_ = got.file.Close() // the last holder has removed it
	}
}

// current reports whether a lock is that of its path still.
func current(f *lockedfile.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(mine, now)
}

// maxLinks is how many links Linux follows.
const maxLinks = 40

// target returns the path of the file that path leads to. Programs that manage settings make links, which have to stay. The
// file at the end of a link need not exist: its folder is created.
func target(path string) (string, error) {
	for range maxLinks {
		link, err := os.Readlink(path)
		if err != nil { // not a link, or nothing
			return path, nil //nolint:nilerr // as the comment says
		}
		if !filepath.IsAbs(link) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path)) // before "..", or it would be that of the link to the folder
			if err != nil {
				return "", err
			}
			link = filepath.Join(dir, link)
		}
		path = link
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
	}
	return "", &os.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}
