// Package pod is the model of what a team runs: a Spec holds the resources of one pod, and a Change is what a person
// asked to do with them, as a value.
//
//	flags or file -> Change -- Apply --> Spec -- Validate --> Problems
//
// The package is pure: no cluster, no files, no clock. A Spec is never changed in place; Apply returns a new one, and
// whoever holds an older Spec may go on reading it.
package pod

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
)

// APIVersion is what every resource file of this version says.
const APIVersion = "psc.dev/v1"

// Kind names a kind of resource the way files spell it.
type Kind string

// The kinds of resources.
const (
	KindApp    Kind = "App"
	KindRoute  Kind = "Route"
	KindConfig Kind = "Config"
	KindSecret Kind = "Secret"
	KindDisk   Kind = "Disk"
)

// Kinds lists every kind, in the order in which people are shown them.
func Kinds() []Kind { return []Kind{KindApp, KindRoute, KindConfig, KindSecret, KindDisk} }

// Word is how people write the kind: "app".
func (k Kind) Word() string { return strings.ToLower(string(k)) }

// Resource is the spec of one resource: an *App, *Route, *Config, *Secret or *Disk.
type Resource interface {
	// Kind says what it is.
	Kind() Kind
	// Describe sums it up in a few words, for a list.
	Describe() string
	// refs are the resources that it names. One may be there several times.
	refs() []Ref
	// problems returns what is wrong with it, as part of s. Paths are relative to the resource.
	problems(name string, s Spec) []Problem
}

// Ref names one resource of a pod.
type Ref struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
}

// String is the form used in messages and on the command line: "app/web".
func (r Ref) String() string { return r.Kind.Word() + "/" + r.Name }

// Spec is the desired state of a pod: all of its resources.
type Spec map[Ref]Resource

// Refs returns the names of all resources, in the order of Kinds and then by name.
func (s Spec) Refs() []Ref {
	kinds := Kinds()
	return slices.SortedFunc(maps.Keys(s), func(a, b Ref) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), strings.Compare(a.Name, b.Name))
	})
}

// App returns the app of that name, or nil.
func (s Spec) App(name string) *App {
	a, _ := s[Ref{KindApp, name}].(*App)
	return a
}

// Route returns the route of that name, or nil.
func (s Spec) Route(name string) *Route {
	r, _ := s[Ref{KindRoute, name}].(*Route)
	return r
}

// Config returns the config of that name, or nil.
func (s Spec) Config(name string) *Config {
	c, _ := s[Ref{KindConfig, name}].(*Config)
	return c
}

// Secret returns the secret of that name, or nil.
func (s Spec) Secret(name string) *Secret {
	c, _ := s[Ref{KindSecret, name}].(*Secret)
	return c
}

// Disk returns the disk of that name, or nil.
func (s Spec) Disk(name string) *Disk {
	d, _ := s[Ref{KindDisk, name}].(*Disk)
	return d
}

// Apps walks the apps in order of their names.
func (s Spec) Apps() iter.Seq2[string, *App] { return each[*App](s) }

// Routes walks the routes in order of their names.
func (s Spec) Routes() iter.Seq2[string, *Route] { return each[*Route](s) }

// Configs walks the configs in order of their names.
func (s Spec) Configs() iter.Seq2[string, *Config] { return each[*Config](s) }

// Secrets walks the secrets in order of their names.
func (s Spec) Secrets() iter.Seq2[string, *Secret] { return each[*Secret](s) }

// Disks walks the disks in order of their names.
func (s Spec) Disks() iter.Seq2[string, *Disk] { return each[*Disk](s) }

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

// Users returns the resources that name ref, in the order of Refs.
func (s Spec) Users(ref Ref) []Ref {
	return slices.DeleteFunc(s.Refs(), func(r Ref) bool { return !slices.Contains(s[r].refs(), ref) })
}

// newResource returns an empty resource of a kind, or nil for a kind that psc does not know.
func newResource(kind Kind) Resource {
	switch kind {
	case KindApp:
		return &App{}
	case KindRoute:
		return &Route{}
	case KindConfig:
		return &Config{}
	case KindSecret:
		return &Secret{}
	case KindDisk:
		return &Disk{}
	}
	return nil
}
