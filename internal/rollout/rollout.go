// Package rollout deploys a revision to the cluster.
//
//	waiting -> lock -> compare, history -> preflight -> pending -> apply in phases -> watch -> prune -> ready or failed -> unlock
//
// It emits events and prints nothing. Every step can be killed and run again: a write is always the whole desired object, and
// the next comparison finds the objects that are not written yet.
package rollout

import (
	"cmp"
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// parallel is the number of objects that are tried or written at once. More would only be slower: the API server is the limit.
const parallel = 16

// The errors of a deploy, besides those of the cluster.
var (
	// ErrFailed means that the revision failed.
	ErrFailed = errors.New("failed")
	// ErrNotBegun means that nothing was written. The revision is as it was before.
	ErrNotBegun = errors.New("nothing was written")
	// ErrPending means that the revision was still pending at the timeout.
	ErrPending = errors.New("still pending")
	// ErrSuperseded means that a newer revision was deployed instead.
	ErrSuperseded = errors.New("superseded")
	// ErrLocked means that another client was still deploying after Options.LockWait.
	ErrLocked = errors.New("someone else is deploying")
)

// Rollout deploys to a pod on a cluster. All its fields are needed.
type Rollout struct {
	Observer
	Store *store.Store
	Lease *lease.Lease
	// User is the user who deploys, as the API server names them.
	User string
	// Holder is user@host/run, for the lock.
	Holder string
	// Emit is called with each event, from one goroutine at a time.
	Emit func(Event)
}

// Options are the options of a deploy.
type Options struct {
	// Timeout is how long the revision may take to become ready, without the time in the queue.
	Timeout time.Duration
	// LockWait is how long to wait for another deploy.
	LockWait time.Duration
	// Supersede stops a running deploy of an older revision.
	Supersede bool
	// TakeOver takes over existing objects with the names of new ones, although psc did not create them. Else they are a ForeignError.
	TakeOver bool
	// Message replaces the revision's message in the history; an empty one keeps it.
	Message string
	// NoWait returns when everything is written.
	NoWait bool
	// Rebuild is set for a revision that was created to be deployed alone. It rebuilds the revision on the live one. It is called
	// while the lock is held, if the parent of the revision did not go live. Without it, a revision that does not include the
	// live one is an ErrSuperseded.
	Rebuild func(ctx context.Context, r revision.Revision) (revision.Revision, error)
}

// Event is something that happened during a deploy. Exactly one field is set.
type Event struct {
	// Queued is the client whose deploy has to end first.
	Queued *lease.Holder
	// Left are the kinds of objects that the deploy leaves alone, although it may have to remove some: the user may not see them.
	Left []object.Kind
	// Plan is what will be written.
	Plan []plan.Step
	// Status is the new status of a resource.
	Status *Status
}

// Status is the status of one resource.
type Status struct {
	Ref pod.Ref
	health.Status
	// URLs are the addresses of a route.
	URLs []string
	// Lines are the last lines of a log that may explain why the resource is not ready.
	Lines []string
	// Since is the time since the deploy began.
	Since time.Duration
}

// Result is the result of a deploy.
type Result struct {
	Revision revision.Revision
	Statuses []Status
	Duration time.Duration
	// Loose means that drafts have to be rebased onto the revision, if it went live. Those that are made later are based on it.
	Loose bool
	// UpToDate means that the revision was live and ready already, so nothing was written.
	UpToDate bool
}

// Deploy deploys r. The error wraps ErrFailed, ErrPending, ErrNotBegun, ErrLocked or ErrSuperseded if one of them applies. The
// Result is valid also with an error.
func (o *Rollout) Deploy(ctx context.Context, r revision.Revision, opts Options) (Result, error) {
	begin := o.Now()
	if opts.Message == "" && opts.Rebuild == nil && r.State == revision.Ready {
		if statuses, ok := o.upToDate(ctx, r); ok {
			return Result{Revision: r, Statuses: statuses, Duration: o.Now().Sub(begin), UpToDate: true}, nil
		}
	}
	r.Message = cmp.Or(opts.Message, r.Message)
	d := &deploy{
		Rollout: o,
		opts:    opts,
		before:  r,
		ours:    opts.Rebuild != nil || r.State != revision.Waiting && r.State != revision.Pending,
		result:  Result{Revision: r},
		written: map[pod.Ref]int64{},
	}
	err := d.run(ctx)
	return d.result, err
}

// upToDate reports whether r is live, everything is ready and matches r, and no deploy is running. Then nothing has to be
// written, not even the user who deploys. After an error it returns false, and the deploy that follows reports the error.
func (o *Rollout) upToDate(ctx context.Context, r revision.Revision) ([]Status, bool) {
	objects, err := render.Objects(o.Pod, r.Spec, o.Cluster)
	if err != nil {
		return nil, false
	}
	var statuses []Status
	var steps []plan.Step
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		statuses, err = o.Statuses(reading, r)
		return err
	})
	group.Go(func() (err error) {
		var unseen Unseen
		steps, unseen, err = o.Compare(reading, objects)
		return errors.Join(err, unseen.error(objects))
	})
	group.Go(func() error { return o.Store.Present(reading, r.Spec) })
	group.Go(func() error {
		state, err := o.Lease.State(reading)
		if err == nil && (state.Live != r.Number || state.Holder.ID != "") {
			err = ErrSuperseded
		}
		return err
	})
	err = group.Wait()
	if open, failed := tally(statuses); err != nil || open+len(failed)+len(plan.Writes(steps)) > 0 {
		return nil, false
	}
	o.Emit(Event{Plan: steps})
	return statuses, true
}
