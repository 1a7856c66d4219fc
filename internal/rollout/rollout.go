// Package rollout brings a revision to the cluster.
//
//	lock -> waiting -> render -> compare -> preflight -> pending -> apply in phases -> watch -> prune -> ready or failed -> unlock
//
// It emits events and prints nothing. Every step can be killed and run again: what is written is the whole desired
// object, and what is not written yet is found by the next comparison.
package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// parallel is how many requests are under way at once. More only make each one slower: the API server is the limit.
const parallel = 16

// Errors that a deploy ends with, beside those of the cluster.
var (
	// ErrFailed wraps the reason why a revision failed.
	ErrFailed = errors.New("failed")
	// ErrNotBegun wraps the reason why nothing was written. The revision is then what it was before.
	ErrNotBegun = errors.New("nothing was written")
	// ErrPending says that the time was over while the revision was still pending.
	ErrPending = errors.New("still pending")
	// ErrSuperseded says that a newer revision was deployed meanwhile.
	ErrSuperseded = errors.New("superseded")
	// ErrLocked says that somebody else was deploying for as long as we were ready to wait.
	ErrLocked = errors.New("someone else is deploying")
)

// notBegun marks the cause of an end before anything was written.
type notBegun struct{ cause error }

func (e notBegun) Error() string   { return e.cause.Error() }
func (e notBegun) Unwrap() []error { return []error{ErrNotBegun, e.cause} }

// Rollout deploys to a pod on a cluster. All its fields are needed.
type Rollout struct {
	Observer
	Store *store.Store
	Lease *lease.Lease
	// User is who deploys, in the words of the API server.
	User string
	// Holder is user@host/run, for the lock.
	Holder string
	// Emit is told what happens. It is called from one goroutine at a time.
	Emit func(Event)
}

// Options are what the person who deploys may choose.
type Options struct {
	// Timeout is how long the revision may take to become ready, without the time in the queue.
	Timeout time.Duration
	// LockWait is how long to wait for another deploy.
	LockWait time.Duration
	// Supersede asks whoever deploys an older revision to give way.
	Supersede bool
	// Message is what to say of the revision in the history; empty leaves what is said.
	Message string
	// NoWait returns when everything is written.
	NoWait bool
	// Again makes a revision again, on top of the one that is live when its turn has come. It is asked where the revision
	// was made to one that did not come to run, and may be nil: that is then an error.
	Again func(ctx context.Context, r revision.Revision) (revision.Revision, error)
}

// Event is something that happened during a deploy. Exactly one field is set.
type Event struct {
	// Queued says who is deploying before us.
	Queued *lease.Holder
	// Plan is what will be written.
	Plan []plan.Step
	// Status is how a resource fares now; one for every change.
	Status *Status
}

// Status is how one resource fares.
type Status struct {
	Ref pod.Ref
	health.Status
	// URLs are where a route is reached.
	URLs []string
	// Lines are the last of a log that may tell why the resource is not ready.
	Lines []string
	// Since is the time since the deploy began.
	Since time.Duration
}

// Result is how a deploy ended.
type Result struct {
	Revision revision.Revision
	Statuses []Status
	Duration time.Duration
}

// Deploy brings r to the cluster. The error wraps ErrFailed, ErrPending, ErrNotBegun, ErrLocked or ErrSuperseded where
// one of them is the reason; the Result tells how far it came in any case.
func (o *Rollout) Deploy(ctx context.Context, r revision.Revision, opts Options) (Result, error) {
	begin := o.Now()
	if opts.Message == "" && opts.Again == nil && r.State == revision.Ready {
		if statuses, ok := o.upToDate(ctx, r); ok {
			return Result{Revision: r, Statuses: statuses, Duration: o.Now().Sub(begin)}, nil
		}
	}
	r.Message = cmp.Or(opts.Message, r.Message)
	result := Result{Revision: r}
	asked, err := o.queue(ctx, r)
	if err != nil {
		return result, err
	}
	result.Revision = asked
	lock, err := o.lock(ctx, asked, opts)
	ours := opts.Again != nil || r.State != revision.Waiting && r.State != revision.Pending
	d := &deploy{Rollout: o, lock: lock, begin: o.Now(), before: r, ours: ours, written: map[pod.Ref]int64{}}
	if err != nil {
		return d.leave(ctx, result, err)
	}
	held := lock.Hold(ctx)
	result, err = d.turn(held, result, opts)
	result.Duration = o.Now().Sub(d.begin)
	if cause := context.Cause(held); ctx.Err() == nil && gone(cause) {
		err = cause // whatever else went wrong did because of it
	}
	if gone(err) {
		return result, err
	}
	// Whatever interrupted the deploy must not keep us from tidying up.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return result, errors.Join(err, lock.Release(end))
}

// deploy is one run of a Rollout.
type deploy struct {
	*Rollout
	lock   *lease.Lock
	begin  time.Time
	before revision.Revision // as it was before it was asked for
	ours   bool              // nobody else has asked for it
	// written are the generations of what was written: what a watch still shows of an older one says nothing.
	written map[pod.Ref]int64
}

func (d *deploy) run(ctx context.Context, result Result, opts Options) (Result, error) {
	r, err := d.Store.Mark(ctx, result.Revision, revision.Waiting, d.begins) // it is our turn, whatever became of it meanwhile
	if err != nil {
		return d.leave(ctx, result, err)
	}
	result.Revision = r
	objects, err := render.Objects(d.Pod, r.Spec, d.Cluster)
	if err == nil {
		err = errors.Join(d.Store.Present(ctx, r.Spec), d.Shrinks(ctx, r.Spec))
	}
	if err != nil {
		return d.leave(ctx, result, err)
	}
	steps, err := d.Compare(ctx, objects)
	if err == nil {
		steps, err = d.preflight(ctx, steps)
	}
	if err != nil {
		return d.leave(ctx, result, err)
	}
	d.Emit(Event{Plan: steps})
	pending, err := d.Store.Mark(ctx, r, revision.Pending, nil)
	if err != nil {
		return d.leave(ctx, result, err)
	}
	result.Revision = pending
	if err := d.lock.SetLive(ctx, r.Number); err != nil {
		return d.leave(ctx, result, err)
	}
	timed, cancel := context.WithTimeoutCause(ctx, opts.Timeout, ErrPending)
	defer cancel()
	result.Statuses, err = d.write(timed, r.Spec, steps, opts.NoWait)
	switch {
	case errors.Is(err, ErrPending):
		return result, fmt.Errorf("%w after %s", ErrPending, opts.Timeout)
	case err != nil && errors.Is(context.Cause(timed), ErrPending):
		return result, fmt.Errorf("%w after %s: %w", ErrPending, opts.Timeout, err)
	case err != nil:
		return d.fail(ctx, result, err)
	case opts.NoWait:
		return result, nil
	}
	if err := d.lock.Held(ctx); err != nil {
		return d.fail(ctx, result, err)
	}
	result.Revision, err = d.finish(ctx, result.Revision, revision.Ready, "")
	return result, err
}
