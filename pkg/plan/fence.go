package plan

import (
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/pscdev/psc/pkg/object"
)

// Fence returns the steps that keep psc from being overtaken by a deploy that was killed. A request of it may still be under way,
// and would change an object that the new deploy keeps: the API server refuses it only if the object has another version by then.
// So Fence returns an update of each object that steps keep and killed write or remove. rendered are the objects of steps, and
// number is different for each deploy. A late request that creates an object cannot be refused.
func Fence(steps, killed []Step, rendered []*unstructured.Unstructured, number int) []Step {
	open := map[id]bool{}
	for _, s := range Writes(killed) {
		open[s.id()] = true
	}
	objects := map[id]*unstructured.Unstructured{}
	for _, o := range rendered {
		objects[id{o.GroupVersionKind().GroupKind(), o.GetName()}] = o
	}
	var out []Step
	for _, s := range steps {
		if s.Action != Keep || !open[s.id()] {
			continue
		}
		s.Action, s.Object = Update, objects[s.id()].DeepCopy()
		if s.Autoscaler != "" { // the number of instances is not psc's
			unstructured.RemoveNestedField(s.Object.Object, "spec", "replicas")
		}
		annotations := s.Object.GetAnnotations()
		annotations[object.AnnotationFence] = strconv.Itoa(number)
		s.Object.SetAnnotations(annotations)
		out = append(out, s)
	}
	return out
}

func (s Step) id() id { return id{s.Kind.GroupKind(), s.Name} }

func fencePath() fieldpath.Path {
	return fieldpath.MakePathOrDie("metadata", "annotations", object.AnnotationFence)
}
