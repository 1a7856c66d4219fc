package rollout

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
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
	w.retried = map[pod.Ref]health.Status{}
	l := w.read()
	for _, name := range w.spec.Names(pod.KindApp) {
		ref := pod.Ref{Kind: pod.KindApp, Name: name}
		s := l.of(ref, w.d.Now())
		if s.State == health.Failed && l.generation(ref) >= w.d.written[ref] && w.again(ctx, l.apps[name]) {
			w.retried[ref] = s
		}
	}
}

// again removes what does not run of an app, and says whether there was anything.
func (w *watcher) again(ctx context.Context, o health.Objects) bool {
	tried := false
	remove := func(kind kube.Kind, m metav1.ObjectMeta) {
		err := w.d.may(ctx, func() error { return w.d.Kube.Delete(ctx, kind, w.d.Pod, m.Name, m.UID) })
		tried = tried || err == nil // who may not has the verdict stand
	}
	ready := func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue }
	for _, p := range o.Instances {
		if p.DeletionTimestamp == nil && !slices.ContainsFunc(p.Status.Conditions, ready) {
			remove(instances(), p.ObjectMeta)
		}
	}
	for _, rs := range o.ReplicaSets {
		if rs.Status.Replicas == 0 && *rs.Spec.Replicas > 0 { // it was refused all of its instances
			remove(replicaSets(), rs.ObjectMeta)
		}
	}
	return tried
}
