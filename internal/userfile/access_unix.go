//go:build unix

package userfile

import (
	"io/fs"
	"os"
	"syscall"
)

// sameAccess gives a new file the mode and the owner of the one that it replaces.
func sameAccess(f *os.File, old fs.FileInfo) error {
	if s, ok := old.Sys().(*syscall.Stat_t); ok && (int(s.Uid) != os.Geteuid() || int(s.Gid) != os.Getegid()) {
		if err := f.Chown(int(s.Uid), int(s.Gid)); err != nil && old.Mode().Perm()&0o077 != 0 {
			return nil // only root can give files away; the mode is for another group then, so the file stays private
		}
	}
	return f.Chmod(old.Mode().Perm())
}
