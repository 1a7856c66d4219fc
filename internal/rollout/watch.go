package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
)

func deployments() kube.Kind { return appsv1.SchemeGroupVersion.WithKind("Deployment") }
func replicaSets() kube.Kind { return appsv1.SchemeGroupVersion.WithKind("ReplicaSet") }
func instances() kube.Kind   { return corev1.SchemeGroupVersion.WithKind("Pod") }
func httpRoutes() kube.Kind  { return render.GatewayKind("HTTPRoute") }

// live is what health looks at.
type live struct {
	deployments map[string]*appsv1.Deployment
	replicaSets map[string][]*appsv1.ReplicaSet // by the UID of the Deployment
	instances   map[string][]*corev1.Pod        // by the name of the app
	routes      map[string]*gatewayv1.HTTPRoute
}

func newLive(deployments []*appsv1.Deployment, replicaSets []*appsv1.ReplicaSet, instances []*corev1.Pod, routes []*gatewayv1.HTTPRoute) live {
	l := live{
		deployments: make(map[string]*appsv1.Deployment, len(deployments)),
		replicaSets: map[string][]*appsv1.ReplicaSet{},
		instances:   map[string][]*corev1.Pod{},
		routes:      make(map[string]*gatewayv1.HTTPRoute, len(routes)),
	}
	for _, d := range deployments {
		l.deployments[d.Name] = d
	}
	for _, rs := range replicaSets {
		if owner := metav1.GetControllerOf(rs); owner != nil {
			l.replicaSets[string(owner.UID)] = append(l.replicaSets[string(owner.UID)], rs)
		}
	}
	for _, p := range instances {
		l.instances[p.Labels[render.LabelApp]] = append(l.instances[p.Labels[render.LabelApp]], p)
	}
	for _, r := range routes {
		l.routes[r.Name] = r
	}
	return l
}

// resourceOf says which resource's state follows from the object of a step.
func resourceOf(s plan.Step) (pod.Ref, bool) {
	switch s.Kind {
	case deployments():
		return pod.Ref{Kind: pod.KindApp, Name: s.Name}, true
	case httpRoutes():
		return pod.Ref{Kind: pod.KindRoute, Name: s.Name}, true
	}
	return pod.Ref{}, false
}

// generation is the one of the object that a resource's state speaks of; -1 when there is none.
func (l live) generation(ref pod.Ref) int64 {
	if r := l.routes[ref.Name]; ref.Kind == pod.KindRoute && r != nil {
		return r.Generation
	}
	if d := l.deployments[ref.Name]; ref.Kind == pod.KindApp && d != nil {
		return d.Status.ObservedGeneration
	}
	return -1
}

func (l live) of(ref pod.Ref, now time.Time) health.Status {
	if ref.Kind == pod.KindRoute {
		return health.Route(l.routes[ref.Name])
	}
	d := l.deployments[ref.Name]
	if d == nil {
		return health.App(nil, nil, nil, now)
	}
	return health.App(d, l.replicaSets[string(d.UID)], l.instances[ref.Name], now)
}

// Statuses tells how all resources of spec fare right now.
func (o *Rollout) Statuses(ctx context.Context, spec pod.Spec) ([]Status, error) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := o.follow(watching, spec)
	if err != nil {
		return nil, err
	}
	l, err := w.read()
	if err != nil {
		return nil, err
	}
	statuses := make([]Status, 0, len(spec))
	for _, ref := range spec.Refs() {
		if ref.Kind == pod.KindApp || ref.Kind == pod.KindRoute {
			statuses = append(statuses, o.status(ref, spec, l.of(ref, o.Now())))
		}
	}
	return statuses, nil
}

func (o *Rollout) status(ref pod.Ref, spec pod.Spec, s health.Status) Status {
	out := Status{Ref: ref, Status: s}
	if route := spec.Route(ref.Name); ref.Kind == pod.KindRoute && route != nil {
		out.URLs = o.Cluster.URLs(o.Pod, ref.Name, route)
	}
	return out
}

