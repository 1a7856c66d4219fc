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

// retryGrace is how long it may take until the cluster says anything new of an app that is tried again.
const retryGrace = 30 * time.Second

// retry makes what had failed before this deploy start afresh: Kubernetes itself tries ever more rarely, and whoever
// deploys again has mostly put something right elsewhere.
func (w *watcher) retry(ctx context.Context) {
	if w.retried != nil {
		return
	}
	w.retried, w.retriedAt = map[pod.Ref]health.Status{}, w.d.Now()
	l := w.read()
	for _, name := range w.spec.Names(pod.KindApp) {
		ref := pod.Ref{Kind: pod.KindApp, Name: name}
		s := l.health(ref, w.d.Now())
		if s.State == health.Failed && l.generation(ref) >= w.d.written[ref] && w.again(ctx, l.apps[name]) {
			w.retried[ref] = s
		}
	}
}

// old says whether a verdict is the one from before the retry, which stands until the cluster says something new.
func (w *watcher) old(ref pod.Ref, s health.Status, now time.Time) bool {
	before, tried := w.retried[ref]
	return tried && s.State == before.State && s.Reason == before.Reason && now.Sub(w.retriedAt) < retryGrace
}

// again removes the instances of an app that do not run, and has those made that were refused. It says whether there was
// anything to try with.
func (w *watcher) again(ctx context.Context, o health.Objects) bool {
	tried := false
	try := func(write func() error) {
		tried = w.d.may(ctx, write) == nil || tried // for who may not, the verdict stands
	}
	ready := func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }
	ours := func(p *corev1.Pod) bool { // not one that somebody has made by hand with our labels
		return slices.ContainsFunc(o.ReplicaSets, func(rs *appsv1.ReplicaSet) bool { return metav1.IsControlledBy(p, rs) })
	}
	for _, p := range o.Instances {
		if ours(p) && p.DeletionTimestamp == nil && !slices.ContainsFunc(p.Status.Conditions, ready) {
			try(func() error { return w.d.Kube.Delete(ctx, object.Pod, w.d.Pod, p.Name, p.UID) })
		}
	}
	for _, rs := range o.ReplicaSets {
		if rs.Status.Replicas < *rs.Spec.Replicas {
			try(func() error {
				_, err := w.d.Kube.Annotate(ctx, object.ReplicaSet, w.d.Pod, rs.Name, "", map[string]any{object.AnnotationTried: w.d.Holder})
				return err
			})
		}
	}
	return tried
}
