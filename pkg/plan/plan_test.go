package plan_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

var (
	accounts    = schema.GroupVersionKind{Version: "v1", Kind: "ServiceAccount"}
	services    = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	jobs        = schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}
	deployments = schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}
	scalers     = schema.GroupVersionKind{Group: "autoscaling", Version: "v2", Kind: "HorizontalPodAutoscaler"}
	routes      = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}
)

// rendered returns an object with two fields: one in a map and one in a list with keys.
func rendered(kind schema.GroupVersionKind, name, hash string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"replicas": int64(2),
		"ports":    []any{map[string]any{"port": int64(80), "name": "http"}},
	}}}
	o.SetGroupVersionKind(kind)
	o.SetName(name)
	o.SetAnnotations(map[string]string{object.AnnotationHash: hash})
	return o
}

// owned are the fields of rendered in managedFields. The key of a port has a second field with a default.
const owned = `{"f:metadata":{"f:annotations":{"f:psc.dev/hash":{}}},` +
	`"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:name":{},"f:port":{}}},"f:replicas":{}}}`

func live(kind schema.GroupVersionKind, name, hash string, managers ...metav1.ManagedFieldsEntry) metav1.PartialObjectMetadata {
	o := metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(kind)
	o.Name, o.UID, o.ResourceVersion, o.ManagedFields = name, types.UID(kind.Kind+"/"+name), "7", managers
	for i := range o.ManagedFields {
		if o.ManagedFields[i].APIVersion == "" {
			o.ManagedFields[i].APIVersion = kind.GroupVersion().String()
		}
	}
	o.Annotations = map[string]string{object.AnnotationHash: hash}
	return o
}

func applied(manager, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationApply, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(fields), Time: &metav1.Time{Time: then},
	}
}

func updated(manager, subresource, fields string) metav1.ManagedFieldsEntry {
	e := applied(manager, fields)
	e.Operation, e.Subresource = metav1.ManagedFieldsOperationUpdate, subresource
	return e
}

func inVersion(version string, e metav1.ManagedFieldsEntry) metav1.ManagedFieldsEntry {
	e.APIVersion = version
	return e
}

func ours() metav1.ManagedFieldsEntry { return applied("psc", owned) }

