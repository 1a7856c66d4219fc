package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// children starts processes and waits for all of them in one place. PID 1 of a node has to do that: it also
// gets the orphans of other processes, and os/exec would compete for them.
type children struct {
	binary string // the program of all of them
	mu     sync.Mutex
	done   map[int]chan syscall.WaitStatus
}

// newChildren waits for the children of this process from now on.
func newChildren(binary string) *children {
	c := &children{binary: binary, done: map[int]chan syscall.WaitStatus{}}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			c.reap()
		}
	}()
	return c
}

// start runs the binary with argv. It returns the PID and a channel that receives the exit status.
func (c *children) start(argv []string, attr *os.ProcAttr) (int, <-chan syscall.WaitStatus, error) {
	c.mu.Lock() // reap must wait until the child is known
	defer c.mu.Unlock()
	process, err := os.StartProcess(c.binary, argv, attr)
	if err != nil {
		return 0, nil, err
	}
	pid := process.Pid
	done := make(chan syscall.WaitStatus, 1)
	c.done[pid] = done
	return pid, done, process.Release()
}

// reap collects all children that have ended.
func (c *children) reap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if done, ours := c.done[pid]; ours {
			delete(c.done, pid)
			done <- status
		}
	}
}
