package workspace

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Deploy deploys a revision with all drafts below it: number, or with 0 the newest. Without all, the error for a revision that
// includes drafts of others is an *OthersError. The error for a revision that does not become ready is a *DeployError.
func (w *Workspace) Deploy(ctx context.Context, number int, all bool, o Options) (Outcome, error) {
	user, err := w.begin(ctx, true)
	if err != nil {
		return Outcome{}, err
	}
	if o.DryRun {
		h, r, err := w.toDeploy(ctx, number)
		if err != nil {
			return Outcome{}, err
		}
		w.include(h.Includes(r.Number))
		live, err := w.get(ctx, h.Live)
		if err == nil {
			err = w.store.Present(ctx, r.Spec)
		}
		if err == nil {
			err = w.preview(ctx, r.Spec, nil)
		}
		return Outcome{Revision: r, Base: live}, err
	}
	if err := w.drafts.rebase(ctx); err != nil {
		return Outcome{}, err
	}
	h, r, err := w.toDeploy(ctx, number)
	if err != nil {
		return Outcome{}, err
	}
	if drafts := h.Includes(r.Number); len(h.Others(r.Number, user.User)) > 0 {
		if !all {
			return Outcome{}, &OthersError{Number: r.Number, Drafts: drafts, User: user.User}
		}
		w.include(drafts)
	}
	return w.deploy(ctx, r, nil, o)
}

// DeployMine deploys only the user's own drafts, and rebases those of others onto them.
func (w *Workspace) DeployMine(ctx context.Context, o Options) (Outcome, error) {
	user, err := w.begin(ctx, true)
	if err != nil {
		return Outcome{}, err
	}
	if !o.DryRun {
		if err := w.drafts.rebase(ctx); err != nil {
			return Outcome{}, err
		}
	}
	h, err := w.history(ctx)
	if err != nil {
		return Outcome{}, err
	}
	own, err := w.chosenDrafts(h, nil, user.User)
	if err != nil {
		return Outcome{}, err
	}
	build := func(number int, on revision.Revision) (revision.Revision, error) { return w.join(ctx, own, number, on) }
	alone := func(number int, on revision.Revision, _ []revision.Revision) (revision.Revision, error) {
		return build(number, on)
	}
	if o.DryRun {
		return w.dryRun(ctx, h, user.User, nil, alone)
	}
	if !h.NeedsJoin(own) {
		r, err := w.Revision(ctx, own[len(own)-1].Number)
		if err != nil {
			return Outcome{}, err
		}
		return w.deploy(ctx, r, nil, o)
	}
	r, err := w.drafts.alone(ctx, user.User, nil, alone)
	if errors.Is(err, revision.ErrUnchanged) {
		return Outcome{Unchanged: true}, nil
	}
	if err != nil {
		return Outcome{}, err
	}
	return w.deploy(ctx, r, w.drafts.rebuild(nil, build), o)
}

// Redeploy deploys the live revision again, which reverts changes by hand.
func (w *Workspace) Redeploy(ctx context.Context, o Options) (Outcome, error) {
	r, err := w.Live(ctx)
	if err != nil {
		return Outcome{}, err
	}
	return w.deploy(ctx, r, nil, o)
}

// toDeploy returns the revision to deploy: number, or with 0 the newest.
func (rd *Reader) toDeploy(ctx context.Context, number int) (History, revision.Revision, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return h, revision.Revision{}, err
	}
	if number == 0 {
		number = h.Tip()
	}
	if number == 0 {
		return h, revision.Revision{}, &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNoRevisions}
	}
	r, err := rd.Revision(ctx, number)
	if err != nil {
		return h, r, err
	}
	refused := &RevisionError{Number: number, Pod: rd.Pod, Live: h.Live, Err: ErrNotIncluded}
	switch {
	case r.State == revision.Discarded:
		refused.Reason, refused.Err = r.Reason, ErrDiscarded
	case h.IncludesLive(number):
		return h, r, nil
	case number < h.Live:
		refused.Err = ErrOlder
	}
	return h, r, refused
}

func (w *Workspace) include(drafts []revision.Revision) {
	if len(drafts) > 0 {
		w.tell(Note{Includes: drafts})
	}
}

// deploy deploys r, and then rebases the waiting drafts. rebuild rebuilds r on the live revision if r does not include it; it
// is nil for a revision that was not created to be deployed at once. A deploy that fails is rolled back if o says so.
func (w *Workspace) deploy(ctx context.Context, r revision.Revision, rebuild rebuildFunc, o Options) (Outcome, error) {
	var failure *DeployError // of the deploy that is being rolled back
	for {
		out, err := w.deployOnce(ctx, r, rebuild, o)
		var failed *DeployError
		switch {
		case err == nil && failure != nil:
			failure.RolledBack = &out.Revision
			return out, failure
		case failure != nil: // the rollback has failed too
			return out, errors.Join(err, failure)
		case !o.RollbackOnFailure || !errors.As(err, &failed) || failed.End != Failed || ctx.Err() != nil:
			return out, err
		}
		h, err := w.history(ctx)
		if err != nil {
			return out, errors.Join(failed, err)
		}
		number, err := w.lastReady(ctx, h)
		if err != nil {
			return out, errors.Join(failed, err)
		}
		w.tell(Note{RollingBack: &RollingBack{Failed: failed.Revision, To: number}})
		failure = failed
		o.RollbackOnFailure, o.Message = false, ""
		if r, rebuild, err = w.restored(ctx, h, number, ""); errors.Is(err, revision.ErrUnchanged) {
			rebuild = nil
			r, err = w.Live(ctx)
		}
		if err != nil {
			return out, err
		}
	}
}

