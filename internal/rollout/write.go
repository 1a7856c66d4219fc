package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
)

// write applies the steps phase by phase, waits until everything is ready, and removes what is no longer wanted.
func (d *deploy) write(ctx context.Context, spec pod.Spec, steps []plan.Step, noWait bool) ([]Status, error) {
	if noWait {
		for _, phase := range []object.Phase{object.Base, object.Work, object.Routes, object.Remove} {
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
	for _, phase := range []object.Phase{object.Base, object.Work} {
		if err := d.do(ctx, plan.Phase(steps, phase)); err != nil {
			return nil, err
		}
	}
	// A route changes when the apps it leads to are there, so no request meets an app that is not.
	routes := plan.Phase(steps, object.Routes)
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
	return statuses, d.do(ctx, plan.Phase(steps, object.Remove))
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
			if step.Action == plan.Delete {
				errs[i] = d.may(ctx, func() error { return d.Kube.Delete(ctx, step.Kind, d.Pod, step.Name, step.UID) })
			} else {
				generations[i], errs[i] = d.put(ctx, step)
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
	return joined(errs)
}

// joined is errors.Join without those that only repeat one before: where the server is away every write says the same.
func joined(errs []error) error {
	said := map[string]bool{}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		if err == nil || said[err.Error()] {
			return true
		}
		said[err.Error()] = true
		return false
	})...)
}

// may makes one write, if the deploy still goes on and the right to it is ours.
func (d *deploy) may(ctx context.Context, write func() error) error {
	if err := cmp.Or(d.lock.Held(ctx), ctx.Err()); err != nil {
		return err
	}
	return write()
}

// attempts is how often an object is written until it is what was rendered. One is the rule and three is the most that
// it takes alone; the others are for people and tools that write onto it at the same time.
const attempts = 10

// put writes one object until its metadata says that it is as rendered, and returns the generation that it then has.
func (d *deploy) put(ctx context.Context, step plan.Step) (int64, error) {
	if step.Action == plan.Create && step.UID != "" {
		if err := d.Kube.WaitGone(ctx, step.Kind, d.Pod, step.Name, step.UID); err != nil {
			return 0, err
		}
	}
	next := step
	for range attempts {
		meta, err := d.once(ctx, next)
		if err != nil {
			return 0, err
		}
		if next = plan.Object(step.Object, meta); next.Action == plan.Keep {
			if step.Instances > 0 {
				err = d.may(ctx, func() error { return d.Kube.Scale(ctx, step.Kind, d.Pod, step.Name, step.Instances) })
			}
			return meta.Generation, err
		}
	}
	return 0, fmt.Errorf("%s %s could not be made what the revision says: %s", step.Kind.Kind, step.Name, next.Reason)
}

// once writes one object, and before it takes over what others have added. It returns the metadata that the object then
// has, which is nil when it is gone. When others change who owns what at the same time, nothing is written.
func (d *deploy) once(ctx context.Context, step plan.Step) (meta *metav1.PartialObjectMetadata, err error) {
	if len(step.Takeover) > 0 {
		err := d.may(ctx, func() error { return d.takeOver(ctx, step) })
		if apierrors.IsInvalid(err) || apierrors.IsNotFound(err) { // it is not any more what was compared
			meta, err = d.Kube.GetMeta(ctx, step.Kind, d.Pod, step.Name)
			if apierrors.IsNotFound(err) {
				return nil, nil
			}
			return meta, err
		}
		if err != nil {
			return nil, err
		}
	}
	err = d.may(ctx, func() error {
		meta, err = d.Kube.Apply(ctx, step.Object)
		return err
	})
	return meta, err
}

// takeOver gives psc what others own of an object.
func (d *deploy) takeOver(ctx context.Context, step plan.Step) error {
	if _, err := d.Kube.Patch(ctx, step.Kind, d.Pod, step.Name, step.Takeover); err != nil {
		return err
	}
	for _, version := range step.Versions {
		kind := schema.FromAPIVersionAndKind(version, step.Kind.Kind)
		if _, err := d.Kube.ApplyNothing(ctx, kind, d.Pod, step.Name, plan.Pruner); err != nil {
			return err
		}
	}
	return nil
}
