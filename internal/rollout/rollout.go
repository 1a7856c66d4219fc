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
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
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

// Rollout is one pod on one cluster, and who deploys to it.
type Rollout struct {
	Kube    *kube.Client
	Store   *store.Store
	Pod     string
	Cluster render.Cluster
	// User is who deploys, in the words of the API server.
	User string
	// Holder is user@host/run, for the lock.
	Holder string
	Now    func() time.Time
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
	Queued *store.Holder
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
		if statuses, ok := o.stands(ctx, r); ok {
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

// stands says whether r is live, everything is as it says, and nobody is about to change that: then nothing has to be
// written, not even who asked. What goes wrong on the way is left to the deploy that comes instead.
func (o *Rollout) stands(ctx context.Context, r revision.Revision) ([]Status, bool) {
	live, holder, err := o.Store.Live(ctx)
	if err != nil || live != r.Number || holder.ID != "" {
		return nil, false
	}
	objects, err := render.Objects(o.Pod, r.Spec, o.Cluster)
	if err != nil {
		return nil, false
	}
	var statuses []Status
	var steps []plan.Step
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		statuses, err = o.Statuses(both, r.Spec)
		return err
	})
	group.Go(func() (err error) {
		steps, err = o.Compare(both, objects)
		return err
	})
	err = group.Wait()
	if open, failed := tally(statuses); err != nil || open+len(failed)+len(plan.Writes(steps)) > 0 {
		return nil, false
	}
	o.Emit(Event{Plan: steps})
	return statuses, true
}

// queue says in the history that r waits for its turn, unless somebody is deploying it already: then the state is theirs.
func (o *Rollout) queue(ctx context.Context, r revision.Revision) (revision.Revision, error) {
	for r.State != revision.Waiting && r.State != revision.Pending {
		next, err := o.Store.MarkOnce(ctx, r, revision.Waiting, o.begins)
		if !apierrors.IsConflict(err) {
			return next, err
		}
		message := r.Message
		if r, err = o.Store.Get(ctx, r.Number); err != nil {
			return r, err
		}
		r.Message = cmp.Or(message, r.Message)
	}
	return r, nil
}

// begins notes who deploys, and since when.
func (o *Rollout) begins(r *revision.Revision) {
	now := o.Now()
	r.DeployedBy, r.Started, r.Finished, r.Reason = o.User, &now, nil, ""
}

func (o *Rollout) lock(ctx context.Context, r revision.Revision, opts Options) (*store.Lock, error) {
	lock, err := o.Store.Lock(ctx, store.Claim{
		ID: o.Holder, Target: r.Number, Wait: opts.LockWait, Supersede: opts.Supersede,
		Waiting: func(h store.Holder) { o.Emit(Event{Queued: &h}) },
	})
	var held *store.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("%w: %s has been deploying r%d since %s", ErrLocked, held.ID, held.Target, held.Since.Local().Format(time.TimeOnly))
	}
	return lock, err
}

// supersede ends the revisions before r whose deploys died or were left pending. What never began to be written and is
// not part of r waits again as a draft.
func (o *Rollout) supersede(ctx context.Context, h revision.History, r revision.Revision) error {
	path := h.Path(r.Number)
	for _, old := range h.All {
		var err error
		switch {
		case old.Number >= r.Number:
		case old.State == revision.Waiting && !path[old.Number]:
			_, err = o.Store.MarkOnce(ctx, old, revision.Draft, nil)
		case old.State == revision.Waiting || old.State == revision.Pending:
			reason := fmt.Sprintf("%v by r%d", ErrSuperseded, r.Number)
			if path[old.Number] {
				reason += ", which holds it"
			}
			_, err = o.finish(ctx, old, revision.Failed, reason)
		}
		if err != nil && !apierrors.IsConflict(err) && !errors.As(err, new(*revision.MoveError)) {
			return err
		}
	}
	return nil
}

// Settle finds out how a deploy ended that nobody waited for, and writes it down: r is the live revision, and nobody
// is deploying. It returns r as it is afterwards, and how its resources fare.
func (o *Rollout) Settle(ctx context.Context, r revision.Revision) (revision.Revision, []Status, error) {
	statuses, err := o.Statuses(ctx, r.Spec)
	if err != nil || r.State != revision.Pending {
		return r, statuses, err
	}
	open, failed := tally(statuses)
	to := revision.Ready
	switch {
	case len(failed) > 0:
		to = revision.Failed
	case open > 0:
		return r, statuses, nil
	}
	now := o.Now()
	settled, err := o.Store.MarkOnce(ctx, r, to, func(r *revision.Revision) { r.Finished, r.Reason = &now, strings.Join(failed, "; ") })
	if apierrors.IsConflict(err) || apierrors.IsForbidden(err) { // somebody else has settled it, or has to
		settled.State, err = to, nil
	}
	return settled, statuses, err
}

// deploy is one run of a Rollout.
type deploy struct {
	*Rollout
	lock   *store.Lock
	begin  time.Time
	before revision.Revision // as it was before it was asked for
	ours   bool              // nobody else has asked for it
	// written are the generations of what was written: what a watch still shows of an older one says nothing.
	written map[pod.Ref]int64
}

