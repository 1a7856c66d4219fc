package rollout

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// upToDate says whether r is live, everything is as it says, and nobody is about to change that: then nothing has to be
// written, not even who asked. What goes wrong on the way is left to the deploy that comes instead.
func (o *Rollout) upToDate(ctx context.Context, r revision.Revision) ([]Status, bool) {
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
