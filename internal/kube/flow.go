package kube

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Flow knows whether data of a process waits: a write to a slow reader can take any time.
type Flow struct {
	mu      sync.Mutex
	waiting int // reads whose data was not passed on yet, and writes that have not returned
	last    time.Time
	piped   bool // a process without a terminal got input: what was sent may wait on the way
}

// Through returns a writer whose writes the Flow knows; nil for nil.
func (f *Flow) Through(to io.Writer) io.Writer {
	if to == nil {
		return nil
	}
	return flowWriter{f, to}
}

// Ended returns a channel that is closed when nothing has moved or waited for a time, or when the context ends.
func (f *Flow) Ended(ctx context.Context, quiet time.Duration) <-chan struct{} {
	over := make(chan struct{})
	f.note(0)
	go func() {
		defer close(over)
		for wait := quiet; wait > 0; wait = f.rest(quiet) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	}()
	return over
}

// rest returns how long nothing has to move from now on.
func (f *Flow) rest(quiet time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting > 0 {
		return quiet
	}
	return quiet - time.Since(f.last)
}

func (f *Flow) note(waiting int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting += waiting
	f.last = time.Now()
}

// liftPeriod is how often deadlines are lifted. It is well below the 60 seconds of the executor.
const liftPeriod = 20 * time.Second

// lift lifts the deadlines of a connection while data may wait, until the context ends. The WebSocket executor gives up when an
// answer to its pings, or a write, takes 60 seconds. Both wait behind the data of a process: behind output that nobody reads yet (a
// pager), and input that the process does not read yet (a database that runs a long statement). While the deadlines are lifted, only
// TCP notices that the other end has gone.
func (f *Flow) lift(ctx context.Context, conn *atomic.Pointer[net.Conn]) {
	ticker := time.NewTicker(liftPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		f.mu.Lock()
		waits := f.waiting > 0 || f.piped
		f.mu.Unlock()
		if c := conn.Load(); c != nil && waits {
			_ = (*c).SetDeadline(time.Time{}) // fails on a connection that is closed
		}
	}
}

type flowWriter struct {
	flow *Flow
	to   io.Writer
}

// Write implements io.Writer.
func (w flowWriter) Write(p []byte) (int, error) {
	w.flow.note(1)
	defer w.flow.note(-1)
	return w.to.Write(p)
}

// flowReader is read again when its data was passed on.
type flowReader struct {
	flow     *Flow
	from     io.Reader
	terminal bool
	waiting  int // 1 if the data of the last read waits
}

// Read implements io.Reader.
func (r *flowReader) Read(p []byte) (int, error) {
	r.flow.note(-r.waiting)
	n, err := r.from.Read(p)
	r.waiting = min(n, 1)
	r.flow.note(r.waiting)
	if n > 0 && !r.terminal {
		r.flow.mu.Lock()
		r.flow.piped = true
		r.flow.mu.Unlock()
	}
	return n, err
}
