package health

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// Route returns the status of a route, from the conditions that gateways set:
// https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus
// r is nil if there is no HTTPRoute.
func Route(r *gatewayv1.HTTPRoute) Status {
	if r == nil {
		return Status{State: Progressing, Reason: NotFound}
	}
	accepted := 0
	for _, parent := range r.Status.Parents {
		if !attached(r, parent.ParentRef) {
			continue // a gateway that it was attached to before
		}
		accepted++
		for _, kind := range []gatewayv1.RouteConditionType{gatewayv1.RouteConditionAccepted, gatewayv1.RouteConditionResolvedRefs} {
			c := condition(parent.Conditions, string(kind))
			if c == nil || c.ObservedGeneration < r.Generation {
				return Status{State: Progressing, Reason: fmt.Sprintf("not yet accepted by gateway %s", parent.ParentRef.Name)}
			}
			if c.Status != metav1.ConditionTrue {
				reason := line(fmt.Sprintf("gateway %s: %s", parent.ParentRef.Name, cmp.Or(c.Message, c.Reason)), maxReason)
				return Status{State: refusal(c.Reason), Reason: reason, Next: afterRefusal(r.Name, c.Reason)}
			}
		}
	}
	if accepted < len(r.Spec.ParentRefs) || accepted == 0 {
		return Status{State: Progressing, Reason: "not yet accepted by a gateway"}
	}
	return Status{State: Ready}
}

// Served returns the status of a route that a gateway has accepted, although an older route, owner, serves a host and a path of it.
func Served(route, address, owner string) Status {
	return Status{State: Failed, Reason: line(fmt.Sprintf("%s is served by %s, which is older", address, owner), maxReason), Next: []pod.Next{{
		Do: pod.DoSet, Kind: pod.KindRoute, Name: route, Set: map[string]string{"hosts": ""}, Deploy: true,
		Note: "choose a host that no other pod has",
	}}}
}

// attached reports whether the route names this parent now.
func attached(r *gatewayv1.HTTPRoute, parent gatewayv1.ParentReference) bool {
	return slices.ContainsFunc(r.Spec.ParentRefs, func(ref gatewayv1.ParentReference) bool {
		return ref.Name == parent.Name && section(ref) == section(parent)
	})
}

func section(ref gatewayv1.ParentReference) gatewayv1.SectionName {
	if ref.SectionName == nil {
		return ""
	}
	return *ref.SectionName
}

// refusal is Progressing if the cause may go away by itself, as with a Service that was written a moment ago.
func refusal(reason string) State {
	switch gatewayv1.RouteConditionReason(reason) {
	case gatewayv1.RouteReasonBackendNotFound, gatewayv1.RouteReasonPending:
		return Progressing
	}
	return Failed
}

// afterRefusal lists what may satisfy a gateway.
func afterRefusal(route, reason string) []pod.Next {
	switch gatewayv1.RouteConditionReason(reason) {
	case gatewayv1.RouteReasonNoMatchingListenerHostname:
		return []pod.Next{{
			Do: pod.DoSet, Kind: pod.KindRoute, Name: route, Set: map[string]string{"hosts": ""}, Deploy: true,
			Note: "choose a host that the gateway serves",
		}}
	case gatewayv1.RouteReasonNotAllowedByListeners, gatewayv1.RouteReasonNoMatchingParent, gatewayv1.RouteReasonRefNotPermitted:
		return ask("ask an admin of the cluster which routes its gateway accepts")
	}
	return nil
}

func condition(all []metav1.Condition, kind string) *metav1.Condition {
	for i := range all {
		if all[i].Type == kind {
			return &all[i]
		}
	}
	return nil
}
