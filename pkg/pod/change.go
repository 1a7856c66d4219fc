package pod

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is what a person asked for, as a value that can be stored, shown and applied again to a newer spec.
type Change struct {
	Edits []Edit `json:"edits"`
}

// Verb is what an Edit does.
type Verb string

// The verbs of an Edit.
const (
	// Create makes a resource and fails when it exists.
	Create Verb = "create"
	// Set changes the named fields and fails when the resource does not exist.
	Set Verb = "set"
	// Put makes a resource or replaces all of its fields.
	Put Verb = "put"
	// Delete removes a resource and fails when it does not exist.
	Delete Verb = "delete"
)

// Edit is one step of a Change.
type Edit struct {
	Verb Verb   `json:"verb"`
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Fields holds only what was named, as a JSON merge patch (RFC 7386) of the resource's spec: null removes. Where
	// the spec has a list with a key (ports by name, rules by path, targets by app), an object patches the list by key.
	Fields Fields `json:"fields,omitempty"`
}

// Fields is a tree of fields, in the shapes of encoding/json.
type Fields map[string]any

// Errors that Apply wraps, for callers that branch.
var (
	ErrExists   = errors.New("exists already")
	ErrNotFound = errors.New("does not exist")
)

// RefError says which resource an edit could not find or found in its way. It wraps ErrExists or ErrNotFound.
type RefError struct {
	Ref Ref
	// Nearest is a name that exists and was probably meant, or "".
	Nearest string
	Err     error
}

// Error implements error: "app web does not exist, did you mean "webs"?".
func (e *RefError) Error() string {
	text := fmt.Sprintf("%s %q %v", e.Ref.Kind.Word(), e.Ref.Name, e.Err)
	if e.Nearest != "" {
		text += fmt.Sprintf(", did you mean %q?", e.Nearest)
	}
	return text
}

// Unwrap returns the sentinel.
func (e *RefError) Unwrap() error { return e.Err }

// Apply makes the change to a spec and returns the valid result; s itself stays as it is. The error is a *RefError or
// Problems.
func Apply(s Spec, c Change) (Spec, error) {
	next := maps.Clone(s)
	if next == nil {
		next = Spec{}
	}
	for _, e := range c.Edits {
		ref := Ref{e.Kind, e.Name}
		old, exists := next[ref]
		switch {
		case !slices.Contains([]Verb{Create, Set, Put, Delete}, e.Verb):
			return nil, Problems{{Path: ref.String(), Message: fmt.Sprintf("%q is nothing that can be done", e.Verb)}}
		case exists && e.Verb == Create:
			return nil, &RefError{Ref: ref, Err: ErrExists}
		case !exists && (e.Verb == Set || e.Verb == Delete):
			return nil, &RefError{Ref: ref, Err: ErrNotFound, Nearest: Nearest(e.Name, next.Names(e.Kind))}
		case e.Verb == Delete:
			delete(next, ref)
			continue
		case e.Verb == Put:
			exists = false
		}
		r, problems := patched(ref, old, exists, e.Fields)
		if len(problems) > 0 {
			return nil, problems
		}
		next[ref] = r
	}
	if err := Validate(next); err != nil {
		return nil, err
	}
	return next, nil
}

// patched is a resource with a patch: of old, or of nothing.
func patched(ref Ref, old Resource, onOld bool, patch Fields) (Resource, Problems) {
	tree := map[string]any{}
	if onOld {
		tree = Tree(old)
	}
	fields, _ := normal(patch).(map[string]any)
	r, problems := decodeSpec(ref.Kind, ref.Kind.shape().mergeFields(tree, fields))
	if open, ok := r.(filler); ok {
		r = open.fill(old)
	}
	return r, mark(nil, ref.String()+" ", problems)
}

// Tree returns a resource's fields in the shapes of encoding/json.
func Tree(r Resource) map[string]any {
	tree, _ := normal(r).(map[string]any)
	return tree
}

// normal turns any value into the shapes of encoding/json. The values of this package always have one.
func normal(v any) (out any) {
	if err := remarshal(v, &out); err != nil {
		panic(fmt.Sprintf("pod: %T has no JSON form: %v", v, err))
	}
	return out
}

// ListKey names the field by which the items of a list are told apart, for the lists that have one. path is where the
// list stands, from its kind on and without the items on the way: "Route.rules.to".
func ListKey(path string) string { return shapeAt(path).listKey() }

// IsLeaf says whether what stands at a path, as in ListKey, is one value even where it is an object.
func IsLeaf(path string) bool { return shapeAt(path).leaf() }

func shapeAt(path string) *shape {
	kind, rest, more := strings.Cut(path, ".")
	s := Kind(kind).shape()
	for name := ""; more && s != nil && !s.leaf(); {
		if s.listKey() != "" {
			s = s.items
		}
		name, rest, more = strings.Cut(rest, ".")
		s = s.child(name)
	}
	return s
}

// merge is RFC 7386 with the addition of Edit.Fields.
func (s *shape) merge(target, patch any) any {
	fields, ok := patch.(map[string]any)
	if !ok || s.leaf() {
		return patch
	}
	if s.listKey() != "" {
		list, _ := target.([]any)
		return s.mergeList(list, fields)
	}
	tree, _ := target.(map[string]any)
	return s.mergeFields(tree, fields)
}

func (s *shape) mergeFields(tree, patch map[string]any) map[string]any {
	out := make(map[string]any, len(tree)+len(patch))
	maps.Copy(out, tree)
	for name, field := range patch {
		if field == nil {
			delete(out, name)
			continue
		}
		out[name] = s.child(name).merge(out[name], field)
	}
	return out
}

func (s *shape) mergeList(list []any, patch map[string]any) []any {
	key := s.listKey()
	rest := maps.Clone(patch)
	out := make([]any, 0, len(list)+len(patch))
	for _, item := range list {
		fields, _ := item.(map[string]any)
		name := fmt.Sprint(fields[key])
		change, named := rest[name]
		delete(rest, name)
		switch {
		case !named:
			out = append(out, item)
		case change != nil:
			out = append(out, s.items.merge(fields, change))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		if rest[name] != nil {
			out = append(out, s.items.merge(map[string]any{key: name}, rest[name]))
		}
	}
	return out
}
