package rollout

import (
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// A deploy needs an adapter for each kind that it waits for. The kinds of objects that an adapter follows can be watched, and a
// resource that is not in the cluster yet is not ready.
func TestAdapters(t *testing.T) {
	for _, kind := range pod.Kinds() {
		a, ok := adapters()[kind]
		if ok != kind.Waits() {
			t.Errorf("%s: has an adapter is %t, but a deploy waits for it is %t: see rows of pkg/pod and adapters", kind, ok, kind.Waits())
		}
		if !ok {
			continue
		}
		if !slices.ContainsFunc(object.Rendered(), func(row object.Row) bool { return row.Kind == a.object }) {
			t.Errorf("%s: its status follows from a %s, which psc does not render", kind, a.object.Kind)
		}
		follows := a.follow(pod.Spec{})
		if !slices.Contains(follows, a.object) {
			t.Errorf("%s: its status follows from a %s, which is not watched", kind, a.object.Kind)
		}
		for _, of := range follows {
			if !kube.CanWatch(of) {
				t.Errorf("%s: a %s cannot be watched: add its group to watchable in internal/kube/watch.go", kind, of.Kind)
			}
		}
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(a.object)
		o.SetLabels(map[string]string{object.LabelName: "web"})
		if ref, ok := resourceOf(o); !ok || ref != (pod.Ref{Kind: kind, Name: "web"}) {
			t.Errorf("%s: a %s belongs to %v", kind, a.object.Kind, ref)
		}
		missing := a.read(&follower{Watch: &kube.Watch{}})("web")
		if s := missing.health(time.Now()); s.State != health.Progressing || missing.generation() != -1 {
			t.Errorf("%s: a resource that is not in the cluster is %s, so a deploy does not wait for it", kind, s.State)
		}
	}
}
