package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/pkg/object"
)

// removal returns the reason why an object that is not rendered is removed, and whether psc did not create it.
func removal(o *metav1.PartialObjectMetadata) (reason string, foreign bool) {
	for _, e := range o.ManagedFields {
		if e.Manager == object.Manager && e.Operation == metav1.ManagedFieldsOperationApply {
			return "no longer part of the spec", false
		}
	}
	return "created by " + makers(o) + " with the labels of this pod", true
}

// makers names the tools that own fields of an object.
func makers(o *metav1.PartialObjectMetadata) string {
	var by []string
	for _, e := range o.ManagedFields {
		if e.Subresource == "" && !controller(e.Manager) && !slices.Contains(by, e.Manager) {
			by = append(by, e.Manager)
		}
	}
	return cmp.Or(strings.Join(by, ", "), "someone else")
}

// maxFields is how many fields a line names.
const maxFields = 3

// Runs names the jobs that the steps run before anything else: "job migrate".
func Runs(steps []Step) []string {
	var jobs []string
	for _, s := range steps {
		if s.Action == Create && object.Of(s.Kind).Once {
			jobs = append(jobs, s.Resource)
		}
	}
	return jobs
}

// TakesBack says what a step takes back that others have done to its object, and by which tools: "Deployment web: edited by
// kubectl-edit: spec.paused". It is empty if the step takes back nothing.
func (s Step) TakesBack() string {
	var fields []string
	for _, f := range s.Fields {
		if f.By != object.Manager {
			fields = append(fields, f.Path)
		}
	}
	switch {
	case s.Action == Update && s.Foreign:
		return fmt.Sprintf("%s %s: %s", s.Kind.Kind, s.Name, s.Reason)
	case s.Action == Update && len(fields) > 0:
		more := ""
		if len(fields) > maxFields {
			fields, more = fields[:maxFields], fmt.Sprintf(" and %d more", len(fields)-maxFields)
		}
		return fmt.Sprintf("%s %s: %s: %s%s", s.Kind.Kind, s.Name, s.Reason, strings.Join(fields, ", "), more)
	case s.Action == Delete && s.Foreign:
		return fmt.Sprintf("%s %s: %s", s.Kind.Kind, s.Name, s.Reason)
	}
	return ""
}

// TakeBack returns what steps take back: see Step.TakesBack.
func TakeBack(steps []Step) []string {
	var out []string
	for _, s := range steps {
		if line := s.TakesBack(); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// Autoscaled returns the names of the Deployments that steps write and whose number of instances belongs to an autoscaler that is not
// psc's, with the name of the autoscaler.
func Autoscaled(steps []Step) map[string]string {
	out := map[string]string{}
	for _, s := range Writes(steps) {
		if s.Autoscaler != "" {
			out[s.Name] = s.Autoscaler
		}
	}
	return out
}
