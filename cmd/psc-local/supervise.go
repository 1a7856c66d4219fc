package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// process is what is known about a component, as `status` shows it.
type process struct {
	Name     string    `json:"name"`
	State    string    `json:"state"` // waiting, starting, running, restarting, stopped
	Reason   string    `json:"reason,omitempty"`
	Version  string    `json:"version"`
	PID      int       `json:"pid,omitempty"`
	Memory   int64     `json:"memory"` // bytes; a page that processes share counts in part
	Restarts int       `json:"restarts"`
	Since    time.Time `json:"since"`
}

// keeper keeps the components of a cluster running and records their state. The current folder is the
// cluster's.
type keeper struct {
	children *children
	stdin    *os.File   // a pipe that ends with this process; see dieWithSupervisor
	extra    []*os.File // more open files for the components, from 3 on
	env      []string
	outside  func(pid int) int // the PID of a child as `status` sees it; nil: the same

	mu        sync.Mutex
	processes []process
}

// keep runs all components until ctx ends; then it kills them.
func keep(ctx context.Context, k *keeper, all []component) error {
	gone, stdin, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = stdin.Close() }()
	k.stdin = gone
	ready := map[string]chan struct{}{}
	for _, c := range all {
		ready[c.name] = make(chan struct{})
		k.processes = append(k.processes, process{Name: c.name, State: "waiting", Version: version(c.module), Since: time.Now()})
	}
	var group sync.WaitGroup
	for _, c := range all {
		group.Go(func() {
			for _, name := range c.after {
				select {
				case <-ready[name]:
				case <-ctx.Done():
					return
				}
			}
			k.restart(ctx, c, sync.OnceFunc(func() { close(ready[c.name]) }))
		})
	}
	<-ctx.Done()
	group.Wait()
	return nil
}

// restart runs one component whenever it has ended. The pause before that grows each time that it ends early.
func (k *keeper) restart(ctx context.Context, c component, ready func()) {
	const first, last = 100 * time.Millisecond, 5 * time.Second
	for pause := first; ctx.Err() == nil; pause = min(2*pause, last) {
		start := time.Now()
		reason := k.once(ctx, c, ready)
		if time.Since(start) > 10*time.Second {
			pause = first
		}
		k.record(c.name, func(p *process) {
			p.State, p.PID, p.Reason = "restarting", 0, reason
			p.Restarts++
		})
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// once runs one component until it ends, and returns how it ended.
func (k *keeper) once(ctx context.Context, c component, ready func()) string {
	log, err := os.OpenFile(filepath.Join("logs", c.name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = log.Close() }()
	pid, done, err := k.children.start(append([]string{c.name}, c.args...), &os.ProcAttr{
		Env: k.env, Files: append([]*os.File{k.stdin, log, log}, k.extra...),
	})
	if err != nil {
		return fmt.Sprintf("cannot start: %v", err)
	}
	k.record(c.name, func(p *process) {
		p.State, p.PID = "starting", pid
		if k.outside != nil {
			p.PID = k.outside(pid)
		}
	})

	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case status := <-done:
			return ending(status)
		case <-ctx.Done():
			_ = syscall.Kill(pid, syscall.SIGKILL) // there is nothing to save
			return ending(<-done)
		case <-poll.C:
			if c.ready == nil || c.ready(ctx) == nil {
				poll.Stop()
				k.record(c.name, func(p *process) { p.State = "running" })
				ready()
			}
		}
	}
}

// ending describes how a process ended.
func ending(s syscall.WaitStatus) string {
	at := time.Now().Format(time.TimeOnly)
	if s.Signaled() {
		return fmt.Sprintf("killed at %s (%v)", at, s.Signal())
	}
	return fmt.Sprintf("ended at %s with code %d", at, s.ExitStatus())
}

// record changes the state of one component and writes all of them to the status file.
func (k *keeper) record(name string, change func(*process)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	i := slices.IndexFunc(k.processes, func(p process) bool { return p.Name == name })
	change(&k.processes[i])
	k.processes[i].Since = time.Now()
	if err := writeJSON(statusFile, k.processes); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "write status: %v\n", err)
	}
}
