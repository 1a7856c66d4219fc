package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned/typed/apis/v1"
)

// statuses holds the wanted status of every object that belongs to this controller.
type statuses struct {
	classes  map[string][]metav1.Condition
	gateways map[types.NamespacedName]v1.GatewayStatus
	sets     map[types.NamespacedName]v1.ListenerSetStatus
	routes   map[types.NamespacedName][]v1.RouteParentStatus
}

// supported returns the features that a GatewayClass reports, sorted as the specification demands: those on which a route can
// depend without naming them. https://gateway-api.sigs.k8s.io/geps/gep-2162/
func supported() []v1.SupportedFeature {
	return []v1.SupportedFeature{{Name: "Gateway"}, {Name: "HTTPRoute"}, {Name: "HTTPRouteBackendProtocolH2C"}, {Name: "HTTPRouteBackendProtocolWebSocket"}, {Name: "ListenerSet"}}
}

// condition returns a condition that is False for the reason in p, or else True with its type as the reason, as
// in the specification.
func condition[T ~string](kind T, p problem, generation int64) metav1.Condition {
	c := metav1.Condition{Type: string(kind), Status: metav1.ConditionTrue, Reason: string(kind), ObservedGeneration: generation}
	if p.reason != "" {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, p.reason, p.message
	}
	return c
}

// accepted returns why p does not serve: its own problem, or that none of its listeners can be used.
func (p *parent) accepted() problem {
	for _, l := range p.listeners {
		if l.unusable.reason == "" {
			return p.problem
		}
	}
	return p.problem.or(problem{string(v1.GatewayReasonListenersNotValid), "no listener can be used"})
}

func (p *parent) conditions(generation int64) []metav1.Condition {
	accepted := condition(v1.GatewayConditionAccepted, p.accepted(), generation)
	programmed := p.accepted()
	if p.set == nil && programmed.reason != "" { // a ListenerSet repeats the reason
		programmed.reason = string(v1.GatewayReasonInvalid)
	}
	var unusable []string
	for _, l := range p.listeners {
		if l.unusable.reason != "" {
			unusable = append(unusable, string(l.Name))
		}
	}
	if len(unusable) > 0 && accepted.Status == metav1.ConditionTrue {
		accepted.Reason, accepted.Message = string(v1.GatewayReasonListenersNotValid), "cannot be used: "+strings.Join(unusable, ", ")
	}
	return []metav1.Condition{accepted, condition(v1.GatewayConditionProgrammed, programmed, generation)}
}

func (l *listener) status(generation int64) v1.ListenerStatus {
	programmed := l.unusable
	if programmed.reason != "" && programmed != l.conflict {
		programmed.reason = string(v1.ListenerReasonInvalid)
	}
	conflicted := condition(v1.ListenerConditionConflicted, problem{string(v1.ListenerReasonNoConflicts), ""}, generation)
	if l.conflict.reason != "" {
		conflicted.Status, conflicted.Reason, conflicted.Message = metav1.ConditionTrue, l.conflict.reason, l.conflict.message
	}
	return v1.ListenerStatus{Name: l.Name, SupportedKinds: l.kinds, AttachedRoutes: l.attached, Conditions: []metav1.Condition{
		condition(v1.ListenerConditionAccepted, l.accepted.or(l.conflict), generation),
		condition(v1.ListenerConditionProgrammed, programmed, generation),
		condition(v1.ListenerConditionResolvedRefs, l.refs, generation),
		conflicted,
	}}
}

// report collects the statuses once everything is bound.
func (t *translation) report(classes map[string]problem) *statuses {
	s := &statuses{map[string][]metav1.Condition{}, map[types.NamespacedName]v1.GatewayStatus{}, map[types.NamespacedName]v1.ListenerSetStatus{}, t.routed}
	for _, c := range t.classes {
		if p, ours := classes[c.Name]; ours {
			s.classes[c.Name] = []metav1.Condition{condition(v1.GatewayClassConditionStatusAccepted, p, c.Generation)}
		}
	}
	for key, p := range t.parents {
		name := types.NamespacedName{Namespace: key.namespace, Name: key.name}
		if p.set == nil {
			status := v1.GatewayStatus{
				Addresses:            []v1.GatewayStatusAddress{{Type: new(v1.IPAddressType), Value: t.address}},
				Conditions:           p.conditions(p.gateway.Generation),
				AttachedListenerSets: &p.attached,
			}
			for _, l := range p.listeners {
				status.Listeners = append(status.Listeners, l.status(p.gateway.Generation))
			}
			s.gateways[name] = status
			continue
		}
		status := v1.ListenerSetStatus{Conditions: p.conditions(p.set.Generation)}
		for _, l := range p.listeners {
			status.Listeners = append(status.Listeners, v1.ListenerEntryStatus(l.status(p.set.Generation)))
		}
		s.sets[name] = status
	}
	return s
}

// merge sets the wanted conditions in have. It keeps the conditions of others and the times of transition.
func merge(have, want []metav1.Condition) []metav1.Condition {
	out := append([]metav1.Condition(nil), have...)
	for _, c := range want {
		meta.SetStatusCondition(&out, c)
	}
	return out
}

