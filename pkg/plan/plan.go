// Package plan compares rendered objects with the objects in the cluster.
//
//	rendered objects, live metadata -- Of --> steps: what to write, what to remove, and why
//
// It needs only the metadata of the live objects, which takes one list request per kind.
package plan

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/pscdev/psc/pkg/object"
)

// Action is what a deploy does with an object.
type Action string

// The actions.
const (
	Keep   Action = "keep"
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Step is what a deploy does with one object, and why.
type Step struct {
	Action Action
	Kind   schema.GroupVersionKind
	Name   string
	// Resource is what the object is rendered from: "app web".
	Resource string
	// Foreign means that psc did not create the object. It is only known of those that are deleted or taken over.
	Foreign bool
	// Reason is the reason to show: "changed", "edited by kubectl-edit".
	Reason string
	// Fields are the fields that others changed, sorted by path.
	Fields []Field
	// Object is the object to apply, or nil for Keep and Delete.
	Object *unstructured.Unstructured
	// UID and Version name the object that was compared, in the version that was compared. They are the precondition of every
	// write, so that a write that arrives late is refused. A Create with a UID waits until that object is gone.
	UID     types.UID
	Version string
	// Takeover is the JSON patch to send before an Update. Usually it is empty.
	Takeover []Operation
	// Versions are the API versions in which Pruner has to apply an empty configuration between the patch and the update.
	Versions []string
	// Instances is the number of instances that the write gives to an autoscaled app, because it has fewer; 0 for none.
	Instances int64
	// Autoscaler is the name of an autoscaler that is not psc's and owns the number of instances; empty for none.
	Autoscaler string
	// Scaler is Autoscaler for a Deployment that psc creates: it matters if psc takes over an existing one.
	Scaler string
}

// Pruner is the field manager that takes fields which psc cannot own, because they are of another API version, and drops
// them.
const Pruner = "psc-takeover"

// Live is the state of a pod in the cluster.
type Live struct {
	// Objects are the objects of all kinds that psc renders.
	Objects []metav1.PartialObjectMetadata
	// Instances are the numbers of instances of the Deployments, by name. Only those with an autoscaler matter: psc does
	// not own their number, and an autoscaler does not scale up from 0.
	Instances map[string]int64
	// Autoscalers are the names of the autoscalers that are not psc's, by the name of the Deployment that they scale.
	Autoscalers map[string]string
}

// Of returns a step for every rendered object, and for every live object that has to be removed, in the order of their
// phases.
func Of(rendered []*unstructured.Unstructured, live Live) []Step {
	found := make(map[id]*metav1.PartialObjectMetadata, len(live.Objects))
	for i := range live.Objects {
		o := &live.Objects[i]
		found[id{o.GroupVersionKind().GroupKind(), o.Name}] = o
	}
	minimums := minimumsOf(rendered)
	steps := make([]Step, 0, len(rendered))
	for _, o := range rendered {
		key := id{o.GroupVersionKind().GroupKind(), o.GetName()}
		step := Object(o, found[key])
		if object.Of(step.Kind).Once && step.Action == Update {
			step = Step{Action: Keep, Kind: step.Kind, Name: step.Name, UID: step.UID, Version: step.Version}
		}
		if key.kind == object.Deployment.GroupKind() {
			step = live.workload(o, found[key], minimums[key.name])
		}
		if step.Action == Keep {
			step.Object = nil // the common case, and objects are large
		}
		step.Resource = object.Resource(o.GetLabels())
		delete(found, key)
		steps = append(steps, step)
	}
	for _, o := range found {
		if o.DeletionTimestamp == nil && !object.Of(o.GroupVersionKind()).Kept {
			reason, foreign := removal(o)
			steps = append(steps, Step{
				Action: Delete, Kind: o.GroupVersionKind(), Name: o.Name, UID: o.UID, Version: o.ResourceVersion, Reason: reason, Foreign: foreign,
				Resource: object.Resource(o.Labels),
			})
		}
	}
	slices.SortStableFunc(steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.phase(), b.phase()), cmp.Compare(a.Kind.Kind, b.Kind.Kind), cmp.Compare(a.Name, b.Name))
	})
	return steps
}

