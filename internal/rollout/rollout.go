// Package rollout brings a revision to the cluster.
//
//	lock -> waiting -> render -> compare -> pending -> apply in phases -> watch -> prune -> ready or failed -> unlock
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
	// ErrPending says that the time was over while the revision was still pending.
	ErrPending = errors.New("still pending")
	// ErrSuperseded says that a newer revision was deployed meanwhile.
	ErrSuperseded = errors.New("superseded")
	// ErrLocked says that somebody else was deploying for as long as we were ready to wait.
	ErrLocked = errors.New("someone else is deploying")
)

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
	// NoWait returns when everything is written.
	NoWait bool
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
	// Since is the time since the deploy began.
	Since time.Duration
}

// Result is how a deploy ended.
type Result struct {
	Revision revision.Revision
	Statuses []Status
	Duration time.Duration
}

// Deploy brings r to the cluster. The error wraps ErrFailed, ErrPending, ErrLocked or ErrSuperseded where one of them is
// the reason; the Result tells how far it came in any case.
func (o *Rollout) Deploy(ctx context.Context, r revision.Revision, opts Options) (Result, error) {
	result := Result{Revision: r}
	r, err := o.queue(ctx, r)
	if err != nil {
		return result, err
	}
	result.Revision = r
	lock, err := o.lock(ctx, r, opts.LockWait)
	if err != nil {
		return o.leave(ctx, result, err)
	}
	held := lock.Hold(ctx)
	begin := o.Now()
	if live := lock.Live(); live > r.Number {
		result, err = o.fail(held, result, fmt.Errorf("%w by r%d", ErrSuperseded, live))
	} else {
		d := &deploy{Rollout: o, lock: lock, begin: begin, written: map[pod.Ref]int64{}}
		result, err = d.run(held, result, opts)
	}
	result.Duration = o.Now().Sub(begin)
	if lost := errors.Join(context.Cause(held), err); errors.Is(lost, store.ErrLost) {
		return result, lost // the lease and the state are somebody else's to write now
	}
	// Whatever interrupted the deploy must not keep us from tidying up.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return result, errors.Join(err, o.Supersede(end, r.Number), lock.Release(end))
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

// leave gives up the place in the queue. A revision that somebody else is deploying stays theirs.
func (o *Rollout) leave(ctx context.Context, result Result, cause error) (Result, error) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	now, err := o.Store.Get(end, result.Revision.Number)
	if err != nil || now.State != revision.Waiting || now.Version != result.Revision.Version {
		return result, cause
	}
	return o.fail(ctx, result, cause)
}

func (o *Rollout) lock(ctx context.Context, r revision.Revision, wait time.Duration) (*store.Lock, error) {
	waiting, cancel := context.WithTimeoutCause(ctx, wait, ErrLocked)
	defer cancel()
	var last store.Holder
	lock, err := o.Store.Lock(waiting, o.Holder, r.Number, func(h store.Holder) {
		last = h
		o.Emit(Event{Queued: &h})
	})
	if err != nil && errors.Is(context.Cause(waiting), ErrLocked) {
		return nil, fmt.Errorf("%w: %s has been deploying r%d since %s", ErrLocked, last.ID, last.Target, last.Since.Local().Format(time.TimeOnly))
	}
	return lock, err
}