func mergeGateway(have, want v1.GatewayStatus) v1.GatewayStatus {
	want.Conditions = merge(have.Conditions, want.Conditions)
	for i := range want.Listeners {
		for _, h := range have.Listeners {
			if h.Name == want.Listeners[i].Name {
				want.Listeners[i].Conditions = merge(h.Conditions, want.Listeners[i].Conditions)
			}
		}
		want.Listeners[i].Conditions = merge(nil, want.Listeners[i].Conditions) // new conditions get their time
	}
	return want
}

func mergeSet(have, want v1.ListenerSetStatus) v1.ListenerSetStatus {
	asGateway := func(s v1.ListenerSetStatus) v1.GatewayStatus {
		g := v1.GatewayStatus{Conditions: s.Conditions}
		for _, l := range s.Listeners {
			g.Listeners = append(g.Listeners, v1.ListenerStatus(l))
		}
		return g
	}
	merged := mergeGateway(asGateway(have), asGateway(want))
	want.Conditions = merged.Conditions
	for i, l := range merged.Listeners {
		want.Listeners[i] = v1.ListenerEntryStatus(l)
	}
	return want
}

// mergeParents replaces the entries of our controller and leaves those of others as they are.
func mergeParents(have, want []v1.RouteParentStatus) []v1.RouteParentStatus {
	out, rest := []v1.RouteParentStatus{}, slices.Clone(want)
	for _, h := range have {
		if h.ControllerName != Controller {
			out = append(out, h)
			continue
		}
		i := slices.IndexFunc(rest, func(w v1.RouteParentStatus) bool { return equality.Semantic.DeepEqual(h.ParentRef, w.ParentRef) })
		if i >= 0 {
			h.Conditions = merge(h.Conditions, rest[i].Conditions)
			out, rest = append(out, h), slices.Delete(rest, i, i+1)
		}
	}
	for _, w := range rest {
		w.Conditions = merge(nil, w.Conditions)
		out = append(out, w)
	}
	return out
}

// writer writes statuses that differ from what the cluster has.
type writer struct {
	client  gatewayclient.GatewayV1Interface
	written map[types.UID]string // the version that a write replaced: while the cache still has it, do not write
}

// write updates the statuses of w's objects to s and joins the errors. A conflict is an error, too, because
// another controller may have changed nothing but the status of the object.
func (wr *writer) write(ctx context.Context, w *world, s *statuses) error {
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	slots := make(chan struct{}, 16)
	update := func(o metav1.Object, same bool, do func() (metav1.Object, error)) {
		if same || wr.written[o.GetUID()] == o.GetResourceVersion() {
			return
		}
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			now, err := do()
			mu.Lock()
			defer mu.Unlock()
			if err == nil && now.GetResourceVersion() != o.GetResourceVersion() {
				wr.written[o.GetUID()] = o.GetResourceVersion()
			} else if err != nil && !apierrors.IsNotFound(err) {
				failed = append(failed, fmt.Errorf("status of %s/%s: %w", o.GetNamespace(), o.GetName(), err))
			}
		})
	}
	for _, c := range w.classes {
		if want, ours := s.classes[c.Name]; ours {
			next := c.DeepCopy()
			next.Status.Conditions, next.Status.SupportedFeatures = merge(c.Status.Conditions, want), supported()
			update(c, equality.Semantic.DeepEqual(c.Status, next.Status), func() (metav1.Object, error) {
				return wr.client.GatewayClasses().UpdateStatus(ctx, next, metav1.UpdateOptions{})
			})
		}
	}
	for _, g := range w.gateways {
		if want, ours := s.gateways[types.NamespacedName{Namespace: g.Namespace, Name: g.Name}]; ours {
			next := g.DeepCopy()
			next.Status = mergeGateway(g.Status, want)
			update(g, equality.Semantic.DeepEqual(g.Status, next.Status), func() (metav1.Object, error) {
				return wr.client.Gateways(g.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{})
			})
		}
	}
	for _, l := range w.sets {
		if want, ours := s.sets[types.NamespacedName{Namespace: l.Namespace, Name: l.Name}]; ours {
			next := l.DeepCopy()
			next.Status = mergeSet(l.Status, want)
			update(l, equality.Semantic.DeepEqual(l.Status, next.Status), func() (metav1.Object, error) {
				return wr.client.ListenerSets(l.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{})
			})
		}
	}
	for _, r := range w.routes {
		parents := mergeParents(r.Status.Parents, s.routes[types.NamespacedName{Namespace: r.Namespace, Name: r.Name}])
		update(r, equality.Semantic.DeepEqual(r.Status.Parents, parents), func() (metav1.Object, error) {
			next := r.DeepCopy()
			next.Status.Parents = parents
			return wr.client.HTTPRoutes(r.Namespace).UpdateStatus(ctx, next, metav1.UpdateOptions{})
		})
	}
	group.Wait()
	return errors.Join(failed...)
}
