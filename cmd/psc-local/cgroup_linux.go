package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A node has its own cgroup in every hierarchy. The components are in its child `system`, because version 2 allows
// no processes beside child groups. The kubelet puts instances into other children.

// hierarchies returns the mount points of the cgroup file systems: one with version 2, one per controller with version 1.
func hierarchies() ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		mount, kind, _ := strings.Cut(line, " - ")
		fields := strings.Fields(mount)
		if strings.HasPrefix(kind, "cgroup") && len(fields) > 4 && strings.HasPrefix(fields[4], "/sys/fs/cgroup") {
			all = append(all, fields[4])
		}
	}
	return all, nil
}

// makeCgroup creates the groups of a node.
func makeCgroup(name string) error {
	return inHierarchies(func(root string) error {
		for _, dir := range []string{filepath.Join(root, name), filepath.Join(root, name, "system")} {
			if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // like all cgroups
				return err
			}
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} { // version 1 leaves them empty, which allows none
				above, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
				if err == nil && len(bytes.TrimSpace(above)) > 0 {
					err = os.WriteFile(filepath.Join(dir, file), above, 0o644) //nolint:gosec // a kernel's file
				}
				if err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
			}
		}
		return nil
	})
}

// joinCgroup moves this process to the group of the components.
func joinCgroup(name string) error {
	return inHierarchies(func(root string) error {
		return os.WriteFile(filepath.Join(root, name, "system", "cgroup.procs"), []byte("0"), 0o644) //nolint:gosec // a kernel's file
	})
}

// removeCgroup kills the processes that are left in the groups of a node and removes the groups. If this process is in
// one of them, it leaves the group.
func removeCgroup(name string) error {
	return inHierarchies(func(root string) error {
		var dirs []string
		_ = filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		slices.Reverse(dirs) // children first
		for _, dir := range dirs {
			if err := removeGroup(root, dir); err != nil {
				return err
			}
		}
		return nil
	})
}

func removeGroup(root, dir string) error {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		err := os.Remove(dir)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("remove cgroup: %w", err)
		}
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, field := range strings.Fields(string(text)) {
			switch pid, _ := strconv.Atoi(field); {
			case pid == os.Getpid():
				_ = os.WriteFile(filepath.Join(root, "cgroup.procs"), []byte("0"), 0o644) //nolint:gosec // a kernel's file
			case pid > 0:
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

func inHierarchies(do func(root string) error) error {
	roots, err := hierarchies()
	for _, root := range roots {
		err = errors.Join(err, do(root))
	}
	return err
}