// leave gives up before anything was written: the revision becomes again what it was before it was asked for, a draft
// where it was never deployed. One that somebody else has asked for, or has taken up meanwhile, stays theirs.
func (d *deploy) leave(ctx context.Context, result Result, cause error) (Result, error) {
	if ctx.Err() != nil {
		cause = context.Cause(ctx)
	}
	if result.Revision.State != revision.Waiting && result.Revision.State != revision.Pending || !d.ours || apierrors.IsUnauthorized(cause) {
		return result, notBegun{cause}
	}
	to := d.before.State
	if to != revision.Ready && to != revision.Failed {
		to = revision.Draft
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	r, err := d.Store.MarkOnce(end, result.Revision, to, func(r *revision.Revision) {
		r.DeployedBy, r.Started, r.Finished, r.Reason = d.before.DeployedBy, d.before.Started, d.before.Finished, d.before.Reason
	})
	if apierrors.IsConflict(err) {
		return result, notBegun{cause}
	}
	result.Revision = r
	return result, errors.Join(notBegun{cause}, err)
}

// turn is a deploy whose turn has come.
func (d *deploy) turn(ctx context.Context, result Result, opts Options) (Result, error) {
	all, err := d.Store.List(ctx)
	if err != nil {
		return d.leave(ctx, result, err)
	}
	h := revision.NewHistory(all, d.lock.Live())
	r := result.Revision
	// A revision that is deployed alone brings itself and nothing else: what it was made to has to run by now. Where it
	// does not, somebody gave up, died, or comes after us.
	others := slices.DeleteFunc(h.Brings(r.Number), func(b revision.Revision) bool { return b.Number == r.Number })
	founded := h.Follows(r.Number, h.Live) && (opts.Again == nil || len(others) == 0)
	switch {
	case h.Path(h.Live)[r.Number] && r.Number != h.Live:
		return d.fail(ctx, result, fmt.Errorf("%w by r%d, which holds it", ErrSuperseded, h.Live))
	case !founded && opts.Again == nil:
		return d.leave(ctx, result, fmt.Errorf("%w by r%d, which it does not hold", ErrSuperseded, h.Live))
	case !founded:
		if r, err = opts.Again(ctx, r); err != nil {
			return d.leave(ctx, result, err)
		}
		result.Revision, d.before = r, r
		if all, err = d.Store.List(ctx); err != nil {
			return d.leave(ctx, result, err)
		}
		h = revision.NewHistory(all, h.Live)
	}
	result, err = d.run(ctx, result, opts)
	if errors.Is(err, ErrNotBegun) || gone(err) {
		return result, err
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return result, errors.Join(err, d.supersede(end, h, result.Revision))
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
	case err != nil && errors.Is(context.Cause(timed), ErrPending):
		return result, fmt.Errorf("%w after %s", ErrPending, opts.Timeout)
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

// write applies the steps phase by phase, waits until everything is ready, and removes what is no longer wanted.
func (d *deploy) write(ctx context.Context, spec pod.Spec, steps []plan.Step, noWait bool) ([]Status, error) {
	if noWait {
		for _, phase := range []int{plan.PhaseBase, plan.PhaseWork, plan.PhaseRoutes, plan.PhaseRemove} {
			if err := d.do(ctx, plan.Phase(steps, phase)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	w, err := d.watch(ctx, spec)
	if err != nil {
		return nil, err
	}
	for _, phase := range []int{plan.PhaseBase, plan.PhaseWork} {
		if err := d.do(ctx, plan.Phase(steps, phase)); err != nil {
			return nil, err
		}
	}
	// A route changes when the apps it leads to are there, so no request meets an app that is not.
	routes := plan.Phase(steps, plan.PhaseRoutes)
	if len(plan.Writes(routes)) > 0 {
		if statuses, err := w.wait(ctx, pod.KindApp); err != nil {
			return statuses, err
		}
		if err := d.do(ctx, routes); err != nil {
			return nil, err
		}
	}
	statuses, err := w.wait(ctx, pod.KindApp, pod.KindRoute)
	if err != nil {
		return statuses, err
	}
	return statuses, d.do(ctx, plan.Phase(steps, plan.PhaseRemove))
}

// gone says that nothing more can be written: the lease and the state are somebody else's by now, or the API server does
// not know us any more. Whoever deploys next finds everything as it is.
func gone(err error) bool { return errors.Is(err, store.ErrLost) || apierrors.IsUnauthorized(err) }

// fail writes down that a revision failed and why, if that can be: when the right to deploy was lost, or the server is away,
// the revision stays what it is.
func (d *deploy) fail(ctx context.Context, result Result, cause error) (Result, error) {
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	held := d.lock.Held(soon)
	reason := cause.Error()
	var newer *store.SupersededError
	switch {
	case errors.As(context.Cause(ctx), &newer):
		reason, cause = newer.Error(), fmt.Errorf("%w by r%d", ErrSuperseded, newer.By)
	case ctx.Err() != nil:
		cause = context.Cause(ctx)
		reason = fmt.Sprintf("%v by %s", cause, d.User)
	}
	if held != nil || gone(cause) {
		return result, cause
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	r, err := d.finish(end, result.Revision, revision.Failed, reason)
	if errors.As(err, new(*revision.MoveError)) { // somebody else has ended it
		err = nil
	}
	result.Revision = r
	return result, errors.Join(fmt.Errorf("%w: %w", ErrFailed, cause), err)
}

func (o *Rollout) finish(ctx context.Context, r revision.Revision, to revision.State, reason string) (revision.Revision, error) {
	now := o.Now()
	return o.Store.Mark(ctx, r, to, func(r *revision.Revision) { r.Finished, r.Reason = &now, reason })
}
