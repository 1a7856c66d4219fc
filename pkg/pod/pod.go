// Package pod is the model of what a team runs: a Spec holds the resources of one pod, and a Change is what a user asked
// for, as a value.
//
//	flags or file -> Change -- Apply --> Spec -- Validate --> Problems
//
// The package is pure: no cluster, no files, no clock. A Spec is never modified: Apply returns a new one, and an older one
// stays valid.
//
// The kinds of resources are in kinds.go. What the type of a resource says is in shape.go.
package pod

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
)

// APIVersion is the apiVersion of every resource file.
const APIVersion = "psc.dev/v1"

// Resource is the spec of one resource: an *App, *Route, *Config, *Secret, *Disk or *Job.
type Resource interface {
	// Kind returns its kind.
	Kind() Kind
	// Describe sums it up in one line, for a list.
	Describe() string
	// refs calls add for each reference to another resource. A call with an empty name is not a reference.
	refs(add func(Kind, string))
	// problems returns all problems of the resource in a spec. Their paths are relative to the resource.
	problems(name string, s Spec) []Problem
}

// filler is a Resource with values that a file may leave out.
type filler interface {
	// fill returns the resource with the missing values of old, which is nil for a new resource.
	fill(old Resource) Resource
}

// Ref names one resource of a pod.
type Ref struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// String returns the form for messages and the command line: "app/web".
func (r Ref) String() string { return r.Kind.Word() + "/" + r.Name }

// Spec is the desired state of a pod: all its resources.
type Spec map[Ref]Resource

// Refs returns the refs of all resources, in the order of Kinds and then by name.
func (s Spec) Refs() []Ref {
	kinds := Kinds()
	return slices.SortedFunc(maps.Keys(s), func(a, b Ref) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), strings.Compare(a.Name, b.Name))
	})
}

func each[T Resource](s Spec) iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, ref := range s.Refs() {
			if r, ok := s[ref].(T); ok && !yield(ref.Name, r) {
				return
			}
		}
	}
}

// Names returns the names of all resources of a kind, sorted.
func (s Spec) Names(kind Kind) []string {
	var names []string
	for _, ref := range s.Refs() {
		if ref.Kind == kind {
			names = append(names, ref.Name)
		}
	}
	return names
}

// Runs reports whether any resource of the spec runs containers.
func (s Spec) Runs() bool {
	for ref := range s {
		if ref.Kind.Runs() {
			return true
		}
	}
	return false
}

// Users returns the resources that refer to ref, in the order of Refs.
func (s Spec) Users(ref Ref) []Ref {
	uses := false
	compare := func(kind Kind, name string) { uses = uses || Ref{kind, name} == ref }
	return slices.DeleteFunc(s.Refs(), func(r Ref) bool {
		uses = false
		s[r].refs(compare)
		return !uses
	})
}
