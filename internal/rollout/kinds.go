package rollout

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
)

// This file holds everything that depends on the kind of a resource: which kinds have a status, which objects it follows
// from, and how those are read.

// withStatus returns the kinds of resources that have a status.
func withStatus() []pod.Kind { return []pod.Kind{pod.KindApp, pod.KindRoute} }

// beforeRoutes returns the kinds of resources that must be ready before routes are written, so that no request meets an app
// that is not there.
func beforeRoutes() []pod.Kind { return []pod.Kind{pod.KindApp} }

// resourceOf returns the resource whose status follows from the object of a step.
func resourceOf(s plan.Step) (pod.Ref, bool) {
	switch s.Kind {
	case object.Deployment:
		return pod.Ref{Kind: pod.KindApp, Name: s.Name}, true
	case object.HTTPRoute:
		return pod.Ref{Kind: pod.KindRoute, Name: s.Name}, true
	}
	return pod.Ref{}, false
}

// followed returns the kinds of objects that the statuses of a spec's resources follow from. A cluster without gateways
// does not have those of routes.
func followed(spec pod.Spec) []kube.Kind {
	kinds := []kube.Kind{object.Deployment, object.ReplicaSet, object.Pod}
	if len(spec.Names(pod.KindRoute)) > 0 {
		kinds = append(kinds, object.HTTPRoute)
	}
	if slices.ContainsFunc(spec.Names(pod.KindApp), func(name string) bool { return spec.App(name).Autoscale != nil }) {
		kinds = append(kinds, object.HorizontalPodAutoscaler)
	}
	return kinds
}

// live holds the objects in the cluster, by the resource that they belong to.
type live struct {
	apps   map[string]health.Objects
	routes map[string]*gatewayv1.HTTPRoute
}

// read returns the followed objects by resource.
func (f *follower) read() live {
	var e []*corev1.Event
	if f.events != nil {
		e = kube.Objects[corev1.Event](f.events, object.Event)
	}
	apps := map[string]health.Objects{}
	add := func(name string, to func(*health.Objects)) {
		o := apps[name]
		to(&o)
		apps[name] = o
	}
	events := health.NewEvents(e)
	for _, d := range kube.Objects[appsv1.Deployment](f.Watch, object.Deployment) {
		add(d.Name, func(o *health.Objects) { o.Deployment, o.Events = d, events })
	}
	for _, rs := range kube.Objects[appsv1.ReplicaSet](f.Watch, object.ReplicaSet) {
		add(rs.Labels[object.LabelApp], func(o *health.Objects) { o.ReplicaSets = append(o.ReplicaSets, rs) })
	}
	for _, p := range kube.Objects[corev1.Pod](f.Watch, object.Pod) {
		add(p.Labels[object.LabelApp], func(o *health.Objects) { o.Instances = append(o.Instances, p) })
	}
	for _, h := range kube.Objects[autoscalingv2.HorizontalPodAutoscaler](f.Watch, object.HorizontalPodAutoscaler) {
		add(h.Name, func(o *health.Objects) { o.Autoscaler = h })
	}
	routes := map[string]*gatewayv1.HTTPRoute{}
	for _, r := range kube.Objects[gatewayv1.HTTPRoute](f.Watch, object.HTTPRoute) {
		routes[r.Name] = r
	}
	return live{apps: apps, routes: routes}
}

// generation is that of the object which a resource's status is about; -1 when there is none.
func (l live) generation(ref pod.Ref) int64 {
	if r := l.routes[ref.Name]; ref.Kind == pod.KindRoute && r != nil {
		return r.Generation
	}
	if d := l.apps[ref.Name].Deployment; ref.Kind == pod.KindApp && d != nil {
		return d.Status.ObservedGeneration
	}
	return -1
}

// health is the state of a resource.
func (l live) health(ref pod.Ref, now time.Time) health.Status {
	if ref.Kind == pod.KindRoute {
		return health.Route(l.routes[ref.Name])
	}
	return health.App(l.apps[ref.Name], now)
}

// status is the status of a resource of a spec, out of its health.
func (o Observer) status(ref pod.Ref, spec pod.Spec, s health.Status) Status {
	out := Status{Ref: ref, Status: s}
	if route := spec.Route(ref.Name); ref.Kind == pod.KindRoute && route != nil {
		out.URLs = o.Cluster.URLs(o.Pod, ref.Name, route)
	}
	return out
}