type follower struct {
	*kube.Watch
	routes bool
}

// follow watches what the resources of spec are rendered to.
func (o *Rollout) follow(ctx context.Context, spec pod.Spec) (*follower, error) {
	kinds := []kube.Kind{deployments(), replicaSets(), instances()}
	routes := len(spec.Names(pod.KindRoute)) > 0
	if routes { // a cluster without gateways does not have the kind
		kinds = append(kinds, httpRoutes())
	}
	w, err := o.Kube.Watch(ctx, o.Pod, render.Selector(o.Pod), kinds...)
	if err != nil {
		return nil, err
	}
	return &follower{Watch: w, routes: routes}, nil
}

func (f *follower) read() (live, error) {
	d, err := kube.Objects[appsv1.Deployment](f.Watch, deployments())
	if err != nil {
		return live{}, err
	}
	rs, err := kube.Objects[appsv1.ReplicaSet](f.Watch, replicaSets())
	if err != nil {
		return live{}, err
	}
	p, err := kube.Objects[corev1.Pod](f.Watch, instances())
	if err != nil {
		return live{}, err
	}
	var r []*gatewayv1.HTTPRoute
	if f.routes {
		if r, err = kube.Objects[gatewayv1.HTTPRoute](f.Watch, httpRoutes()); err != nil {
			return live{}, err
		}
	}
	return newLive(d, rs, p, r), nil
}

// watcher waits for the resources of a spec and says how they fare whenever that changes.
type watcher struct {
	*follower
	d    *deploy
	spec pod.Spec
	last map[pod.Ref]Status
}

func (d *deploy) watch(ctx context.Context, spec pod.Spec) (*watcher, error) {
	f, err := d.follow(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &watcher{follower: f, d: d, spec: spec, last: map[pod.Ref]Status{}}, nil
}

// lookAgain is how often the state is judged although nothing changed: some reasons only count after a while.
const lookAgain = time.Second

// wait returns when all resources of some kinds are ready, or the first has failed: the first verdict stands, for a
// crashing container looks fine for the second in which it runs.
func (w *watcher) wait(ctx context.Context, kinds ...pod.Kind) ([]Status, error) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		statuses, open, err := w.look(kinds)
		if err != nil || open == 0 {
			return statuses, err
		}
		select {
		case <-ctx.Done():
			return statuses, context.Cause(ctx)
		case <-w.Changed:
		case <-again.C:
		}
	}
}

func (w *watcher) look(kinds []pod.Kind) (statuses []Status, open int, err error) {
	l, err := w.read()
	if err != nil {
		return nil, 0, err
	}
	now := w.d.Now()
	for _, ref := range w.spec.Refs() {
		if !slices.Contains(kinds, ref.Kind) {
			continue
		}
		s := w.d.status(ref, w.spec, l.of(ref, now))
		if l.generation(ref) < w.d.written[ref] {
			s.Status = health.Status{State: health.Progressing, Desired: s.Desired}
		}
		s.Since = now.Sub(w.d.begin)
		if last, known := w.last[ref]; known && last.Status == s.Status {
			s = last
		} else {
			w.last[ref] = s
			if _, wrote := w.d.written[ref]; known || wrote || s.State == health.Progressing || s.State == health.Failed {
				w.d.Emit(Event{Status: &s}) // what was not written and is ready is no news
			}
		}
		statuses = append(statuses, s)
	}
	open, failed := tally(statuses)
	if len(failed) > 0 {
		return statuses, open, errors.New(strings.Join(failed, "; "))
	}
	return statuses, open, nil
}

// tally counts what is not ready yet, and says what has failed.
func tally(statuses []Status) (open int, failed []string) {
	for _, s := range statuses {
		switch s.State {
		case health.Failed:
			failed = append(failed, fmt.Sprintf("%s %s: %s", s.Ref.Kind.Word(), s.Ref.Name, s.Reason))
		case health.Progressing:
			open++
		case health.Ready, health.Stopped:
		}
	}
	return open, failed
}
