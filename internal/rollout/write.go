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
)

// write applies the steps phase by phase, waits until everything is ready, and removes the objects that are no longer
// rendered. It stops with ErrPending at the timeout.
func (d *deploy) write(ctx context.Context, steps []plan.Step) error {
	timed, cancel := context.WithTimeoutCause(ctx, d.opts.Timeout, ErrPending)
	defer cancel()
	write := d.writeAndWait
	if d.opts.NoWait {
		write = d.writeAll
	}
	err := write(timed, steps)
	switch {
	case errors.Is(err, ErrPending):
		return fmt.Errorf("%w after %s", ErrPending, d.opts.Timeout)
	case err != nil && errors.Is(context.Cause(timed), ErrPending):
		return fmt.Errorf("%w after %s: %w", ErrPending, d.opts.Timeout, err)
	}
	return err
}

// writeAll writes all phases without waiting until anything is ready.
func (d *deploy) writeAll(ctx context.Context, steps []plan.Step) error {
	return d.writePhases(ctx, steps, object.Base, object.Work, object.Routes, object.Remove)
}

// writeAndWait writes all phases. Routes are written when the apps are ready, so that no request goes to an app that is not
// there yet. Objects are removed when everything is ready.
func (d *deploy) writeAndWait(ctx context.Context, steps []plan.Step) error {
	w, err := d.watch(ctx)
	if err != nil {
		return err
	}
	if err := d.writePhases(ctx, steps, object.Base, object.Work); err != nil {
		return err
	}
	if len(plan.Writes(plan.Phase(steps, object.Routes))) > 0 {
		if err := w.wait(ctx, waited(true)); err != nil {
			return err
		}
		if err := d.writePhases(ctx, steps, object.Routes); err != nil {
			return err
		}
	}
	if err := w.wait(ctx, waited(false)); err != nil {
		return err
	}
	return d.writePhases(ctx, steps, object.Remove)
}

func (d *deploy) writePhases(ctx context.Context, steps []plan.Step, phases ...object.Phase) error {
	for _, phase := range phases {
		if err := d.writeSteps(ctx, plan.Writes(plan.Phase(steps, phase))); err != nil {
			return err
		}
	}
	return nil
}

// writeSteps writes steps in parallel. It tries all of them and joins the errors.
func (d *deploy) writeSteps(ctx context.Context, steps []plan.Step) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	errs := make([]error, len(steps))
	generations := make([]int64, len(steps))
	for i, step := range steps {
		group.Go(func() error {
			if step.Action == plan.Delete {
				errs[i] = d.ifHeld(ctx, func() error { return d.Kube.Delete(ctx, step.Kind, d.Pod, step.Name, step.UID) })
			} else {
				generations[i], errs[i] = d.apply(ctx, step)
			}
			return nil
		})
	}
	_ = group.Wait() // errs has the errors, in the order of the steps
	for i, step := range steps {
		if step.Object == nil { // it is deleted
			continue
		}
		if ref, ok := resourceOf(step.Object); ok {
			d.written[ref] = generations[i]
		}
	}
	return joinDistinct(errs)
}

// joinDistinct is errors.Join without errors that repeat an earlier one: during an outage all writes have the same error.
func joinDistinct(errs []error) error {
	seen := map[string]bool{}
	return errors.Join(slices.DeleteFunc(errs, func(err error) bool {
		if err == nil || seen[err.Error()] {
			return true
		}
		seen[err.Error()] = true
		return false
	})...)
}

// ifHeld makes one write, if ctx has not ended and the right to deploy is ours.
func (d *deploy) ifHeld(ctx context.Context, write func() error) error {
	if err := cmp.Or(d.lock.Held(ctx), ctx.Err()); err != nil {
		return err
	}
	return write()
}

// attempts is how often an object is written until it matches the rendered one. Usually one attempt is enough. Three are the
// maximum if no other client writes to it, and the rest are for other clients that write at the same time.
const attempts = 10

// apply writes one object until its metadata shows that it matches the rendered one. It returns the generation of the object.
func (d *deploy) apply(ctx context.Context, step plan.Step) (int64, error) {
	if step.Action == plan.Create && step.UID != "" {
		if err := d.Kube.WaitGone(ctx, step.Kind, d.Pod, step.Name, step.UID); err != nil {
			return 0, err
		}
	}
	next := step
	for range attempts {
		meta, err := d.applyOnce(ctx, next)
		if err != nil {
			return 0, err
		}
		if next = plan.Object(step.Object, meta); next.Action == plan.Keep {
			if step.Instances > 0 {
				err = d.ifHeld(ctx, func() error { return d.Kube.Scale(ctx, step.Kind, d.Pod, step.Name, step.Instances) })
			}
			return meta.Generation, err
		}
	}
	return 0, fmt.Errorf("%s %s still differs from the revision after %d attempts: %s", step.Kind.Kind, step.Name, attempts, next.Reason)
}

// applyOnce takes over the fields that others have added to an object, and writes it. It returns the new metadata, or nil if
// the object does not exist anymore. If others change the owners of its fields at the same time, it writes nothing.
func (d *deploy) applyOnce(ctx context.Context, step plan.Step) (meta *metav1.PartialObjectMetadata, err error) {
	if len(step.Takeover) > 0 {
		err := d.ifHeld(ctx, func() error { return d.takeOver(ctx, step) })
		if apierrors.IsInvalid(err) || apierrors.IsNotFound(err) { // it has changed since it was compared
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
	err = d.ifHeld(ctx, func() error {
		meta, err = d.Kube.Apply(ctx, step.Object)
		return err
	})
	return meta, err
}

// takeOver makes psc the owner of the fields of an object that others own.
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