// deployOnce is deploy without the rollback.
func (w *Workspace) deployOnce(ctx context.Context, r revision.Revision, rebuild rebuildFunc, o Options) (Outcome, error) {
	user, err := w.User(ctx)
	if err != nil {
		return Outcome{}, err
	}
	cluster, err := w.cluster(ctx, r.Spec)
	if err != nil {
		return Outcome{}, err
	}
	w.tell(Note{Deploying: &Deploying{Revision: r, Pod: w.Pod, Context: w.Context, User: user.User}})
	run := &rollout.Rollout{
		Observer: *w.observer(cluster), Store: w.store, Lease: w.lease, User: user.User, Holder: w.holder(user.User),
		Emit: func(e rollout.Event) { w.tell(noteOf(e)) },
	}
	result, err := run.Deploy(ctx, r, rollout.Options{
		Timeout: o.Deploy.Timeout, LockWait: o.Deploy.LockWait, Supersede: o.Deploy.Supersede, NoWait: o.Deploy.NoWait, TakeOver: o.Deploy.TakeOver,
		Message: o.Message, Rebuild: rebuild,
	})
	w.tell(Note{Ended: true})
	if rebuild != nil && errors.Is(err, rollout.ErrNotBegun) && result.Revision.State == revision.Draft {
		err = errors.Join(err, w.keepOrDiscard(ctx, result.Revision))
	}
	result.Revision.Live = err == nil || errors.Is(err, rollout.ErrPending)
	var rebaseErr error
	rebases := err != nil || result.Loose
	if rebases && ctx.Err() == nil && !errors.Is(err, lease.ErrLost) && !apierrors.IsUnauthorized(err) { // else the next deploy rebases
		rebaseErr = w.drafts.rebase(ctx)
	}
	statuses := resources(result.Statuses)
	if gone := w.gone(ctx, result.Revision, err); gone != nil {
		return Outcome{Revision: result.Revision}, gone
	}
	if err != nil {
		return Outcome{Revision: result.Revision}, w.ended(ctx, result.Revision, statuses, errors.Join(err, rebaseErr))
	}
	return Outcome{Revision: result.Revision, Duration: result.Duration, Deployed: &report.Deployed{
		Revision: result.Revision, Apps: report.Apps(statuses, result.Revision), Duration: result.Duration.Seconds(),
	}}, rebaseErr
}

// keepOrDiscard handles a revision that was created to be deployed at once, and was not deployed: a change stays a draft, a
// rollback and a restart are discarded.
func (w *Workspace) keepOrDiscard(ctx context.Context, r revision.Revision) error {
	if r.Restores == 0 && len(r.Restarts) == 0 {
		w.tell(Note{Kept: &r})
		return nil
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return w.drafts.discard(end, r, "its deploy was abandoned")
}

// gone returns the error of a deploy whose pod or record someone has deleted: a *PodError or a *RevisionError. Else it returns nil.
func (w *Workspace) gone(ctx context.Context, r revision.Revision, err error) error {
	if err == nil || !errors.Is(err, lease.ErrLost) && !errors.Is(err, store.ErrNoRevision) && !apierrors.IsNotFound(err) &&
		!apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil
	}
	var pod *PodError
	switch end := w.Exists(ctx); {
	case errors.As(end, &pod):
		return fmt.Errorf("%s was not finished: %w", r.Name(), end)
	case errors.Is(err, store.ErrNoRevision):
		return &RevisionError{Number: r.Number, Pod: w.Pod, Err: ErrRecordGone}
	}
	return nil
}

// ended returns the *DeployError for the end of a deploy, or err if it is not such an end.
func (w *Workspace) ended(ctx context.Context, r revision.Revision, statuses []report.Resource, err error) error {
	out := &DeployError{Revision: r, Resources: statuses, Err: err}
	var held *lease.HeldError
	switch {
	case errors.Is(err, rollout.ErrFailed) && errors.Is(err, rollout.ErrSuperseded):
		out.End = Stopped
	case errors.As(err, &held):
		out.End, out.Holder = Locked, holderOf(held.Holder)
	case errors.Is(err, lease.ErrLost):
		out.End = Lost
	case errors.Is(err, rollout.ErrSuperseded):
		out.End = Superseded
	case apierrors.IsUnauthorized(err):
		out.End = SignedOut
	case errors.Is(err, rollout.ErrNotBegun):
		out.End = NotBegun
	case errors.Is(err, rollout.ErrPending):
		out.End = Pending
	case errors.Is(err, rollout.ErrFailed):
		out.End = Failed
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second) // it may have been interrupted
		defer cancel()
		if h, err := w.history(end); err == nil {
			out.Restorable, _ = w.lastReady(end, h)
		}
	default:
		return err
	}
	return out
}

func noteOf(e rollout.Event) Note {
	switch {
	case e.Queued != nil:
		return Note{Queued: holderOf(*e.Queued)}
	case e.Left != nil:
		n := Note{}
		for _, kind := range e.Left {
			n.Left = append(n.Left, kind.Kind)
		}
		return n
	case e.Plan != nil:
		p := report.PlanOf(e.Plan)
		return Note{Plan: &p}
	}
	s := resource(*e.Status)
	return Note{Resource: &s}
}

// join returns one revision with the changes of several drafts. The error is a *DraftError, or revision.ErrUnchanged.
func (w *Workspace) join(ctx context.Context, drafts []revision.Revision, number int, on revision.Revision) (revision.Revision, error) {
	full := make([]revision.Revision, len(drafts))
	for i, draft := range drafts {
		var err error
		if full[i], err = w.get(ctx, draft.Number); err != nil {
			return on, err
		}
	}
	r, err := revision.Join(number, on, full)
	if err == nil {
		return r, r.Spec.Unset()
	}
	if !errors.Is(err, revision.ErrUnchanged) {
		err = &DraftError{Cause: err}
	}
	return r, err
}