// workload is Object for a Deployment, whose number of instances may belong to an autoscaler. minimum is that of psc's autoscaler,
// or 0.
func (l Live) workload(o *unstructured.Unstructured, found *metav1.PartialObjectMetadata, minimum int64) Step {
	now, known := l.Instances[o.GetName()]
	if minimum > 0 {
		return Object(o, found).scaleUp(minimum, now, known)
	}
	scaler := l.Autoscalers[o.GetName()]
	wanted, _, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	// A stopped app is not scaled up by its autoscaler, and one that psc has stopped starts with its own number.
	if scaler == "" || found == nil || wanted == 0 || known && now == 0 && ownsInstances(found) {
		step := Object(o, found)
		step.Scaler = scaler
		return step
	}
	return scaled(o, found, scaler)
}

// scaled is Object for a Deployment whose number of instances belongs to an autoscaler that is not psc's.
func scaled(o *unstructured.Unstructured, found *metav1.PartialObjectMetadata, by string) Step {
	o = o.DeepCopy()
	unstructured.RemoveNestedField(o.Object, "spec", "replicas")
	step := Object(o, found)
	step.Autoscaler = by
	return step
}

// TakeOver returns the step that makes an existing object the one that a step was to create, although psc did not create it. The
// object keeps the number of instances that an autoscaler has set.
func (s Step) TakeOver(there *metav1.PartialObjectMetadata) Step {
	next := Object(s.Object, there)
	if s.Scaler != "" {
		next = scaled(s.Object, there, s.Scaler)
	}
	next.Foreign, next.Reason, next.Resource = true, "taken over from "+makers(there), s.Resource
	return next
}

// ownsInstances reports whether psc was the last to set the number of instances.
func ownsInstances(live *metav1.PartialObjectMetadata) bool {
	return slices.ContainsFunc(entries(live), func(e entry) bool {
		return e.Manager == object.Manager && e.set.Has(fieldpath.MakePathOrDie("spec", "replicas"))
	})
}

// minimumsOf returns the minimum number of instances of each autoscaled app, by name.
func minimumsOf(rendered []*unstructured.Unstructured) map[string]int64 {
	out := map[string]int64{}
	for _, o := range rendered {
		if o.GroupVersionKind() == object.HorizontalPodAutoscaler {
			target, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
			out[target], _, _ = unstructured.NestedInt64(o.Object, "spec", "minReplicas")
		}
	}
	return out
}

// scaleUp sets the minimum number of instances for an autoscaled app that is new or has fewer: the autoscaler takes a
// while, and does not scale up from 0.
func (s Step) scaleUp(minimum, now int64, known bool) Step {
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

// phase returns the phase of a step.
func (s Step) phase() object.Phase {
	row := object.Of(s.Kind)
	if s.Action == Delete {
		return row.Remove
	}
	return row.Write
}

// Late reports whether a step is taken only when all apps are ready.
func (s Step) Late() bool { return s.phase() >= object.Routes }

// Held reports whether a step is taken only when all jobs have succeeded that run before a deploy.
func (s Step) Held() bool { return s.phase() > object.Release }

// Phase returns the steps of one phase.
func Phase(steps []Step, phase object.Phase) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.phase() != phase })
}

// Writes returns the steps that write or remove an object.
func Writes(steps []Step) []Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.Action == Keep })
}

// Scaled returns the object of a step with the number of instances that the write gives to it.
func (s Step) Scaled() *unstructured.Unstructured {
	if s.Instances == 0 {
		return s.Object
	}
	out := s.Object.DeepCopy()
	_ = unstructured.SetNestedField(out.Object, s.Instances, "spec", "replicas") // spec is a map
	return out
}
