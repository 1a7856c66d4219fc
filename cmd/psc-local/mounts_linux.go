package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountNode gives the node a view of the machine's files in which nothing can be left behind: files that its programs
// write outside the cluster's folder are in memory.
func mountNode(c cluster) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	// Open the folders first: the mounts that follow may hide them.
	binds := map[string]int{}
	for to, from := range map[string]string{nodeDir: c.dir, nodeDist: distFile("")} {
		fd, err := unix.Open(from, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", from, err)
		}
		defer func() { _ = unix.Close(fd) }()
		binds[to] = fd
	}
	if err := mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	for _, dir := range []string{"/run", "/var/lib", "/var/log", "/tmp"} {
		if err := mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return err
		}
	}
	for to, fd := range binds {
		if err := bind(fmt.Sprintf("/proc/self/fd/%d", fd), to); err != nil {
			return err
		}
	}
	// Kubernetes' own provisioner creates the folders for disks there.
	if err := bind(filepath.Join(nodeDir, "disks"), "/tmp/hostpath_pv"); err != nil {
		return err
	}
	return shieldSysctls()
}

// shieldSysctls keeps the kubelet from changing the machine's kernel: the kubelet finds the values that it wants.
func shieldSysctls() error {
	const dir = "/run/psc-local/sysctl"
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		file := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
			return err
		}
		if err := mount(file, filepath.Join("/proc/sys", name), "", unix.MS_BIND, ""); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// bind mounts a folder at a second path, creating it if needed.
func bind(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	return mount(from, to, "", unix.MS_BIND, "")
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}
