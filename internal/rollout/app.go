package rollout

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// apps returns the adapter of apps.
func apps() adapter {
	return adapter{
		object: object.Deployment,
		before: object.Routes,
		follow: func(spec pod.Spec) []object.Kind {
			kinds := []object.Kind{object.Deployment, object.ReplicaSet, object.Pod}
			for _, app := range spec.Apps() {
				if app.Scaler() != nil {
					return append(kinds, object.HorizontalPodAutoscaler)
				}
			}
			return kinds
		},
		read: func(f *follower) func(string) observed {
			all := readApps(f)
			return func(name string) observed { return all[name] }
		},
	}
}

// app has the objects of an app in the cluster.
type app health.Objects

func readApps(f *follower) map[string]app {
	all := map[string]app{}
	add := func(name string, to func(*app)) {
		a := all[name]
		to(&a)
		all[name] = a
	}
	events := f.eventsOf()
	for _, d := range kube.Objects[appsv1.Deployment](f.Watch, object.Deployment) {
		add(d.Name, func(a *app) { a.Deployment, a.Events = d, events })
	}
	for _, rs := range kube.Objects[appsv1.ReplicaSet](f.Watch, object.ReplicaSet) {
		add(rs.Labels[object.LabelApp], func(a *app) { a.ReplicaSets = append(a.ReplicaSets, rs) })
	}
	for _, p := range kube.Objects[corev1.Pod](f.Watch, object.Pod) {
		add(p.Labels[object.LabelApp], func(a *app) { a.Instances = append(a.Instances, p) })
	}
	for _, h := range kube.Objects[autoscalingv2.HorizontalPodAutoscaler](f.Watch, object.HorizontalPodAutoscaler) {
		add(h.Name, func(a *app) { a.Autoscaler = h })
	}
	return all
}

func (a app) generation() int64 {
	if a.Deployment == nil {
		return -1
	}
	return a.Deployment.Status.ObservedGeneration
}

func (a app) health(now time.Time) health.Status {
	s := health.App(health.Objects(a), now)
	s.Restarts, _ = health.Restarts(a.Instances...)
	return s
}

// restart deletes the instances of an app that are not ready, and makes its controller retry those that were refused. Without
// the permission to do either, the failure is final.
func (a app) restart(ctx context.Context, d *deploy) bool {
	restarted := false
	ours := func(p *corev1.Pod) bool { // not an instance that someone created by hand with our labels
		return slices.ContainsFunc(a.ReplicaSets, func(rs *appsv1.ReplicaSet) bool { return metav1.IsControlledBy(p, rs) })
	}
	for _, p := range a.Instances {
		if ours(p) && restartable(p) {
			restarted = d.discard(ctx, p) == nil || restarted
		}
	}
	for _, rs := range a.ReplicaSets {
		if rs.Status.Replicas < *rs.Spec.Replicas {
			err := d.ifHeld(ctx, func() error {
				_, err := d.Kube.Annotate(ctx, object.ReplicaSet, d.Pod, rs.Name, rs.ResourceVersion, map[string]any{object.AnnotationTried: d.Holder})
				return err
			})
			restarted = err == nil || apierrors.IsConflict(err) || restarted // its controller looks at it after any change
		}
	}
	return restarted
}

func restartable(p *corev1.Pod) bool {
	ready := func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }
	return p.DeletionTimestamp == nil && !slices.ContainsFunc(p.Status.Conditions, ready)
}

// discard deletes an instance, unless it has become ready since it was read.
func (d *deploy) discard(ctx context.Context, p *corev1.Pod) error {
	for restartable(p) {
		err := d.ifHeld(ctx, func() error { return d.Kube.DeleteVersion(ctx, object.Pod, d.Pod, p.Name, p.ResourceVersion) })
		if !apierrors.IsConflict(err) {
			return err
		}
		there, err := d.Kube.Get(ctx, object.Pod, d.Pod, p.Name)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if p, err = kube.As[corev1.Pod](there); err != nil {
			return err
		}
	}
	return nil
}
