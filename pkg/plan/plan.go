// Package plan compares what was rendered with what is in the cluster.
//
//	rendered objects, live metadata -- Of --> steps: what to write, what to remove, and why
//
// It needs only the metadata of the live objects: a list of them is one request per kind, whatever their size.
package plan

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/pkg/object"
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
	// Fields are those that others have changed; sorted by path.
	Fields []Field
	// Object is what to apply; nil for Keep and Delete.
	Object *unstructured.Unstructured
	// UID guards a Delete against an object that was made anew meanwhile. A Create that has one waits until that
	// object is gone.
	UID types.UID
	// Takeover is the JSON patch that has to come before an Update; often there is none.
	Takeover []Operation
	// Versions are the API versions in which nothing has to be applied as Pruner between the two.
	Versions []string
	// Instances is how many there have to be at once of what is scaled automatically and has fewer; 0 leaves it alone.
	Instances int64
}

// Pruner is the field manager that gets what psc cannot own, the fields of other API versions, to drop it.
const Pruner = "psc-takeover"

// Live is what is there of a pod.
type Live struct {
	// Objects are those of all kinds that psc renders.
	Objects []metav1.PartialObjectMetadata
	// Instances are how many the Deployments want. It only matters for those that are scaled automatically: their
	// number is not psc's, and their autoscaler leaves 0 alone.
	Instances map[string]int64
}

// Of returns a step for every rendered and every live object: the rendered ones in the order of their phases, then
// what has to go.
func Of(rendered []*unstructured.Unstructured, live Live) []Step {
	found := make(map[id]*metav1.PartialObjectMetadata, len(live.Objects))
	for i := range live.Objects {
		o := &live.Objects[i]
		found[id{o.GroupVersionKind().GroupKind(), o.Name}] = o
	}
	least := minimums(rendered)
	steps := make([]Step, 0, len(rendered))
	for _, o := range rendered {
		key := id{o.GroupVersionKind().GroupKind(), o.GetName()}
		step := Object(o, found[key])
		if minimum := least[key.name]; minimum > 0 && key.kind == object.Deployment.GroupKind() {
			now, known := live.Instances[key.name]
			step = step.wake(minimum, now, known)
		}
		if step.Action == Keep {
			step.Object = nil // most are, and they are large
		}
		delete(found, key)
		steps = append(steps, step)
	}
	for _, o := range found {
		if o.DeletionTimestamp == nil && !object.Of(o.GroupVersionKind()).Kept {
			steps = append(steps, Step{Action: Delete, Kind: o.GroupVersionKind(), Name: o.Name, UID: o.UID, Reason: "no longer part of the spec"})
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.phase(), b.phase()), cmp.Compare(a.Kind.Kind, b.Kind.Kind), cmp.Compare(a.Name, b.Name))
	})
	return steps
}

// minimums are the least numbers of instances of what is scaled automatically, by name.
func minimums(rendered []*unstructured.Unstructured) map[string]int64 {
	out := map[string]int64{}
	for _, o := range rendered {
		if o.GroupVersionKind() == object.HorizontalPodAutoscaler {
			target, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
			out[target], _, _ = unstructured.NestedInt64(o.Object, "spec", "minReplicas")
		}
	}
	return out
}

// wake gives what is scaled automatically its least number of instances at once when it is new or has fewer: the
// autoscaler takes its time, and leaves 0 alone.
func (s Step) wake(minimum, now int64, known bool) Step {
	switch {
	case s.Action == Create:
		s.Instances = minimum
	case known && now < minimum:
		s.Instances = minimum
		s.Fields = append(s.Fields, Field{Path: "spec.replicas", Change: Changed})
		if s.Action == Keep {
			s.Action, s.Reason = Update, fmt.Sprintf("scaled to %d by hand", now)
		}
	}
	return s
}

type id struct {
	kind schema.GroupKind
	name string
}

// phase is where a step belongs in the order.
func (s Step) phase() object.Phase {
	row := object.Of(s.Kind)
	if s.Action == Delete {
		return row.Remove
	}
	return row.Write
}

// Phase returns the steps of one phase.
func Phase(steps []Step, phase object.Phase) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.phase() != phase })
}

// Writes returns the steps that change something.
func Writes(steps []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.Action == Keep })
}
