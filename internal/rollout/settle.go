package rollout

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sync/errgroup"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// stands says whether r is live, everything is as it says, and nobody is about to change that: then nothing has to be
// written, not even who asked. What goes wrong on the way is left to the deploy that comes instead.
func (o *Rollout) stands(ctx context.Context, r revision.Revision) ([]Status, bool) {
	live, holder, err := o.Lease.Live(ctx)
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
	group.Go(func() error { return o.Store.Present(both, r.Spec) })
	err = group.Wait()
	if open, failed := tally(statuses); err != nil || open+len(failed)+len(plan.Writes(steps)) > 0 {
		return nil, false
	}
	o.Emit(Event{Plan: steps})
	return statuses, true
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
	if errors.Is(err, store.ErrMoved) || apierrors.IsForbidden(err) { // somebody else has settled it, or has to
		settled.State, err = to, nil
	}
	return settled, statuses, err
}
