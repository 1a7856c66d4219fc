package rollout

import (
	"context"
	"maps"
	"slices"

	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// fence keeps late writes of killed deploys off the objects that steps keep: see plan.Fence. It does nothing if no deploy was
// killed. It must be called before the first other write.
func (d *deploy) fence(ctx context.Context, steps []plan.Step) error {
	if d.lock.Killed() == 0 {
		return nil
	}
	rendered, err := render.Objects(d.Pod, d.result.Revision.Spec, d.Cluster)
	if err != nil {
		return err
	}
	var killed []plan.Step
	for _, old := range d.history.All {
		if old.State != revision.Pending || old.Number == d.result.Revision.Number {
			continue
		}
		planned, err := d.planned(ctx, old.Number)
		if err != nil { // then it may write anything
			planned = slices.Clone(steps)
			for i := range planned {
				planned[i].Action = plan.Update
			}
		}
		killed = append(killed, planned...)
	}
	return d.writeSteps(ctx, plan.Fence(steps, killed, rendered, d.lock.Times()))
}

// planned returns the steps that the deploy of a revision would take now.
func (d *deploy) planned(ctx context.Context, number int) ([]plan.Step, error) {
	r, err := d.Store.Get(ctx, number)
	if err != nil {
		return nil, err
	}
	objects, err := render.Objects(d.Pod, r.Spec, d.Cluster)
	if err != nil {
		return nil, err
	}
	steps, _, err := d.Compare(ctx, objects)
	return Restarting(steps, objects, slices.Collect(maps.Keys(d.history.Restarts(number)))), err
}
