package rollout

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// adapter says how the status of a kind of resources follows from objects in the cluster.
type adapter struct {
	// object is the kind of the object that a resource's status is about.
	object object.Kind
	// before is the first phase of a deploy that begins only when the resources of this kind are ready. Routes wait for apps, so that
	// no request goes to an app that does not exist yet.
	before object.Phase
	// follow returns the kinds of objects to watch. It is called for a spec with resources of this kind.
	follow func(spec pod.Spec) []object.Kind
	// read returns what the watch shows of each resource of the follower's spec, also if it is not in the cluster.
	read func(f *follower) func(name string) observed
	// optional is set if the statuses of other kinds do not depend on these objects: the user may not see them, or the cluster
	// does not have them.
	optional bool
	// urls returns the addresses of a resource; it may be nil.
	urls func(o Observer, name string, spec pod.Spec) []string
}

// observed has the objects of a resource in the cluster.
type observed interface {
	// generation returns the generation of the object that the status is about, or -1 if there is none.
	generation() int64
	health(now time.Time) health.Status
}

// restarter is an observed resource that can be restarted after it has failed. restart reports whether it restarted something.
type restarter interface {
	restart(ctx context.Context, d *deploy) bool
}

// adapters returns an adapter for each kind that a deploy waits for.
var adapters = sync.OnceValue(func() map[pod.Kind]adapter {
	return map[pod.Kind]adapter{
		pod.KindApp:   apps(),
		pod.KindRoute: routes(),
		pod.KindJob:   jobs(),
	}
})

// waited returns the kinds that a phase of a deploy waits for.
func waited(phase object.Phase) map[pod.Kind]bool {
	kinds := map[pod.Kind]bool{}
	for kind, a := range adapters() {
		kinds[kind] = a.before <= phase
	}
	return kinds
}

// refOf returns the resource that an object with some labels was rendered from.
func refOf(labels map[string]string) pod.Ref {
	word, name, _ := strings.Cut(object.Resource(labels), " ")
	for _, kind := range pod.Kinds() {
		if kind.Word() == word {
			return pod.Ref{Kind: kind, Name: name}
		}
	}
	return pod.Ref{Name: name}
}

// resourceOf returns the resource whose status is about a rendered object.
func resourceOf(o *unstructured.Unstructured) (pod.Ref, bool) {
	for kind, a := range adapters() {
		if a.object == o.GroupVersionKind() {
			return pod.Ref{Kind: kind, Name: o.GetLabels()[object.LabelName]}, true
		}
	}
	return pod.Ref{}, false
}

// followed returns the kinds of objects that the statuses of a spec's resources follow from, each once. The cluster need not
// have other kinds.
func followed(spec pod.Spec) []object.Kind {
	var kinds []object.Kind
	for _, kind := range pod.Kinds() {
		if a, ok := adapters()[kind]; ok && len(spec.Names(kind)) > 0 {
			for _, of := range a.follow(spec) {
				if !slices.Contains(kinds, of) {
					kinds = append(kinds, of)
				}
			}
		}
	}
	return kinds
}

// live is what the watch shows, by kind and name.
type live map[pod.Kind]func(name string) observed

func (f *follower) read() live {
	l := live{}
	for kind, a := range adapters() {
		if f.Unseen[a.object] != nil {
			l[kind] = func(string) observed { return hidden{Unseen(f.Unseen), a.object} }
			continue
		}
		l[kind] = a.read(f)
	}
	return l
}

// hidden is a resource whose object is not seen.
type hidden struct {
	Unseen
	kind object.Kind
}

func (hidden) generation() int64 { return -1 }

// health is not final if the object may be there.
func (h hidden) health(time.Time) health.Status {
	state := health.Failed
	if apierrors.IsForbidden(h.Unseen[h.kind]) {
		state = health.Progressing
	}
	return health.Status{State: state, Reason: h.Words(h.kind)}
}

func (l live) of(ref pod.Ref) observed { return l[ref.Kind](ref.Name) }

// eventsOf returns the events, or none if they are not watched yet.
func (f *follower) eventsOf() health.Events {
	if f.events == nil {
		return health.NewEvents(nil)
	}
	return health.NewEvents(kube.Objects[corev1.Event](f.events, object.Event))
}

// status returns the status of a resource of a spec with some health.
func (o Observer) status(ref pod.Ref, spec pod.Spec, s health.Status) Status {
	out := Status{Ref: ref, Status: s}
	if urls := adapters()[ref.Kind].urls; urls != nil {
		out.URLs = urls(o, ref.Name, spec)
	}
	return out
}
