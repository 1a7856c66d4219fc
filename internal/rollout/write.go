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

	"github.com/pscdev/psc/internal/kube"
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

// writeAll writes all phases. It waits for nothing but the jobs that have to succeed first.
func (d *deploy) writeAll(ctx context.Context, steps []plan.Step) error {
	if err := d.release(ctx, nil, steps); err != nil {
		return err
	}
	return d.writePhases(ctx, steps, object.Clear, object.Work, object.Routes, object.Remove)
}

// writeAndWait writes all phases. Routes are written when the apps are ready, so that no request goes to an app that is not
// there yet. Objects are removed when everything is ready.
func (d *deploy) writeAndWait(ctx context.Context, steps []plan.Step) error {
	w, err := d.watch(ctx)
	if err != nil {
		return err
	}
	if err := d.release(ctx, w, steps); err != nil {
		return err
	}
	if err := d.writePhases(ctx, steps, object.Clear, object.Work); err != nil {
		return err
	}
	w.restartFailed(ctx)
	if len(plan.Writes(plan.Phase(steps, object.Routes))) > 0 {
		if err := w.wait(ctx, waited(object.Routes)); err != nil {
			return err
		}
		if err := d.writePhases(ctx, steps, object.Routes); err != nil {
			return err
		}
		w.routesWritten = true
	}
	if err := w.wait(ctx, waited(object.Remove)); err != nil {
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
				errs[i] = d.remove(ctx, step)
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
// The API server refuses each write if the object is not the one that step or the last read has compared: so a write that
// arrives late, when another deploy has already ended, changes nothing.
func (d *deploy) apply(ctx context.Context, step plan.Step) (int64, error) {
	next := step
	for range attempts {
		if next.Action == plan.Create && next.UID != "" {
			if err := d.Kube.WaitGone(ctx, next.Kind, d.Pod, next.Name, next.UID); err != nil {
				return 0, err
			}
			next.UID, next.Version = "", ""
		}
		meta, err := d.applyOnce(ctx, next)
		instances := int64(0)
		if changed(err) || len(next.Takeover) > 0 && apierrors.IsInvalid(err) {
			meta, instances, err = d.current(ctx, next)
		}
		if err != nil {
			return 0, err
		}
		if next = plan.Object(step.Object, meta); next.Action == plan.Keep && instances == 0 {
			return d.restart(ctx, step, meta.Generation)
		}
		next.Instances = instances
	}
	return 0, fmt.Errorf("someone else keeps writing to %s, which still differs from the revision after %d attempts",
		cmp.Or(next.TakesBack(), step.Kind.Kind+" "+step.Name), attempts)
}

// changed reports whether an object was changed or removed since it was read.
func changed(err error) bool { return apierrors.IsConflict(err) || apierrors.IsNotFound(err) }

// current reads the metadata of an object again, or nil if it does not exist anymore. It also returns the number of instances
// that the step still has to give to it.
func (d *deploy) current(ctx context.Context, step plan.Step) (*metav1.PartialObjectMetadata, int64, error) {
	there, err := d.Kube.Get(ctx, step.Kind, d.Pod, step.Name)
	if apierrors.IsNotFound(err) {
		return nil, step.Instances, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if replicas(there) >= step.Instances {
		step.Instances = 0
	}
	meta, err := kube.As[metav1.PartialObjectMetadata](there)
	return meta, step.Instances, err
}

// applyOnce takes over the fields that others have added to an object, and writes it. It returns the new metadata.
func (d *deploy) applyOnce(ctx context.Context, step plan.Step) (meta *metav1.PartialObjectMetadata, err error) {
	write := func(request func(kube.Precondition) (*metav1.PartialObjectMetadata, error)) {
		if err == nil {
			err = d.ifHeld(ctx, func() (err error) {
				if meta, err = request(kube.Precondition{UID: step.UID, Version: step.Version}); err == nil {
					step.Version = meta.ResourceVersion
				}
				return err
			})
		}
	}
	if len(step.Takeover) > 0 {
		write(func(kube.Precondition) (*metav1.PartialObjectMetadata, error) { // the patch has the precondition
			return d.Kube.Patch(ctx, step.Kind, d.Pod, step.Name, step.Takeover)
		})
	}
	for _, version := range step.Versions {
		write(func(p kube.Precondition) (*metav1.PartialObjectMetadata, error) {
			return d.Kube.ApplyNothing(ctx, schema.FromAPIVersionAndKind(version, step.Kind.Kind), d.Pod, step.Name, p, plan.Pruner)
		})
	}
	write(func(p kube.Precondition) (*metav1.PartialObjectMetadata, error) {
		return d.Kube.Apply(ctx, step.Scaled(), p)
	})
	return meta, err
}

// remove removes one object. If the object was changed since it was compared, it removes it only if it still is the same and
// still belongs to the pod.
func (d *deploy) remove(ctx context.Context, step plan.Step) error {
	for {
		err := d.ifHeld(ctx, func() error { return d.Kube.DeleteVersion(ctx, step.Kind, d.Pod, step.Name, step.Version) })
		if !apierrors.IsConflict(err) {
			return err
		}
		there, err := d.Kube.GetMeta(ctx, step.Kind, d.Pod, step.Name)
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case err != nil:
			return err
		case there.UID != step.UID, there.DeletionTimestamp != nil, there.Labels[object.LabelPod] != d.Pod:
			return nil
		}
		step.Version = there.ResourceVersion
	}
}
