package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// Change is how a field differs from the rendered one.
type Change string

// The changes of a field.
const (
	Added   Change = "added"
	Changed Change = "changed"
	Removed Change = "removed"
)

// Field is a field of a live object that differs from the rendered one.
type Field struct {
	// Path is the path as in kubectl: spec.template.spec.containers[web].env[DEBUG].
	Path   string
	Change Change
	// By is the field manager that wrote it, and At is when that manager last wrote to the object. For a removed field,
	// neither is known.
	By string
	At time.Time
}

// entry is an entry of managedFields: what one field manager owns of an object.
type entry struct {
	metav1.ManagedFieldsEntry
	set *fieldpath.Set
}

func entries(live *metav1.PartialObjectMetadata) []entry {
	out := make([]entry, 0, len(live.ManagedFields))
	for _, m := range live.ManagedFields {
		e := entry{ManagedFieldsEntry: m, set: &fieldpath.Set{}}
		if m.FieldsV1 != nil && m.Subresource != "status" { // the status does not matter here
			if err := e.set.FromJSON(m.FieldsV1.GetRawReader()); err != nil {
				e.set = &fieldpath.Set{} // no fields can be read from it
			}
		}
		out = append(out, e)
	}
	return out
}

// at returns the time of an entry, or zero.
func (e entry) at() time.Time {
	if e.Time == nil {
		return time.Time{}
	}
	return e.Time.UTC()
}

// depth returns how many elements of a path an object has: all of them if it sets the field.
func depth(object any, path fieldpath.Path) int {
	for i, element := range path {
		switch node := object.(type) {
		case map[string]any:
			if element.FieldName == nil {
				return i
			}
			child, ok := node[*element.FieldName]
			if !ok {
				return i
			}
			object = child
		case []any:
			at := slices.IndexFunc(node, func(item any) bool { return selects(element, item) })
			if at < 0 {
				return i
			}
			object = node[at]
		default:
			return i
		}
	}
	return len(path)
}

// selects reports whether an element of a path selects an item of a list.
func selects(element fieldpath.PathElement, item any) bool {
	switch {
	case element.Value != nil:
		return value.Equals(*element.Value, value.NewValueInterface(item))
	case element.Key == nil:
		return false
	}
	fields, ok := item.(map[string]any)
	return ok && !slices.ContainsFunc(*element.Key, func(key value.Field) bool {
		got, set := fields[key.Name]
		if !set && key.Name == "protocol" {
			got = "TCP" // the only key of a list with a default
		}
		return !value.Equals(key.Value, value.NewValueInterface(got))
	})
}

// uncovered calls found for each field of an object, below the path at, that is not in set. If no field of a branch is in
// set, it calls found once, for the branch.
func uncovered(object any, set *fieldpath.Set, at fieldpath.Path, found func(fieldpath.Path)) {
	check := func(element fieldpath.PathElement, child any) {
		path := append(slices.Clone(at), element)
		below, inner := set.Children.Get(element)
		switch {
		case inner:
			uncovered(child, below, path, found)
		case !set.Members.Has(element): // else it is a leaf, or owned as a whole
			found(path)
		}
	}
	switch node := object.(type) {
	case map[string]any:
		for name, child := range node {
			check(fieldpath.FieldNameElement(name), child)
		}
	case []any:
		for i, item := range node {
			check(element(set, i, item), item)
		}
	}
}

// element returns the path element that a set has for an item of a list. If it has none, the element is made of the name
// or index of the item.
func element(set *fieldpath.Set, index int, item any) fieldpath.PathElement {
	for e := range set.Members.All() {
		if selects(e, item) {
			return e
		}
	}
	for e := range set.Children.All() {
		if selects(e, item) {
			return e
		}
	}
	if fields, ok := item.(map[string]any); ok {
		if name, ok := fields["name"].(string); ok {
			return fieldpath.KeyElementByFields("name", name)
		}
	}
	return fieldpath.IndexElement(index)
}

// claims reports whether a set has a path, or a path below it.
func claims(set *fieldpath.Set, path fieldpath.Path) bool {
	if set.Has(path) {
		return true
	}
	for _, e := range path {
		below, ok := set.Children.Get(e)
		if !ok {
			return false
		}
		set = below
	}
	return true
}

// text returns a path as a string.
func text(path fieldpath.Path) string {
	var out strings.Builder
	for _, e := range path {
		switch {
		case e.FieldName != nil && strings.ContainsAny(*e.FieldName, "./"):
			fmt.Fprintf(&out, "[%s]", *e.FieldName)
		case e.FieldName != nil:
			if out.Len() > 0 {
				out.WriteByte('.')
			}
			out.WriteString(*e.FieldName)
		case e.Key != nil:
			words := make([]string, 0, len(*e.Key))
			for _, key := range *e.Key {
				words = append(words, fmt.Sprint(key.Value.Unstructured()))
			}
			fmt.Fprintf(&out, "[%s]", strings.Join(words, "/"))
		case e.Value != nil:
			fmt.Fprintf(&out, "[%v]", (*e.Value).Unstructured())
		case e.Index != nil:
			fmt.Fprintf(&out, "[%d]", *e.Index)
		}
	}
	return out.String()
}
