package pod

import (
	"maps"
	"reflect"
)

// Edits returns the smallest change that turns from into to. It patches the resources that are in both, so that it can be
// rebased onto changes of other fields.
func Edits(from, to Spec) Change {
	all := maps.Clone(from)
	if all == nil {
		all = Spec{}
	}
	maps.Copy(all, to)
	var c Change
	for _, ref := range all.Refs() {
		e := Edit{Verb: Set, Kind: ref.Kind, Name: ref.Name}
		switch before, after := from[ref], to[ref]; {
		case after == nil:
			e.Verb = Delete
		case before == nil:
			e.Verb, e.Fields = Create, Tree(after)
		case reflect.DeepEqual(before, after): // the common case: no trees are built
			continue
		default:
			if e.Fields = ref.Kind.shape().difference(Tree(before), Tree(after)); len(e.Fields) == 0 {
				continue
			}
		}
		c.Edits = append(c.Edits, e)
	}
	return c
}

// difference returns the patch with which mergeFields turns from into to.
func (s *shape) difference(from, to map[string]any) map[string]any {
	patch := map[string]any{}
	for name := range from {
		if _, stays := to[name]; !stays {
			patch[name] = nil
		}
	}
	for name, after := range to {
		if before, had := from[name]; !had || !reflect.DeepEqual(before, after) {
			patch[name] = s.child(name).differing(before, after)
		}
	}
	return patch
}

func (s *shape) differing(from, to any) any {
	switch after := to.(type) {
	case map[string]any:
		if before, ok := from.(map[string]any); ok && !s.leaf() {
			return s.difference(before, after)
		}
	case []any:
		if before, ok := from.([]any); ok && s.keyed() {
			return s.listDifference(before, after)
		}
	}
	return to
}

// listDifference returns a patch of the items of a list by their key, or the new list if a patch gives another order.
func (s *shape) listDifference(from, to []any) any {
	before := s.byKey(from)
	patch := map[string]any{}
	for name := range before {
		patch[name] = nil
	}
	for name, item := range s.byKey(to) {
		if patch[name] = s.items.difference(before[name], item); reflect.DeepEqual(before[name], item) {
			delete(patch, name)
		}
	}
	if reflect.DeepEqual(s.mergeList(from, patch), to) {
		return patch
	}
	return to
}

// byKey returns the items of a list by their key. If several have the same key, it returns one of them.
func (s *shape) byKey(list []any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			out[s.items.keyOf(item)] = fields
		}
	}
	return out
}