// Supersede ends the revisions before number whose deploys died or were left pending.
func (o *Rollout) Supersede(ctx context.Context, number int) error {
	all, err := o.Store.List(ctx)
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.Number >= number || r.State != revision.Waiting && r.State != revision.Pending {
			continue
		}
		if _, err := o.finish(ctx, r, revision.Failed, fmt.Sprintf("%v by r%d", ErrSuperseded, number)); err != nil {
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
	switch {
	case len(failed) > 0:
		r, err = o.finish(ctx, r, revision.Failed, strings.Join(failed, "; "))
	case open == 0:
		r, err = o.finish(ctx, r, revision.Ready, "")
	}
	return r, statuses, err
}

// deploy is one run of a Rollout.
type deploy struct {
	*Rollout
	lock  *store.Lock
	begin time.Time
	// written are the generations of what was written: what a watch still shows of an older one says nothing.
	written map[pod.Ref]int64
}

func (d *deploy) run(ctx context.Context, result Result, opts Options) (Result, error) {
	r, err := d.Store.Mark(ctx, result.Revision, revision.Waiting, d.begins) // it is our turn, whatever became of it meanwhile
	if err != nil {
		return result, err
	}
	result.Revision = r
	objects, err := render.Objects(d.Pod, r.Spec, d.Cluster)
	if err == nil {
		err = errors.Join(d.Store.Present(ctx, r.Spec), d.Shrinks(ctx, r.Spec))
	}
	if err != nil {
		return d.fail(ctx, result, err)
	}
	steps, err := d.Compare(ctx, objects)
	if err != nil {
		return d.fail(ctx, result, err)
	}
	d.Emit(Event{Plan: steps})
	if result.Revision, err = d.Store.Mark(ctx, r, revision.Pending, nil); err != nil {
		return result, err
	}
	if err := d.lock.SetLive(ctx, r.Number); err != nil {
		return d.fail(ctx, result, err)
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
	if err := d.lock.Held(); err != nil {
		return result, err
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

// do writes steps in parallel. All of them are tried; the errors are joined.
func (d *deploy) do(ctx context.Context, steps []plan.Step) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	writes := plan.Writes(steps)
	errs := make([]error, len(writes))
	generations := make([]int64, len(writes))
	for i, step := range writes {
		group.Go(func() error {
			if errs[i] = errors.Join(ctx.Err(), d.lock.Held()); errs[i] != nil {
				return nil
			}
			if step.Action == plan.Delete {
				errs[i] = d.Kube.Delete(ctx, step.Kind, d.Pod, step.Name, step.UID)
			} else {
				generations[i], errs[i] = d.Kube.Apply(ctx, step.Object)
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, in the order of the steps
	for i, step := range writes {
		if ref, ok := resourceOf(step); ok {
			d.written[ref] = generations[i]
		}
	}
	return errors.Join(errs...)
}

// fail is Rollout.fail for as long as the right to deploy is ours.
func (d *deploy) fail(ctx context.Context, result Result, cause error) (Result, error) {
	if err := d.lock.Held(); err != nil {
		return result, err
	}
	return d.Rollout.fail(ctx, result, cause)
}

// fail writes down that a revision failed and why. When the right to deploy was lost it writes nothing.
func (o *Rollout) fail(ctx context.Context, result Result, cause error) (Result, error) {
	reason := cause.Error()
	if ctx.Err() != nil {
		cause = context.Cause(ctx)
		reason = fmt.Sprintf("%v by %s", cause, o.User)
	}
	if errors.Is(cause, store.ErrLost) {
		return result, cause
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	r, err := o.finish(end, result.Revision, revision.Failed, reason)
	result.Revision = r
	return result, errors.Join(fmt.Errorf("%w: %w", ErrFailed, cause), err)
}

func (o *Rollout) finish(ctx context.Context, r revision.Revision, to revision.State, reason string) (revision.Revision, error) {
	now := o.Now()
	return o.Store.Mark(ctx, r, to, func(r *revision.Revision) { r.Finished, r.Reason = &now, reason })
}

// Compare returns what would have to be done to make the cluster what objects say.
func (o *Rollout) Compare(ctx context.Context, objects []*unstructured.Unstructured) ([]plan.Step, error) {
	kinds := render.Kinds()
	lists := make([][]metav1.PartialObjectMetadata, len(kinds))
	group, ctx := errgroup.WithContext(ctx)
	for i, kind := range kinds {
		group.Go(func() (err error) {
			lists[i], err = o.Kube.ListMeta(ctx, kind, o.Pod, render.Selector(o.Pod))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return plan.Of(objects, slices.Concat(lists...), plan.Markers{Hash: render.AnnotationHash, Manager: render.Manager}), nil
}
