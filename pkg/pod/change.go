package pod

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is what a user asked for, as a value that can be stored, shown, and applied again to a newer spec.
type Change struct {
	Edits []Edit `json:"edits"`
}

// Verb is what an Edit does.
type Verb string

// The verbs of an Edit.
const (
	// Create creates a resource and fails if it exists.
	Create Verb = "create"
	// Set changes some fields of a resource and fails if it does not exist.
	Set Verb = "set"
	// Put creates a resource, or replaces all of its fields.
	Put Verb = "put"
	// Delete removes a resource and fails if it does not exist.
	Delete Verb = "delete"
	// Restart starts new instances of an app that exists. It does not change the spec.
	Restart Verb = "restart"
)

// Edit is one step of a Change.
type Edit struct {
	Verb Verb   `json:"verb"`
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	// Fields are the fields to change, as a JSON merge patch (RFC 7386) of the spec of the resource: null removes a
	// field. An object patches a list with a key (ports by name, rules by path, targets by app) item by item.
	Fields Fields `json:"fields,omitempty"`
}

// Ref names the resource.
func (e Edit) Ref() Ref { return Ref{e.Kind, e.Name} }

// Touches reports whether a change edits a resource.
func (c Change) Touches(ref Ref) bool {
	return slices.ContainsFunc(c.Edits, func(e Edit) bool { return e.Ref() == ref })
}

// Restarts returns the names of the apps that a change restarts, sorted.
func (c Change) Restarts() []string {
	var names []string
	for _, e := range c.Edits {
		if e.Verb == Restart {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Refs returns the resources that the fields of a change refer to. It ignores edits whose fields do not fit their kind.
func (c Change) Refs() []Ref {
	var refs []Ref
	for _, e := range c.Edits {
		if r, problems := patched(e.Ref(), nil, false, e.Fields); len(problems) == 0 {
			r.refs(func(kind Kind, name string) {
				if ref := (Ref{kind, name}); name != "" && !slices.Contains(refs, ref) {
					refs = append(refs, ref)
				}
			})
		}
	}
	return refs
}

// Fields is a tree of fields, in the types of encoding/json.
type Fields map[string]any

// The errors that a RefError wraps.
var (
	ErrExists   = errors.New("already exists")
	ErrNotFound = errors.New("does not exist")
)

// RefError is the error of an edit of a resource that does not exist, or that exists although the edit creates it.
type RefError struct {
	Ref Ref
	// Nearest is the existing name that was probably meant, or "".
	Nearest string
	Err     error
}

// Error implements error. An example is: app "web" does not exist, did you mean "webs"?
func (e *RefError) Error() string {
	text := fmt.Sprintf("%s %q %v", e.Ref.Kind.Word(), e.Ref.Name, e.Err)
	if e.Nearest != "" {
		text += fmt.Sprintf(", did you mean %q?", e.Nearest)
	}
	return text
}

// Unwrap returns ErrExists or ErrNotFound.
func (e *RefError) Unwrap() error { return e.Err }

// Apply applies a change to a spec and returns the result, which is valid. It does not modify s. The error is a *RefError
// or Problems.
func Apply(s Spec, c Change) (Spec, error) {
	next := maps.Clone(s)
	if next == nil {
		next = Spec{}
	}
	for _, e := range c.Edits {
		ref := e.Ref()
		old, exists := next[ref]
		switch {
		case !slices.Contains([]Verb{Create, Set, Put, Delete, Restart}, e.Verb), e.Verb == Restart && e.Kind != KindApp:
			return nil, Problems{{Path: ref.String(), Message: fmt.Sprintf("unknown verb %q", e.Verb)}}
		case exists && e.Verb == Create:
			return nil, &RefError{Ref: ref, Err: ErrExists}
		case !exists && (e.Verb == Set || e.Verb == Delete || e.Verb == Restart):
			return nil, &RefError{Ref: ref, Err: ErrNotFound, Nearest: Nearest(e.Name, next.Names(e.Kind))}
		case e.Verb == Restart:
			continue
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
		return nil, c.inUse(err)
	}
	return next, nil
}

// InUseError is the error of a change that deletes a resource to which others still refer.
type InUseError struct {
	Ref Ref
	// By are the fields that refer to it, with their paths.
	By Problems
}

// Error implements error. An example is: app api is still used by app/worker env.QUEUE, route/api rules[/].to[api].
func (e *InUseError) Error() string {
	words := make([]string, len(e.By))
	for i, p := range e.By {
		words[i] = strings.Replace(p.Path, " spec.", " ", 1)
	}
	return fmt.Sprintf("%s %s is still used by %s", e.Ref.Kind.Word(), e.Ref.Name, strings.Join(words, ", "))
}

// Unwrap returns the problems.
func (e *InUseError) Unwrap() error { return e.By }

// inUse returns the *InUseError for problems that exist because a change deletes a resource, else err.
func (c Change) inUse(err error) error {
	problems, _ := err.(Problems) //nolint:errorlint // of Validate
	for _, e := range c.Edits {
		if e.Verb != Delete {
			continue
		}
		if by := slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool { return p.Refers != e.Ref() }); len(by) > 0 {
			for i := range by {
				by[i].Next = Next{}
			}
			return &InUseError{Ref: e.Ref(), By: by}
		}
	}
	return err
}

// patched returns a resource with a patch applied: to old if onOld is set, else to an empty resource.
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

// Tree returns the fields of a resource in the types of encoding/json. Numbers are json.Number.
func Tree(r Resource) map[string]any {
	tree, _ := normal(r).(map[string]any)
	return tree
}

// normal converts a value to the types of encoding/json. All values of this package can be converted.
func normal(v any) (out any) {
	if err := remarshal(v, &out); err != nil {
		panic(fmt.Sprintf("pod: %T has no JSON form: %v", v, err))
	}
	return out
}

// merge applies a JSON merge patch (RFC 7386), extended as Edit.Fields says. A nil shape is that of an unknown field.
func (s *shape) merge(target, patch any) any {
	fields, ok := patch.(map[string]any)
	if !ok || s.leaf() {
		return patch
	}
	if s.keyed() {
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
	rest := maps.Clone(patch)
	out := make([]any, 0, len(list)+len(patch))
	for _, item := range list {
		fields, _ := item.(map[string]any)
		name := s.items.keyOf(item)
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
			out = append(out, s.items.merge(s.items.withKey(name), rest[name]))
		}
	}
	return out
}
