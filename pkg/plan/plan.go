// Package plan compares what was rendered with what is in the cluster.
//
//	rendered objects, live metadata -- Of --> steps: what to write, what to remove, and why
//
// It needs only the metadata of the live objects: a list of them is one request per kind, whatever their size.
package plan

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Action is what has to be done to one object.
type Action string

// The actions.
const (
	Keep   Action = "keep"
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Step is what has to be done to one object, and why.
type Step struct {
	Action Action
	Kind   schema.GroupVersionKind
	Name   string
	// Reason is for people: "changed", "edited by kubectl-edit".
	Reason string
	// Object is what to apply; nil for Delete.
	Object *unstructured.Unstructured
	// UID guards a Delete against an object that was made anew meanwhile.
	UID types.UID
}

// Markers are how psc recognises its own writing in the metadata of a live object.
type Markers struct {
	// Hash is the annotation with the hash of the rendered content.
	Hash string
	// Manager is psc's field manager.
	Manager string
}

// Of returns a step for every rendered and every live object: the rendered ones in the order of their phases, then
// what has to go. live holds the pod's objects of all kinds that psc renders.
func Of(rendered []*unstructured.Unstructured, live []metav1.PartialObjectMetadata, m Markers) []Step {
	found := make(map[id]*metav1.PartialObjectMetadata, len(live))
	for i := range live {
		found[id{live[i].GroupVersionKind().GroupKind(), live[i].Name}] = &live[i]
	}
	steps := make([]Step, 0, len(rendered))
	for _, o := range rendered {
		key := id{o.GroupVersionKind().GroupKind(), o.GetName()}
		step := Step{Kind: o.GroupVersionKind(), Name: o.GetName(), Object: o}
		step.Action, step.Reason = compare(o, found[key], m)
		delete(found, key)
		steps = append(steps, step)
	}
	for _, o := range found {
		if o.DeletionTimestamp == nil && o.Kind != kindDisk {
			steps = append(steps, Step{Action: Delete, Kind: o.GroupVersionKind(), Name: o.Name, UID: o.UID, Reason: "no longer part of the spec"})
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.phase(), b.phase()), cmp.Compare(a.Kind.Kind, b.Kind.Kind), cmp.Compare(a.Name, b.Name))
	})
	return steps
}

// kindDisk is kept when the spec no longer has it: it holds data, which only people may delete, by name.
const kindDisk = "PersistentVolumeClaim"

type id struct {
	kind schema.GroupKind
	name string
}

func compare(o *unstructured.Unstructured, live *metav1.PartialObjectMetadata, m Markers) (Action, string) {
	switch {
	case live == nil:
		return Create, "new"
	case live.DeletionTimestamp != nil:
		return Create, "is being deleted"
	case live.Annotations[m.Hash] != o.GetAnnotations()[m.Hash]:
		return Update, "changed"
	}
	ours := false
	for _, entry := range live.ManagedFields {
		switch {
		case entry.Manager == m.Manager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == "":
			ours = true
		case entry.Subresource == "" && !controller(entry.Manager):
			return Update, "edited by " + entry.Manager
		case entry.Subresource == "scale":
			return Update, "scaled by " + entry.Manager
		}
	}
	if !ours {
		return Update, "taken over"
	}
	return Keep, ""
}

// controller says whether a field manager is one of Kubernetes' own, which write onto objects by design.
func controller(manager string) bool {
	return strings.HasPrefix(manager, "kube-") || manager == "kubelet" || manager == "cloud-controller-manager"
}

// Phases of a deploy: each begins when the one before is written.
const (
	// PhaseBase holds what workloads need.
	PhaseBase = iota
	// PhaseWork holds services and workloads.
	PhaseWork
	// PhaseRoutes holds routes, which wait until the apps that they lead to are ready.
	PhaseRoutes
	// PhaseRemove holds what goes, last of all.
	PhaseRemove
)

// phase is where a step belongs in the order.
func (s Step) phase() int {
	switch {
	case s.Kind.Kind == "HTTPRoute" || s.Kind.Kind == "ListenerSet": // those that go, too: before the apps they lead to
		return PhaseRoutes
	case s.Action == Delete:
		return PhaseRemove
	case s.Kind.Kind == "ServiceAccount" || s.Kind.Kind == kindDisk:
		return PhaseBase
	default:
		return PhaseWork
	}
}

// Phase returns the steps of one phase.
func Phase(steps []Step, phase int) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.phase() != phase })
}

// Writes returns the steps that change something.
func Writes(steps []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.Action == Keep })
}
