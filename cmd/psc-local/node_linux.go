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

// The paths that the processes of a node see, independent of the names of the folders on the machine.
const (
	nodeDir  = "/run/psc-local/state" // the cluster's folder
	nodeDist = "/run/psc-local/dist"  // the folder that build.sh made
)

// whyNotReal returns what is missing for a real node on this machine, or an empty string.
func whyNotReal() string {
	if os.Geteuid() != 0 {
		return "real nodes need root"
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return "real nodes need the program nft, which is not on the path"
	}
	if _, err := os.Stat(distFile("node/runc")); err != nil {
		return "real nodes need runc, and psc-local was built without it"
	}
	return ""
}

// superviseNode keeps a real node alive: an init process (see runNode) in its own namespaces, which runs the
// components. When one of this process and init ends, the other one ends, too.
//
// This process opens the ports on the machine and init inherits them: a socket belongs to the network in which it
// was created, so init can accept connections from outside and forward them inside.
func superviseNode(ctx context.Context, c cluster, p plan, lock, registry *os.File) error {
	defer runtime.KeepAlive(lock) // the garbage collector would close the file, which frees the lock
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
	if err := errors.Join(makeCgroup(c.cgroup()), p.letOut(ctx)); err != nil {
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
		return fmt.Errorf("init of the node: %s", ending(status))
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

// relayed returns the ports that lead to components inside, in the order in which init inherits them.
func (p plan) relayed() []int { return []int{p.API, p.HTTP, p.HTTPS} }

// runNode is PID 1 of a real node. It runs the components until the supervisor stops it or ends. Then it removes
// everything that is left of the cluster, because no other process may be left to do that.
func runNode(ctx context.Context, c cluster) error {
	if os.Getpid() != 1 {
		return usageError{errors.New("_node is internal to psc-local")}
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
	// Return to the machine's own mounts, where no mount of ours holds a file and every path means the same as
	// before. A single thread may do that once it shares no working folder with the others.
	runtime.LockOSThread()
	if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Setns(int(mounts.Fd()), unix.CLONE_NEWNS)); err != nil {
		return fmt.Errorf("leave the node's mounts: %w", err)
	}
	return c.erase()
}

// runInside sets up the node and runs its components until ctx ends.
func runInside(ctx context.Context, c cluster, p plan) error {
	proc, err := os.Open("/proc")
	if err != nil {
		return err
	}
	if err := errors.Join(joinCgroup(c.cgroup()), mountNode(c), setUpNetwork(), unix.Sethostname([]byte("psc-local")), os.Chdir(nodeDir)); err != nil {
		return fmt.Errorf("set up the node: %w", err)
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
		go relay(ctx, listener, "tcp", loopback(port))
	}
	if err := p.letIn(ctx); err != nil {
		return err
	}
	go openDisks(ctx)
	k := &keeper{children: newChildren(nodeDist + "/psc-local"), outside: func(pid int) int { return pidOutside(proc, pid) }, env: componentEnv(nodeDist + "/node:" + os.Getenv("PATH"))}
	return keep(ctx, k, components(p))
}

// pidOutside returns the PID that a process of the node has on the machine. Only the machine's /proc shows it, for an
// open handle of the process.
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

// openDisks lets every user write to new disks: Kubernetes' own provisioner creates them for root alone and has no
// option to change that.
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

// relay forwards the connections of a listener to address.
func relay(ctx context.Context, listener net.Listener, network, address string) {
	for {
		outside, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = outside.Close() }()
			inside, err := (&net.Dialer{}).DialContext(ctx, network, address)
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

// pass copies one direction of a connection, including its end. When one side fails, it closes both.
func pass(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		_, _ = to.Close(), from.Close()
		return
	}
	_ = to.(interface{ CloseWrite() error }).CloseWrite()
}

// The API server of a real node reaches the issuer through a Unix socket, which leads out of the node's network.
const issuerSocket = "issuer.sock"

// letIn forwards connections to the issuer from the node's network to the socket. The current folder is the cluster's.
func (p plan) letIn(ctx context.Context) error {
	address, err := p.issuerAddress()
	if err != nil || address == "" {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	go relay(ctx, listener, "unix", issuerSocket)
	return nil
}

// letOut forwards connections from the socket to the issuer. The current folder is the cluster's.
func (p plan) letOut(ctx context.Context) error {
	address, err := p.issuerAddress()
	if err != nil || address == "" {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", issuerSocket)
	if err != nil {
		return err
	}
	go relay(ctx, listener, "tcp", address)
	return nil
}
