package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
)

// startSupervisor starts the process that keeps a cluster alive, detached from this one. It inherits
// the lock on the cluster's folder and the registry's port.
func startSupervisor(c cluster, lock, registry *os.File) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(c.path("logs", "supervisor.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	process, err := os.StartProcess(self, []string{"psc-local", "_supervise", "--name", c.name}, &os.ProcAttr{
		Dir: c.dir, Env: append(os.Environ(), "PSC_LOCAL_HOME="+filepath.Dir(c.dir)),
		Files: []*os.File{nil, log, log, lock, registry},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return fmt.Errorf("start the supervisor: %w", err)
	}
	if err := os.WriteFile(c.path(pidFile), []byte(strconv.Itoa(process.Pid)), 0o600); err != nil {
		return err
	}
	return process.Release()
}

// supervisorPID returns the supervisor's PID, which is valid only while the cluster's folder is locked.
func supervisorPID(c cluster) int {
	text, _ := os.ReadFile(c.path(pidFile))
	pid, _ := strconv.Atoi(string(text))
	return pid
}

// supervise keeps a cluster alive until a signal stops it, and then removes everything of it.
func supervise(ctx context.Context, c cluster) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	lock, registry := inherited(3, "lock"), inherited(4, "registry")
	p, err := c.plan()
	if err != nil {
		return err
	}
	if p.Nodes == nodesReal {
		err = superviseNode(ctx, c, p, lock, registry)
	} else {
		err = superviseSimulated(ctx, p, lock, registry)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // `up` holds the file open and reads it
	}
	return c.erase()
}

// superviseSimulated runs the components as children of this process.
func superviseSimulated(ctx context.Context, p plan, lock, registry *os.File) error {
	if err := serveRegistry(registry); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	k := &keeper{children: newChildren(self), extra: []*os.File{lock}, env: componentEnv(os.Getenv("PATH"))}
	return keep(ctx, k, components(p))
}

// componentEnv is the environment of all components. Except for PATH it contains nothing of the user's, and
// its home and temporary folders are in the cluster's folder.
func componentEnv(path string) []string {
	dir, _ := os.Getwd()
	return []string{"PATH=" + path, "HOME=" + dir, "TMPDIR=" + filepath.Join(dir, "tmp"), "XDG_DATA_HOME=" + dir}
}

// inherited returns an open file that this process got from its parent and does not pass to its children.
func inherited(fd uintptr, name string) *os.File {
	syscall.CloseOnExec(int(fd))
	return os.NewFile(fd, name)
}

// version returns the version of a module that this binary is built from.
func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
}
