package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Where things are for the processes of a node, whatever the names of the folders are outside.
const (
	nodeDir  = "/run/psc-local/state" // the cluster's folder
	nodeDist = "/run/psc-local/dist"  // the folder that build.sh made
)

// whyNotReal says what is missing for a real node here, or nothing.
func whyNotReal() string {
	if os.Geteuid() != 0 {
		return "they need root"
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return "the program nft is not on the path"
	}
	if _, err := os.Stat(distFile("node/runc")); err != nil {
		return "psc-local was built without runc"
	}
	return ""
}

// superviseNode keeps a real node alive: an init process (see runNode) in namespaces of its own, which runs the
// components. Init ends when this process does, and this process when init does.
//
// The ports of this machine are opened here and inherited: a socket belongs to the network that it was made in,
// so init can take connections from outside and pass them on inside.
func superviseNode(ctx context.Context, c cluster, p plan, lock, registry *os.File) error {
	defer runtime.KeepAlive(lock) // closed by the garbage collector, it would be free
	mounts, err := os.Open("/proc/self/ns/mnt")
	if err != nil {
		return err
	}
	alive, end, err := os.Pipe()
	if err != nil {
		return err
	}
	files := []*os.File{alive, os.Stdout, os.Stderr, lock, mounts, registry}
	for _, port := range p.relayed() {
		file, err := listen(ctx, port)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	if err := makeCgroup(c.cgroup()); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pid, done, err := newChildren(self).start([]string{"psc-local", "_node", "--name", c.name}, &os.ProcAttr{
		Env: os.Environ(), Files: files,
		Sys: &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		},
	})
	if err != nil {
		return fmt.Errorf("start the node: %w", err)
	}
	_ = alive.Close()
	select {
	case status := <-done:
		return fmt.Errorf("the node's init was %s", how(status))
	case <-ctx.Done():
	}
	_ = end.Close()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(pid, syscall.SIGKILL)
		<-done
	}
	return nil
}

// relayed are the ports that lead to components inside, in the order in which init inherits them.
func (p plan) relayed() []int { return []int{p.API, p.HTTP, p.HTTPS} }

// runNode is PID 1 of a real node. It runs the components until the supervisor tells it to end or is gone; then it
// removes all that is left of the cluster, because nobody else may be there to do it.
func runNode(ctx context.Context, c cluster) error {
	if os.Getpid() != 1 {
		return usageError{errors.New("_node is for psc-local itself")}
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	syscall.CloseOnExec(3) // the lock: not an *os.File, which the garbage collector would close
	mounts := inherited(4, "mounts")
	p, err := c.plan()
	if err != nil {
		return err
	}
	if err := runInside(ctx, c, p); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	for syscall.Kill(-1, syscall.SIGKILL) == nil { // until there is no other process
		time.Sleep(5 * time.Millisecond)
	}
	// Back to the machine's own mounts, where no mount of ours holds a file and every path means what it did
	// before. A thread may do that alone once it shares no working folder with the others.
	runtime.LockOSThread()
	if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS)); err != nil {
		return fmt.Errorf("leave the node's mounts: %w", err)
	}
	return c.erase()
}

// runInside sets the node up and runs its components until ctx ends.
func runInside(ctx context.Context, c cluster, p plan) error {
	proc, err := os.Open("/proc")
	if err != nil {
		return err
	}
	if err := errors.Join(joinCgroup(c.cgroup()), mountNode(c), setUpNetwork(), unix.Sethostname([]byte("psc-local")), os.Chdir(nodeDir)); err != nil {
		return fmt.Errorf("set the node up: %w", err)
	}
	inside, err := listen(ctx, p.Registry)
	if err != nil {
		return err
	}
	if err := serveRegistry(inherited(5, "registry"), inside); err != nil {
		return err
	}
	if err := push(p, "psc-local/pause:1", nodeDist+"/node/pause", io.Discard); err != nil {
		return err
	}
	for i, port := range p.relayed() {
		listener, err := net.FileListener(inherited(uintptr(6+i), "listener"))
		if err != nil {
			return err
		}
		go relay(ctx, listener, loopback(port))
	}
	go openDisks(ctx)
	k := &keeper{children: newChildren(nodeDist + "/psc-local"), outside: func(pid int) int { return pidOutside(proc, pid) }, env: componentEnv(nodeDist + "/node:" + os.Getenv("PATH"))}
	return keep(ctx, k, components(p))
}

// pidOutside is the number that a process of the node has on the machine. Only a /proc from there can tell; it shows
// it for an open handle of the process.
func pidOutside(proc *os.File, pid int) int {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0
	}
	defer func() { _ = unix.Close(fd) }()
	text, _ := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d/self/fdinfo/%d", proc.Fd(), fd))
	_, line, _ := strings.Cut(string(text), "\nPid:")
	line, _, _ = strings.Cut(line, "\n")
	pid, _ = strconv.Atoi(strings.TrimSpace(line))
	return pid
}

// openDisks lets every user write to new disks: Kubernetes' own provisioner makes them for root alone, and knows no
// way to say otherwise.
func openDisks(ctx context.Context) {
	for ctx.Err() == nil {
		disks, _ := os.ReadDir("disks")
		for _, disk := range disks {
			if info, err := disk.Info(); err == nil && info.Mode().Perm() != 0o777 {
				_ = os.Chmod(filepath.Join("disks", disk.Name()), 0o777) //nolint:gosec // below a folder that only root may enter
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// relay passes on the connections of a listener.
func relay(ctx context.Context, listener net.Listener, address string) {
	for {
		outside, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = outside.Close() }()
			inside, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			if err != nil {
				return
			}
			defer func() { _ = inside.Close() }()
			sent := make(chan struct{})
			go func() {
				pass(inside, outside)
				close(sent)
			}()
			pass(outside, inside)
			<-sent
		}()
	}
}

// pass copies one direction of a connection, its end included. When a side fails, the other one is closed, too.
func pass(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		_, _ = to.Close(), from.Close()
		return
	}
	_ = to.(*net.TCPConn).CloseWrite()
}
