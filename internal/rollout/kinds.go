package rollout

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// adapter says how the status of a kind of resources follows from objects in the cluster.
type adapter struct {
	// object is the kind of the object that a resource's status is about. It has the name of the resource.
	object object.Kind
	// beforeRoutes is set if routes are written only when the resources of the spec are ready, so that no request meets one
	// that is not there.
	beforeRoutes bool
	// follow returns the kinds of objects to watch for the resources of a spec that has some.
	follow func(spec pod.Spec) []object.Kind
	// read returns what the watch shows of each resource, also of one that is not in the cluster.
	read func(f *follower) func(name string) observed
	// urls returns where a resource is reached; it may be nil.
	urls func(o Observer, name string, spec pod.Spec) []string
}

// observed is what there is of a resource in the cluster.
type observed interface {
	// generation is that of the object that the status is about; -1 when there is none.
	generation() int64
	health(now time.Time) health.Status
}

// restarter is an observed resource that can be restarted after it has failed. restart reports whether it did anything.
type restarter interface {
	restart(ctx context.Context, d *deploy) bool
}

// adapters returns an adapter for each kind that a deploy waits for.
var adapters = sync.OnceValue(func() map[pod.Kind]adapter {
	return map[pod.Kind]adapter{
		pod.KindApp:   apps(),
		pod.KindRoute: routes(),
	}
})

// waited returns the kinds that a deploy waits for: all, or with beforeRoutes those that routes wait for.
func waited(beforeRoutes bool) map[pod.Kind]bool {
	kinds := map[pod.Kind]bool{}
	for kind, a := range adapters() {
		kinds[kind] = !beforeRoutes || a.beforeRoutes
	}
	return kinds
}

// resourceOf returns the resource whose status follows from an object.
func resourceOf(kind object.Kind, name string) (pod.Ref, bool) {
	for of, a := range adapters() {
		if a.object == kind {
			return pod.Ref{Kind: of, Name: name}, true
		}
	}
	return pod.Ref{}, false
}

// followed returns the kinds of objects that the statuses of a spec's resources follow from. A cluster need not have the
// others.
func followed(spec pod.Spec) []object.Kind {
	var kinds []object.Kind
	for _, kind := range pod.Kinds() {
		if a, ok := adapters()[kind]; ok && len(spec.Names(kind)) > 0 {
			kinds = append(kinds, a.follow(spec)...)
		}
	}
	return kinds
}

// live is what the watch shows, by kind and name.
type live map[pod.Kind]func(name string) observed

func (f *follower) read() live {
	l := live{}
	for kind, a := range adapters() {
		l[kind] = a.read(f)
	}
	return l
}

func (l live) of(ref pod.Ref) observed { return l[ref.Kind](ref.Name) }

// eventsOf returns the events as far as they are watched.
func (f *follower) eventsOf() health.Events {
	if f.events == nil {
		return health.NewEvents(nil)
	}
	return health.NewEvents(kube.Objects[corev1.Event](f.events, object.Event))
}

// status is the status of a resource of a spec, out of its health.
func (o Observer) status(ref pod.Ref, spec pod.Spec, s health.Status) Status {
	out := Status{Ref: ref, Status: s}
	if urls := adapters()[ref.Kind].urls; urls != nil {
		out.URLs = urls(o, ref.Name, spec)
	}
	return out
}
