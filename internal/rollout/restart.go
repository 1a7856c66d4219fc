package rollout

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// restartGrace is how long it may take until the cluster has a new status of an app that was restarted.
const restartGrace = 30 * time.Second

// restartFailed restarts the apps that had failed before this deploy, once. Kubernetes itself retries ever more rarely, and a
// second deploy mostly means that the cause was removed elsewhere.
func (w *watcher) restartFailed(ctx context.Context) {
	if w.restarted != nil {
		return
	}
	w.restarted, w.restartedAt = map[pod.Ref]health.Status{}, w.d.Now()
	l := w.read()
	for _, name := range w.d.result.Revision.Spec.Names(pod.KindApp) {
		ref := pod.Ref{Kind: pod.KindApp, Name: name}
		s := l.health(ref, w.d.Now())
		if s.State == health.Failed && l.generation(ref) >= w.d.written[ref] && w.restart(ctx, l.apps[name]) {
			w.restarted[ref] = s
		}
	}
}

// stale reports that the failure of an app is still the one from before its restart.
func (w *watcher) stale(ref pod.Ref, s health.Status, now time.Time) bool {
	before, restarted := w.restarted[ref]
	return restarted && s.State == before.State && s.Reason == before.Reason && now.Sub(w.restartedAt) < restartGrace
}

// restart removes the instances of an app that are not ready, and has its controller retry those that were refused. It
// reports whether it could do either: without the permission, the failure is final.
func (w *watcher) restart(ctx context.Context, o health.Objects) bool {
	restarted := false
	write := func(request func() error) {
		restarted = w.d.ifHeld(ctx, request) == nil || restarted
	}
	ready := func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }
	ours := func(p *corev1.Pod) bool { // not one that someone has created by hand with our labels
		return slices.ContainsFunc(o.ReplicaSets, func(rs *appsv1.ReplicaSet) bool { return metav1.IsControlledBy(p, rs) })
	}
	for _, p := range o.Instances {
		if ours(p) && p.DeletionTimestamp == nil && !slices.ContainsFunc(p.Status.Conditions, ready) {
			write(func() error { return w.d.Kube.Delete(ctx, object.Pod, w.d.Pod, p.Name, p.UID) })
		}
	}
	for _, rs := range o.ReplicaSets {
		if rs.Status.Replicas < *rs.Spec.Replicas {
			write(func() error {
				_, err := w.d.Kube.Annotate(ctx, object.ReplicaSet, w.d.Pod, rs.Name, "", map[string]any{object.AnnotationTried: w.d.Holder})
				return err
			})
		}
	}
	return restarted
}
