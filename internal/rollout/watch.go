package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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

// live is what health looks at.
type live struct {
	apps   map[string]health.Objects
	routes map[string]*gatewayv1.HTTPRoute
}

// resourceOf says which resource's state follows from the object of a step.
func resourceOf(s plan.Step) (pod.Ref, bool) {
	switch s.Kind {
	case object.Deployment:
		return pod.Ref{Kind: pod.KindApp, Name: s.Name}, true
	case object.HTTPRoute:
		return pod.Ref{Kind: pod.KindRoute, Name: s.Name}, true
	}
	return pod.Ref{}, false
}

// generation is the one of the object that a resource's state speaks of; -1 when there is none.
func (l live) generation(ref pod.Ref) int64 {
	if r := l.routes[ref.Name]; ref.Kind == pod.KindRoute && r != nil {
		return r.Generation
	}
	if d := l.apps[ref.Name].Deployment; ref.Kind == pod.KindApp && d != nil {
		return d.Status.ObservedGeneration
	}
	return -1
}

func (l live) of(ref pod.Ref, now time.Time) health.Status {
	if ref.Kind == pod.KindRoute {
		return health.Route(l.routes[ref.Name])
	}
	return health.App(l.apps[ref.Name], now)
}

// Statuses tells how all resources of spec fare right now.
func (o *Rollout) Statuses(ctx context.Context, spec pod.Spec) ([]Status, error) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := o.follow(watching, spec)
	if err != nil {
		return nil, err
	}
	statuses := o.judge(w, spec)
	if open, failed := tally(statuses); open+len(failed) > 0 { // then the events may tell more
		o.followEvents(watching, w)
		statuses = o.judge(w, spec)
	}
	return statuses, nil
}

func (o *Rollout) judge(f *follower, spec pod.Spec) []Status {
	l := f.read()
	statuses := make([]Status, 0, len(spec))
	for _, ref := range spec.Refs() {
		if ref.Kind == pod.KindApp || ref.Kind == pod.KindRoute {
			statuses = append(statuses, o.status(ref, spec, l.of(ref, o.Now())))
		}
	}
	return statuses
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
	// events are nil until they are needed.
	events *kube.Watch
}

// follow watches what the resources of spec are rendered to.
func (o *Rollout) follow(ctx context.Context, spec pod.Spec) (*follower, error) {
	kinds := []kube.Kind{object.Deployment, object.ReplicaSet, object.Pod}
	if len(spec.Names(pod.KindRoute)) > 0 { // a cluster without gateways does not have the kind
		kinds = append(kinds, object.HTTPRoute)
	}
	if slices.ContainsFunc(spec.Names(pod.KindApp), func(name string) bool { return spec.App(name).Autoscale != nil }) {
		kinds = append(kinds, object.HorizontalPodAutoscaler)
	}
	w, err := o.Kube.Watch(ctx, o.Pod, object.Selector(o.Pod), kinds...)
	if err != nil {
		return nil, err
	}
	return &follower{Watch: w}, nil
}

// followEvents begins to watch the events too. They only help to say why: who may not read them goes without.
func (o *Rollout) followEvents(ctx context.Context, f *follower) {
	var err error
	if f.events, err = o.Kube.WatchEvents(ctx, o.Pod, health.NoCause()); err != nil {
		f.events = &kube.Watch{}
	}
}

// told gets a value when there was a new event.
func (f *follower) told() <-chan struct{} {
	if f.events == nil {
		return nil
	}
	return f.events.Changed
}

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

// watcher waits for the resources of a spec and says how they fare whenever that changes.
type watcher struct {
	*follower
	d    *deploy
	spec pod.Spec
	last map[pod.Ref]Status
	// retried are the apps that had failed before this deploy, and why; nil until they were looked for.
	retried   map[pod.Ref]health.Status
	retriedAt time.Time
}

func (d *deploy) watch(ctx context.Context, spec pod.Spec) (*watcher, error) {
	f, err := d.follow(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &watcher{follower: f, d: d, spec: spec, last: map[pod.Ref]Status{}}, nil
}

const (
	// lookAgain is how often the state is judged although nothing changed: some reasons only count after a while.
	lookAgain = time.Second
	// eventsAfter is how long it may take until the events are watched too: what goes well is mostly there by then.
	eventsAfter = 2 * time.Second
)

// wait returns when all resources of some kinds are ready, or the first has failed: the first verdict stands, for a
// crashing container looks fine for the second in which it runs.
func (w *watcher) wait(ctx context.Context, kinds ...pod.Kind) ([]Status, error) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	begin := w.d.Now()
	var statuses []Status
	w.retry(ctx)
	for {
		if w.Fresh() || statuses == nil { // what is not seen any more is not judged: time would go on for it alone
			var open int
			var err error
			if statuses, open, err = w.look(kinds); err != nil {
				return w.d.quote(ctx, statuses), err
			}
			if open == 0 {
				return statuses, nil
			}
		}
		if w.events == nil && w.d.Now().Sub(begin) >= eventsAfter {
			w.d.followEvents(ctx, w.follower)
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrPending) {
				statuses = w.d.quote(ctx, statuses)
			}
			return statuses, context.Cause(ctx)
		case <-w.Changed:
		case <-w.told():
		case <-again.C:
		}
	}
}

func (w *watcher) look(kinds []pod.Kind) (statuses []Status, open int, err error) {
	l := w.read()
	now := w.d.Now()
	for _, ref := range w.spec.Refs() {
		if !slices.Contains(kinds, ref.Kind) {
			continue
		}
		s := w.d.status(ref, w.spec, l.of(ref, now))
		if l.generation(ref) < w.d.written[ref] {
			s.Status = health.Status{State: health.Progressing, Reason: "starting", Desired: s.Desired}
		}
		s.Since = now.Sub(w.d.begin)
		last, known := w.last[ref]
		if w.old(ref, s.Status, now) {
			s.Status = health.Status{State: health.Progressing, Reason: "starting again", Desired: s.Desired}
		}
		_, wrote := w.d.written[ref]
		switch {
		case known && last.Same(s.Status):
			s.Since = last.Since
		case known || wrote || s.State == health.Progressing || s.State == health.Failed:
			w.d.Emit(Event{Status: &s}) // what was not written and is ready is no news
		}
		w.last[ref] = s
		statuses = append(statuses, s)
	}
	open, failed := tally(statuses)
	if len(failed) > 0 {
		return statuses, open, errors.New(strings.Join(failed, "; "))
	}
	return statuses, open, nil
}

// maxReasons is how much is said of what failed, in bytes: a revision keeps it in an annotation.
const maxReasons = 1 << 10

// tally counts what is not ready yet, and says what has failed.
func tally(statuses []Status) (open int, failed []string) {
	size, more := 0, 0
	for _, s := range statuses {
		switch s.State {
		case health.Failed:
			text := fmt.Sprintf("%s %s: %s", s.Ref.Kind.Word(), s.Ref.Name, s.Reason)
			if size += len(text); size > maxReasons && len(failed) > 0 {
				more++
				continue
			}
			failed = append(failed, text)
		case health.Progressing:
			open++
		case health.Ready, health.Stopped:
		}
	}
	if more > 0 {
		failed = append(failed, fmt.Sprintf("%d more failed", more))
	}
	return open, failed
}