var then = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// An object is written if it is missing, differs, or was changed by another manager, which is named with its changes. It is
// not written because of what Kubernetes itself wrote, or because another manager owns the same value.
func TestOf(t *testing.T) {
	deleting := live(deployments, "web", "1", ours())
	deleting.DeletionTimestamp = &metav1.Time{}
	without := func(field string) string { return strings.Replace(owned, field, "", 1) }
	added := func(path, by string) plan.Field { return plan.Field{Path: path, Change: plan.Added, By: by, At: then} }
	type want struct {
		Action plan.Action
		Reason string
		Fields []plan.Field
		UID    types.UID
	}
	is := func(reason string, fields ...plan.Field) want {
		return want{Action: plan.Update, Reason: reason, Fields: fields}
	}
	for name, test := range map[string]struct {
		live []metav1.PartialObjectMetadata
		want want
	}{
		"missing": {want: want{Action: plan.Create, Reason: "new"}},
		"clean":   {live: one("1", ours()), want: want{Action: plan.Keep}},
		"being deleted": {
			live: []metav1.PartialObjectMetadata{deleting},
			want: want{Action: plan.Create, Reason: "is being deleted", UID: "Deployment/web"},
		},
		"hash":    {live: one("0", ours()), want: is("changed")},
		"no hash": {live: one("", ours()), want: is("changed")},
		"new in this revision": {
			live: one("0", applied("psc", without(`,"f:replicas":{}`))), want: is("changed"),
		},
		"gone in this revision": {
			live: one("0", applied("psc", strings.Replace(owned, `"f:replicas"`, `"f:paused":{},"f:replicas"`, 1))), want: is("changed"),
		},
		"the same of another's": {live: one("1", ours(), applied("flux", owned)), want: want{Action: plan.Keep}},
		"added": {
			live: one("1", ours(), updated("kubectl-edit", "", `{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"UDP\"}":{".":{},"f:port":{}}},"f:strategy":{"f:type":{}}}}`)),
			want: is("edited by kubectl-edit", added("spec.ports[80/UDP]", "kubectl-edit"), added("spec.strategy", "kubectl-edit")),
		},
		"added in another version": {
			live: one("1", ours(), inVersion("apps/v1beta1", updated("kubectl-edit", "", `{"f:spec":{"f:old":{}}}`))),
			want: is("edited by kubectl-edit", added("spec.old", "kubectl-edit")),
		},
		"changed": {
			live: one("1", applied("psc", without(`"f:name":{},`)), updated("kubectl-edit", "", `{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{"f:name":{}}}}}`)),
			want: is("edited by kubectl-edit", plan.Field{Path: "spec.ports[80/TCP].name", Change: plan.Changed, By: "kubectl-edit", At: then}),
		},
		"removed": {
			live: one("1", applied("psc", without(`"f:name":{},`))),
			want: is("edited by hand", plan.Field{Path: "spec.ports[80/TCP].name", Change: plan.Removed}),
		},
		"an item removed": {
			live: one("1", applied("psc", `{"f:metadata":{"f:annotations":{"f:psc.dev/hash":{}}},"f:spec":{"f:ports":{"k:{\"port\":81,\"protocol\":\"TCP\"}":{".":{}}},"f:replicas":{}}}`)),
			want: is("edited by hand", added("spec.ports[81/TCP]", "psc"), plan.Field{Path: "spec.ports[http]", Change: plan.Removed}),
		},
		"scaled": {
			live: one("1", applied("psc", without(`,"f:replicas":{}`)), updated("kubectl", "scale", `{"f:spec":{"f:replicas":{}}}`)),
			want: is("scaled by kubectl", plan.Field{Path: "spec.replicas", Change: plan.Changed, By: "kubectl", At: then}),
		},
		"scaled to 0": {
			live: one("1", applied("psc", without(`,"f:replicas":{}`))),
			want: is("scaled by hand", plan.Field{Path: "spec.replicas", Change: plan.Removed}),
		},
		"restarted":            {live: one("1", ours(), updated("kubectl-rollout", "", instances("kubectl.kubernetes.io/restartedAt"))), want: want{Action: plan.Keep}},
		"instances of tools":   {live: one("1", ours(), updated("reloader", "", instances("reloaded"))), want: want{Action: plan.Keep}},
		"instances of people":  {live: one("1", ours(), updated("kubectl-edit", "", instances("note"))), want: is("edited by kubectl-edit", added("spec.template", "kubectl-edit"))},
		"containers of anyone": {live: one("1", ours(), updated("reloader", "", `{"f:spec":{"f:template":{"f:spec":{"f:x":{}}}}}`)), want: is("edited by reloader", added("spec.template", "reloader"))},
		"left by a takeover": {
			live: one("1", applied("psc", strings.Replace(owned, `"f:replicas"`, `"f:paused":{},"f:replicas"`, 1))),
			want: is("left by an interrupted deploy", added("spec.paused", "psc")),
		},
		"not ours":           {live: one("1"), want: is("taken over")},
		"ours by update":     {live: one("1", updated("psc", "", owned)), want: is("taken over")},
		"labels of people":   {live: one("1", ours(), updated("kubectl-label", "", `{"f:metadata":{"f:labels":{"f:team":{}}}}`)), want: is("edited by kubectl-label", added("metadata.labels", "kubectl-label"))},
		"labels of tools":    {live: one("1", ours(), updated("rancher", "", `{"f:metadata":{"f:labels":{"f:team":{}}}}`)), want: want{Action: plan.Keep}},
		"finalizers":         {live: one("1", ours(), updated("kubectl-edit", "", `{"f:metadata":{"f:finalizers":{".":{},"v:\"x\"":{}}}}`)), want: want{Action: plan.Keep}},
		"unreadable entries": {live: one("1", ours(), updated("kubectl-edit", "", `{"x":`)), want: want{Action: plan.Keep}},
		"controllers": {
			live: one("1", ours(), updated("kube-controller-manager", "", `{"f:spec":{"f:x":{}}}`), updated("kubelet", "", `{"f:spec":{"f:x":{}}}`),
				updated("kube-controller-manager", "status", `{"f:status":{"f:x":{}}}`), updated("somebody", "status", `{"f:spec":{"f:x":{}}}`)),
			want: want{Action: plan.Keep},
		},
	} {
		t.Run(name, func(t *testing.T) {
			deployment := rendered(deployments, "web", "1")
			steps := plan.Of([]*unstructured.Unstructured{deployment}, plan.Live{Objects: test.live})
			if len(steps) != 1 || (steps[0].Object == deployment) != (steps[0].Action != plan.Keep) || steps[0].Kind != deployments || steps[0].Name != "web" {
				t.Fatalf("want one step for the object, got %v", steps)
			}
			got := want{steps[0].Action, steps[0].Reason, steps[0].Fields, steps[0].UID}
			if len(test.live) > 0 { // the precondition of the write
				if got.UID != "Deployment/web" || steps[0].Version != "7" {
					t.Errorf("the step is for %s in version %q", got.UID, steps[0].Version)
				}
				if got.Action != plan.Create {
					got.UID = ""
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// instances are the owned fields of an annotation of instances.
func instances(annotation string) string {
	return `{"f:spec":{"f:template":{"f:metadata":{"f:annotations":{".":{},"f:` + annotation + `":{}}}}}}`
}

func one(hash string, managers ...metav1.ManagedFieldsEntry) []metav1.PartialObjectMetadata {
	return []metav1.PartialObjectMetadata{live(deployments, "web", hash, managers...)}
}

// The spec of a disk is immutable, and the volume that the cluster bound it to must not be removed.
func TestDisk(t *testing.T) {
	disk := schema.GroupVersionKind{Version: "v1", Kind: "PersistentVolumeClaim"}
	found := live(disk, "data", "1", applied("psc", owned), updated("before-first-apply", "", `{"f:spec":{"f:volumeName":{}}}`))
	got := plan.Object(rendered(disk, "data", "1"), &found)
	if got.Action != plan.Keep {
		t.Errorf("%s: %v", got.Action, got.Fields)
	}
}

// psc takes over the fields that others own and that are not rendered, in one patch, which the API server refuses if the object
// was changed in between. Pruner gets fields of another API version. No manager gets the number of autoscaled instances.
func TestTakeover(t *testing.T) {
	scaled := rendered(deployments, "web", "1")
	unstructured.RemoveNestedField(scaled.Object, "spec", "replicas")
	fixed := rendered(deployments, "web", "1")
	const edit = `{"f:metadata":{"f:finalizers":{".":{}}},"f:spec":{"f:paused":{},"f:replicas":{}}}`
	for name, test := range map[string]struct {
		object   *unstructured.Unstructured
		entries  []metav1.ManagedFieldsEntry
		want     string
		versions []string
	}{
		"nothing": {object: fixed, entries: []metav1.ManagedFieldsEntry{applied("psc", `{"f:spec":{"f:replicas":{}}}`)}, want: `null`},
		"whole entries and parts": {
			object: fixed,
			entries: []metav1.ManagedFieldsEntry{
				updated("a", "", `{"f:spec":{"f:a":{}}}`), applied("psc", owned), updated("c", "status", `{"f:spec":{"f:c":{}}}`), updated("kubectl-edit", "", edit),
			},
			want: `[
				{"op":"replace","path":"/metadata/resourceVersion","value":"7"},
				{"op":"replace","path":"/metadata/managedFields/3/fieldsV1","value":{"f:metadata":{"f:finalizers":{}},"f:spec":{"f:replicas":{}}}},
				{"op":"replace","path":"/metadata/managedFields/1/fieldsV1","value":` + strings.Replace(owned, `"f:spec":{`, `"f:spec":{"f:a":{},"f:paused":{},`, 1) + `},
				{"op":"remove","path":"/metadata/managedFields/0"}
			]`,
		},
		"no entry of psc": {
			object:  fixed,
			entries: []metav1.ManagedFieldsEntry{updated("before-first-apply", "", `{"f:spec":{"f:a":{},"f:replicas":{}}}`)},
			want: `[
				{"op":"replace","path":"/metadata/resourceVersion","value":"7"},
				{"op":"replace","path":"/metadata/managedFields/0/fieldsV1","value":{"f:spec":{"f:replicas":{}}}},
				{"op":"add","path":"/metadata/managedFields/-","value":{"manager":"psc","operation":"Apply","apiVersion":"apps/v1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:a":{}}}}}
			]`,
		},
		"another version": {
			object:   fixed,
			entries:  []metav1.ManagedFieldsEntry{applied("psc", owned), inVersion("apps/v1beta1", updated("kubectl-edit", "", `{"f:spec":{"f:a":{}}}`))},
			versions: []string{"apps/v1beta1"},
			want: `[
				{"op":"replace","path":"/metadata/resourceVersion","value":"7"},
				{"op":"remove","path":"/metadata/managedFields/1"},
				{"op":"add","path":"/metadata/managedFields/-","value":{"manager":"psc-takeover","operation":"Apply","apiVersion":"apps/v1beta1","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:a":{}}}}}
			]`,
		},
		"handed to the autoscaler": {
			object:  scaled,
			entries: []metav1.ManagedFieldsEntry{applied("psc", owned), updated("kubectl-edit", "", `{"f:spec":{"f:replicas":{}}}`)},
			want: `[
				{"op":"replace","path":"/metadata/resourceVersion","value":"7"},
				{"op":"remove","path":"/metadata/managedFields/1"},
				{"op":"replace","path":"/metadata/managedFields/0/fieldsV1","value":` + strings.Replace(owned, `,"f:replicas":{}`, "", 1) + `}
			]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			found := live(deployments, "web", "1", test.entries...)
			step := plan.Object(test.object, &found)
			got, err := json.Marshal(step.Takeover)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, test.want), decode(t, string(got))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(test.versions, step.Versions); diff != "" {
				t.Errorf("versions: -want +got\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, text string) (out any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// An autoscaled app starts with its minimum number of instances, and gets it again if it was scaled to 0 by hand, because
// its autoscaler would not scale it up.
func TestInstances(t *testing.T) {
	deployment, scaler := rendered(deployments, "web", "1"), rendered(scalers, "web", "1")
	unstructured.RemoveNestedField(deployment.Object, "spec", "replicas")
	scaler.Object["spec"] = map[string]any{"minReplicas": int64(3), "scaleTargetRef": map[string]any{"name": "web"}}
	entry := applied("psc", strings.Replace(owned, `,"f:replicas":{}`, "", 1))
	there := live(deployments, "web", "1", entry)
	for name, test := range map[string]struct {
		live      plan.Live
		action    plan.Action
		instances int64
	}{
		"new":     {plan.Live{}, plan.Create, 3},
		"running": {plan.Live{Objects: []metav1.PartialObjectMetadata{there}}, plan.Keep, 0},
		"stopped": {plan.Live{Objects: []metav1.PartialObjectMetadata{there}, Instances: map[string]int64{"web": 0}}, plan.Update, 3},
		"others":  {plan.Live{Objects: []metav1.PartialObjectMetadata{there}, Instances: map[string]int64{"api": 0}}, plan.Keep, 0},
		"given":   {plan.Live{Objects: one("1", ours())}, plan.Keep, 0}, // the autoscaler has not changed the number yet
	} {
		steps := plan.Of([]*unstructured.Unstructured{deployment, scaler}, test.live)
		if steps[0].Action != plan.Keep {
			if n, _, _ := unstructured.NestedInt64(steps[0].Scaled().Object, "spec", "replicas"); n != test.instances {
				t.Errorf("%s: the write says %d instances", name, n)
			}
		}
		if got := steps[0]; got.Kind != deployments || got.Action != test.action || got.Instances != test.instances {
			t.Errorf("%s: %s %s with %d instances", name, got.Action, got.Kind.Kind, got.Instances)
		}
	}
}

// A Job that exists has done its work, or does it. It cannot be changed, so it is left as it is.
func TestJobStays(t *testing.T) {
	want := []plan.Step{{Action: plan.Keep, Kind: jobs, Name: "migrate-1", UID: "Job/migrate-1", Version: "7"}}
	got := plan.Of([]*unstructured.Unstructured{rendered(jobs, "migrate-1", "2")}, plan.Live{Objects: []metav1.PartialObjectMetadata{live(jobs, "migrate-1", "1", ours())}})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The objects that workloads need are written before them, and routes after them. A job that runs before a deploy comes before anything
// is removed. Objects are removed last, except that a route is
// removed before its apps, and an autoscaler before the number of instances is written. A removal has the UID of the object,
// and an object that is already being deleted is not removed. The order of the input does not matter.
func TestOrder(t *testing.T) {
	going := live(services, "gone", "1")
	going.DeletionTimestamp = &metav1.Time{}
	account, job, deployment, service, route := rendered(accounts, "web", "1"), rendered(jobs, "migrate-2", "1"), rendered(deployments, "web", "1"), rendered(services, "web", "1"), rendered(routes, "shop", "1")
	found := []metav1.PartialObjectMetadata{
		live(routes, "old", "1", ours()), live(services, "web", "1", ours()), live(deployments, "old", "1", ours()), live(services, "old", "1", ours()),
		live(deployments, "shop", "1", ours()), live(scalers, "web", "1", ours()), live(jobs, "migrate-1", "1", ours()), going,
	}
	want := []plan.Step{
		{Action: plan.Create, Kind: accounts, Name: "web", Reason: "new", Object: account},
		{Action: plan.Create, Kind: jobs, Name: "migrate-2", Reason: "new", Object: job},
		{Action: plan.Delete, Kind: scalers, Name: "web", Reason: "no longer part of the spec", UID: "HorizontalPodAutoscaler/web", Version: "7"},
		{Action: plan.Create, Kind: deployments, Name: "web", Reason: "new", Object: deployment},
		{Action: plan.Keep, Kind: services, Name: "web", UID: "Service/web", Version: "7"},
		{Action: plan.Delete, Kind: routes, Name: "old", Reason: "no longer part of the spec", UID: "HTTPRoute/old", Version: "7"},
		{Action: plan.Create, Kind: routes, Name: "shop", Reason: "new", Object: route},
		{Action: plan.Delete, Kind: deployments, Name: "old", Reason: "no longer part of the spec", UID: "Deployment/old", Version: "7"},
		{Action: plan.Delete, Kind: deployments, Name: "shop", Reason: "no longer part of the spec", UID: "Deployment/shop", Version: "7"},
		{Action: plan.Delete, Kind: jobs, Name: "migrate-1", Reason: "no longer part of the spec", UID: "Job/migrate-1", Version: "7"},
		{Action: plan.Delete, Kind: services, Name: "old", Reason: "no longer part of the spec", UID: "Service/old", Version: "7"},
	}
	for _, order := range [][]*unstructured.Unstructured{{account, deployment, service, route, job}, {job, route, service, deployment, account}} {
		got := plan.Of(order, plan.Live{Objects: found})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		phases := map[object.Phase][]plan.Step{
			object.Base: want[:1], object.Release: want[1:2], object.Clear: want[2:3], object.Work: want[3:5], object.Routes: want[5:7], object.Remove: want[7:],
		}
		for phase, steps := range phases {
			if diff := cmp.Diff(steps, plan.Phase(got, phase)); diff != "" {
				t.Errorf("phase %d: -want +got\n%s", phase, diff)
			}
		}
		if diff := cmp.Diff(append(want[:4:4], want[5:]...), plan.Writes(got)); diff != "" {
			t.Errorf("writes: -want +got\n%s", diff)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the steps were modified: -want +got\n%s", diff)
		}
	}
}

// An object that a deploy keeps gets another version if a killed deploy may still write or remove it. The next deploy keeps it
// again.
func TestFence(t *testing.T) {
	kept, same := rendered(deployments, "web", "1"), rendered(services, "web", "1")
	found := []metav1.PartialObjectMetadata{live(deployments, "web", "1", ours()), live(services, "web", "1", ours())}
	steps := plan.Of([]*unstructured.Unstructured{kept, same}, plan.Live{Objects: found})
	killed := plan.Of([]*unstructured.Unstructured{rendered(deployments, "web", "2"), same}, plan.Live{Objects: found})
	got := plan.Fence(steps, killed, []*unstructured.Unstructured{kept, same}, 5)
	fenced := kept.DeepCopy()
	fenced.SetAnnotations(map[string]string{object.AnnotationHash: "1", object.AnnotationFence: "5"})
	want := []plan.Step{{Action: plan.Update, Kind: deployments, Name: "web", UID: "Deployment/web", Version: "7", Object: fenced}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	after := live(deployments, "web", "1", applied("psc", strings.Replace(owned, `"f:psc.dev/hash"`, `"f:psc.dev/fence":{},"f:psc.dev/hash"`, 1)))
	if step := plan.Object(kept, &after); step.Action != plan.Keep {
		t.Errorf("the fence is taken for a change: %s %v", step.Reason, step.Fields)
	}
}

// A fence leaves the number of instances to an autoscaler. Without a release, the API server would scale the app to one.
func TestFenceAutoscaled(t *testing.T) {
	fixed, autoscaled := rendered(deployments, "web", "1"), rendered(deployments, "web", "1")
	unstructured.RemoveNestedField(autoscaled.Object, "spec", "replicas")
	open := []plan.Step{{Action: plan.Update, Kind: deployments, Name: "web"}}
	for name, test := range map[string]struct {
		object      *unstructured.Unstructured
		autoscalers map[string]string
	}{
		"autoscaler of psc":     {autoscaled, nil},
		"autoscaler of another": {fixed, map[string]string{"web": "queue"}},
	} {
		steps := plan.Of([]*unstructured.Unstructured{test.object}, plan.Live{
			Objects: one("1", ours()), Instances: map[string]int64{"web": 4}, Autoscalers: test.autoscalers,
		})
		if steps[0].Action != plan.Keep {
			t.Fatalf("%s: the step is to %s", name, steps[0].Action)
		}
		got := plan.Fence(steps, open, []*unstructured.Unstructured{test.object}, 5)
		if len(got) != 1 || len(got[0].Takeover) == 0 {
			t.Fatalf("%s: the number of instances is not released before the write: %v", name, got)
		}
		if _, set, _ := unstructured.NestedInt64(got[0].Object.Object, "spec", "replicas"); set {
			t.Errorf("%s: the fence sets the number of instances", name)
		}
	}
}

// The number of instances of an app belongs to an autoscaler that is not psc's, until psc stops the app.
func TestAutoscalers(t *testing.T) {
	stopped := rendered(deployments, "web", "1")
	if err := unstructured.SetNestedField(stopped.Object, int64(0), "spec", "replicas"); err != nil {
		t.Fatal(err)
	}
	scaled := applied("psc", strings.Replace(owned, `,"f:replicas":{}`, "", 1))
	hpa := updated("kube-controller-manager", "scale", `{"f:spec":{"f:replicas":{}}}`)
	for name, test := range map[string]struct {
		object *unstructured.Unstructured
		live   []metav1.PartialObjectMetadata
		now    int64
		action plan.Action
		writes bool // the number
	}{
		"new":                  {rendered(deployments, "web", "1"), nil, 0, plan.Create, true},
		"not scaled yet":       {rendered(deployments, "web", "1"), one("1", ours()), 2, plan.Keep, false},
		"scaled":               {rendered(deployments, "web", "1"), one("1", scaled, hpa), 3, plan.Keep, false},
		"scaled to 0":          {rendered(deployments, "web", "1"), one("1", scaled), 0, plan.Keep, false},
		"scaled and changed":   {rendered(deployments, "web", "2"), one("1", scaled, hpa), 3, plan.Update, false},
		"stopped":              {stopped, one("0", scaled, hpa), 3, plan.Update, true},
		"started":              {rendered(deployments, "web", "2"), one("1", ours()), 0, plan.Update, true},
		"released and changed": {rendered(deployments, "web", "2"), one("1", ours()), 2, plan.Update, false},
	} {
		got := plan.Of([]*unstructured.Unstructured{test.object}, plan.Live{
			Objects: test.live, Instances: map[string]int64{"web": test.now}, Autoscalers: map[string]string{"web": "queue"},
		})
		if got[0].Action != test.action {
			t.Errorf("%s: %s because of %s", name, got[0].Action, got[0].Reason)
		}
		if got[0].Action == plan.Keep {
			continue
		}
		if _, writes, _ := unstructured.NestedInt64(got[0].Object.Object, "spec", "replicas"); writes != test.writes {
			t.Errorf("%s: writes the number: %t", name, writes)
		}
		if left := plan.Autoscaled(got)["web"]; (left == "queue") == test.writes {
			t.Errorf("%s: the number is left to %q", name, left)
		}
	}
}

// A deploy says what it takes back from others, and by which tools. What psc itself has left is not named.
func TestTakeBack(t *testing.T) {
	going := live(services, "gone", "1", updated("kubectl-create", "", owned))
	found := []metav1.PartialObjectMetadata{
		live(deployments, "web", "1", ours(), updated("kubectl-edit", "", `{"f:spec":{"f:a":{},"f:b":{},"f:c":{},"f:d":{}}}`)),
		live(services, "web", "1", applied("psc", strings.Replace(owned, `"f:replicas"`, `"f:paused":{},"f:replicas"`, 1))),
		live(accounts, "web", "0", ours()), live(accounts, "old", "1", ours()), going, live(services, "bare", "1"),
	}
	got := plan.TakeBack(plan.Of([]*unstructured.Unstructured{
		rendered(deployments, "web", "1"), rendered(services, "web", "1"), rendered(accounts, "web", "1"),
	}, plan.Live{Objects: found}))
	want := []string{
		"Deployment web: edited by kubectl-edit: spec.a, spec.b, spec.c and 1 more",
		"Service bare: created by someone else with the labels of this pod",
		"Service gone: created by kubectl-create with the labels of this pod",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
