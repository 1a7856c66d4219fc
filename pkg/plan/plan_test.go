package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/pkg/plan"
)

var (
	markers = plan.Markers{Hash: "psc.dev/hash", Manager: "psc"}

	accounts    = schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}
	services    = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	deployments = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	routes      = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
)

func rendered(kind schema.GroupVersionKind, name, hash string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	o.SetName(name)
	o.SetAnnotations(map[string]string{markers.Hash: hash})
	return o
}

func live(kind schema.GroupVersionKind, name, hash string, managers ...metav1.ManagedFieldsEntry) metav1.PartialObjectMetadata {
	o := metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(kind)
	o.Name, o.UID, o.ManagedFields = name, types.UID(kind.Kind+"/"+name), managers
	o.Annotations = map[string]string{markers.Hash: hash}
	return o
}

func applied(manager string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationApply}
}

func updated(manager, subresource string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, Subresource: subresource}
}

// An object is written when it is missing, differs, or was touched by another hand; what Kubernetes itself writes onto
// it is no reason. What is clean is left alone.
func TestOf(t *testing.T) {
	deleting := live(deployments, "web", "1", applied("psc"))
	deleting.DeletionTimestamp = &metav1.Time{}
	otherVersion := live(schema.GroupVersionKind{Group: "apps", Version: "v1beta1", Kind: "Deployment"}, "web", "1", applied("psc"))
	for name, test := range map[string]struct {
		live   []metav1.PartialObjectMetadata
		action plan.Action
		reason string
	}{
		"missing":        {action: plan.Create, reason: "new"},
		"clean":          {live: []metav1.PartialObjectMetadata{live(deployments, "web", "1", applied("psc"))}, action: plan.Keep},
		"other version":  {live: []metav1.PartialObjectMetadata{otherVersion}, action: plan.Keep},
		"hash":           {live: []metav1.PartialObjectMetadata{live(deployments, "web", "0", applied("psc"))}, action: plan.Update, reason: "changed"},
		"no hash":        {live: []metav1.PartialObjectMetadata{live(deployments, "web", "", applied("psc"))}, action: plan.Update, reason: "changed"},
		"going":          {live: []metav1.PartialObjectMetadata{deleting}, action: plan.Create, reason: "is being deleted"},
		"edited":         {live: []metav1.PartialObjectMetadata{live(deployments, "web", "1", applied("psc"), updated("kubectl-edit", ""))}, action: plan.Update, reason: "edited by kubectl-edit"},
		"applied over":   {live: []metav1.PartialObjectMetadata{live(deployments, "web", "1", applied("flux"), applied("psc"))}, action: plan.Update, reason: "edited by flux"},
		"scaled":         {live: []metav1.PartialObjectMetadata{live(deployments, "web", "1", applied("psc"), updated("kubectl", "scale"))}, action: plan.Update, reason: "scaled by kubectl"},
		"not ours":       {live: []metav1.PartialObjectMetadata{live(deployments, "web", "1")}, action: plan.Update, reason: "taken over"},
		"ours by update": {live: []metav1.PartialObjectMetadata{live(deployments, "web", "1", updated("psc", ""))}, action: plan.Update, reason: "edited by psc"},
		"controllers": {
			live: []metav1.PartialObjectMetadata{live(deployments, "web", "1", applied("psc"),
				updated("kube-controller-manager", ""), updated("kube-controller-manager", "status"), updated("kubelet", ""),
				updated("cloud-controller-manager", ""), updated("somebody", "status"))},
			action: plan.Keep,
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := rendered(deployments, "web", "1")
			want := []plan.Step{{Action: test.action, Kind: deployments, Name: "web", Reason: test.reason, Object: object}}
			if diff := cmp.Diff(want, plan.Of([]*unstructured.Unstructured{object}, test.live, markers)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// What workloads need comes before them, routes after them, and what goes goes last, but a route before the apps that it leads to: guarded by its UID, and not when
// it is already going. The order does not depend on that of the input.
func TestOrder(t *testing.T) {
	going := live(services, "gone", "1")
	going.DeletionTimestamp = &metav1.Time{}
	account, deployment, service, route := rendered(accounts, "web", "1"), rendered(deployments, "web", "1"), rendered(services, "web", "1"), rendered(routes, "shop", "1")
	found := []metav1.PartialObjectMetadata{
		live(routes, "old", "1"), live(services, "web", "1", applied("psc")), live(deployments, "old", "1"), live(services, "old", "1"),
		live(deployments, "shop", "1"), going,
	}
	want := []plan.Step{
		{Action: plan.Create, Kind: accounts, Name: "web", Reason: "new", Object: account},
		{Action: plan.Create, Kind: deployments, Name: "web", Reason: "new", Object: deployment},
		{Action: plan.Keep, Kind: services, Name: "web", Object: service},
		{Action: plan.Delete, Kind: routes, Name: "old", Reason: "no longer part of the spec", UID: "HTTPRoute/old"},
		{Action: plan.Create, Kind: routes, Name: "shop", Reason: "new", Object: route},
		{Action: plan.Delete, Kind: deployments, Name: "old", Reason: "no longer part of the spec", UID: "Deployment/old"},
		{Action: plan.Delete, Kind: deployments, Name: "shop", Reason: "no longer part of the spec", UID: "Deployment/shop"},
		{Action: plan.Delete, Kind: services, Name: "old", Reason: "no longer part of the spec", UID: "Service/old"},
	}
	for _, order := range [][]*unstructured.Unstructured{{account, deployment, service, route}, {route, service, deployment, account}} {
		got := plan.Of(order, found, markers)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		phases := map[int][]plan.Step{
			plan.PhaseBase: want[:1], plan.PhaseWork: want[1:3], plan.PhaseRoutes: want[3:5], plan.PhaseRemove: want[5:],
		}
		for phase, steps := range phases {
			if diff := cmp.Diff(steps, plan.Phase(got, phase)); diff != "" {
				t.Errorf("phase %d: -want +got\n%s", phase, diff)
			}
		}
		if diff := cmp.Diff(append(want[:2:2], want[3:]...), plan.Writes(got)); diff != "" {
			t.Errorf("writes: -want +got\n%s", diff)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the steps were changed in place: -want +got\n%s", diff)
		}
	}
}
