package health_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

func parent(gateway string, conditions ...metav1.Condition) gatewayv1.RouteParentStatus {
	return gatewayv1.RouteParentStatus{ParentRef: gatewayv1.ParentReference{Name: gatewayv1.ObjectName(gateway)}, Conditions: conditions}
}

func says(kind gatewayv1.RouteConditionType, status metav1.ConditionStatus, reason gatewayv1.RouteConditionReason, message string) metav1.Condition {
	return metav1.Condition{Type: string(kind), Status: status, ObservedGeneration: 2, Reason: string(reason), Message: message}
}

// A route is ready if every gateway that it is attached to has accepted this generation of it and found all of its apps.
// It has failed if only a change of it can help.
func TestRoute(t *testing.T) {
	accepted := says(gatewayv1.RouteConditionAccepted, metav1.ConditionTrue, gatewayv1.RouteReasonAccepted, "")
	resolved := says(gatewayv1.RouteConditionResolvedRefs, metav1.ConditionTrue, gatewayv1.RouteReasonResolvedRefs, "")
	old := accepted
	old.ObservedGeneration = 1
	for name, test := range map[string]struct {
		parents []gatewayv1.RouteParentStatus
		want    health.Status
	}{
		"nobody":       {want: health.Status{State: health.Progressing, Reason: "not yet accepted by a gateway"}},
		"ready":        {parents: []gatewayv1.RouteParentStatus{parent("gw", accepted, resolved)}, want: health.Status{State: health.Ready}},
		"no condition": {parents: []gatewayv1.RouteParentStatus{parent("gw", resolved)}, want: health.Status{State: health.Progressing, Reason: "not yet accepted by gateway gw"}},
		"before":       {parents: []gatewayv1.RouteParentStatus{parent("gw", old, resolved)}, want: health.Status{State: health.Progressing, Reason: "not yet accepted by gateway gw"}},
		"not all": {
			parents: []gatewayv1.RouteParentStatus{parent("a", accepted, resolved), parent("b", accepted)},
			want:    health.Status{State: health.Progressing, Reason: "not yet accepted by gateway b"},
		},
		"refused": {
			parents: []gatewayv1.RouteParentStatus{parent("gw", says(gatewayv1.RouteConditionAccepted, metav1.ConditionFalse, gatewayv1.RouteReasonNoMatchingListenerHostname, "no listener has this host"), resolved)},
			want: health.Status{State: health.Failed, Reason: "gateway gw: no listener has this host", Next: []pod.Next{{
				Do: pod.DoSet, Kind: pod.KindRoute, Name: "shop", Set: map[string]string{"hosts": ""}, Deploy: true,
				Note: "choose a host that the gateway serves",
			}}},
		},
		"pending": {
			parents: []gatewayv1.RouteParentStatus{parent("gw", says(gatewayv1.RouteConditionAccepted, metav1.ConditionUnknown, gatewayv1.RouteReasonPending, "waiting for the controller"), resolved)},
			want:    health.Status{State: health.Progressing, Reason: "gateway gw: waiting for the controller"},
		},
		// The gateway may not know yet a Service that was written a moment ago.
		"service not found": {
			parents: []gatewayv1.RouteParentStatus{parent("gw", accepted, says(gatewayv1.RouteConditionResolvedRefs, metav1.ConditionFalse, gatewayv1.RouteReasonBackendNotFound, "no Service web"))},
			want:    health.Status{State: health.Progressing, Reason: "gateway gw: no Service web"},
		},
		"reference not permitted": {
			parents: []gatewayv1.RouteParentStatus{parent("gw", accepted, says(gatewayv1.RouteConditionResolvedRefs, metav1.ConditionFalse, gatewayv1.RouteReasonRefNotPermitted, "not permitted"))},
			want:    health.Status{State: health.Failed, Reason: "gateway gw: not permitted", Next: []pod.Next{{Do: pod.DoAsk, Note: "ask an admin of the cluster which routes its gateway accepts"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := &gatewayv1.HTTPRoute{}
			r.Name, r.Generation, r.Status.Parents = "shop", 2, test.parents
			for _, p := range test.parents {
				r.Spec.ParentRefs = append(r.Spec.ParentRefs, p.ParentRef)
			}
			if diff := cmp.Diff(test.want, health.Route(r)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(health.Status{State: health.Progressing, Reason: "not found in the cluster"}, health.Route(nil)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
