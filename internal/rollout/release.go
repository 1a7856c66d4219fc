package rollout

import (
	"context"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

// retried returns steps that create the Jobs again which have failed before this deploy. A Job that still runs is left alone, also
// if a killed deploy has created it: this one waits for its end.
func (d *deploy) retried(ctx context.Context, steps []plan.Step, rendered []*unstructured.Unstructured) ([]plan.Step, error) {
	if !d.result.Revision.Spec.Releases() {
		return steps, nil
	}
	jobs, err := kube.ListAs[batchv1.Job](ctx, d.Kube, object.Job, d.Pod, object.Selector(d.Pod))
	if err != nil {
		return nil, err
	}
	instances, err := kube.ListAs[corev1.Pod](ctx, d.Kube, object.Pod, d.Pod, object.Selector(d.Pod)+","+object.LabelJob)
	if err != nil {
		return nil, err
	}
	failed := map[string]*batchv1.Job{}
	for _, job := range jobs {
		if health.Job(refOf(job.Labels), job, instances, health.NewEvents(nil), d.Now()).State == health.Failed {
			failed[job.Name] = job
		}
	}
	for _, o := range rendered {
		for i, step := range steps {
			if job := failed[o.GetName()]; job != nil && step.Kind == object.Job && step.Name == o.GetName() && o.GroupVersionKind() == object.Job && step.Action == plan.Keep {
				steps[i] = plan.Step{Action: plan.Create, Kind: step.Kind, Name: step.Name, Resource: step.Resource, Reason: "has failed", Object: o, UID: job.UID}
			}
		}
	}
	return steps, nil
}

// release writes what workloads need, and runs the jobs that have to succeed before anything else is written or removed. w may be nil.
func (d *deploy) release(ctx context.Context, w *watcher, steps []plan.Step) error {
	if err := d.stopOlder(ctx, steps); err != nil {
		return err
	}
	if err := d.writePhases(ctx, steps, object.Base); err != nil || !d.result.Revision.Spec.Releases() {
		return err
	}
	if w == nil {
		var err error
		if w, err = d.watch(ctx); err != nil {
			return err
		}
	}
	for _, step := range plan.Phase(steps, object.Release) {
		if step.Action != plan.Create || step.UID == "" {
			continue
		}
		w.retired[step.UID] = true
		if err := d.ifHeld(ctx, func() error { return d.Kube.Delete(ctx, step.Kind, d.Pod, step.Name, step.UID) }); err != nil {
			return err
		}
	}
	if err := d.writePhases(ctx, steps, object.Release); err != nil {
		return err
	}
	return w.wait(ctx, waited(object.Clear))
}

// stopOlder ends the jobs of other revisions that still run, after a deploy that did not wait for them: two migrations never run at once.
func (d *deploy) stopOlder(ctx context.Context, steps []plan.Step) error {
	removed := map[types.UID]plan.Step{}
	for _, step := range steps {
		if step.Action == plan.Delete && step.Kind == object.Job {
			removed[step.UID] = step
		}
	}
	if len(removed) == 0 {
		return nil
	}
	jobs, err := kube.ListAs[batchv1.Job](ctx, d.Kube, object.Job, d.Pod, object.Selector(d.Pod))
	if err != nil {
		return err
	}
	stopped := map[types.UID]bool{}
	for _, job := range jobs {
		step, ok := removed[job.UID]
		if how, _ := health.Finished(job); !ok || how != "" {
			continue
		}
		if err := d.ifHeld(ctx, func() error { return d.Kube.Delete(ctx, step.Kind, d.Pod, step.Name, step.UID) }); err != nil {
			return err
		}
		stopped[job.UID] = true
	}
	if len(stopped) == 0 {
		return nil
	}
	instances, err := kube.ListAs[corev1.Pod](ctx, d.Kube, object.Pod, d.Pod, object.LabelJob)
	if err != nil {
		return err
	}
	for _, instance := range instances {
		if owner := metav1.GetControllerOf(instance); owner == nil || !stopped[owner.UID] {
			continue
		}
		if err := d.Kube.WaitGone(ctx, object.Pod, d.Pod, instance.Name, instance.UID); err != nil {
			return err
		}
	}
	return nil
}
