package pod

import (
	"reflect"
	"strings"
	"sync"
)

// Kind is a kind of resource, as files spell it.
type Kind string

// The kinds of resources.
const (
	KindApp    Kind = "App"
	KindRoute  Kind = "Route"
	KindConfig Kind = "Config"
	KindSecret Kind = "Secret"
	KindDisk   Kind = "Disk"
	KindJob    Kind = "Job"
)

// row describes one kind. Its shape has what follows from the type of the resource: fields, keys of lists, images. The
// methods of Resource have the code.
type row struct {
	kind Kind
	// new returns an empty resource.
	new func() Resource
	// runs is set if its objects run containers, which need the pod's pull secret.
	runs bool
	// static is set if it is ready as soon as it is written. A deploy waits for the resources of all other kinds.
	static bool

	shape *shape
}

// rows returns a row for each kind, in the order in which they are shown.
var rows = sync.OnceValue(func() []row {
	table := []row{
		{kind: KindApp, new: func() Resource { return &App{} }, runs: true},
		{kind: KindRoute, new: func() Resource { return &Route{} }},
		{kind: KindConfig, new: func() Resource { return &Config{} }, static: true},
		{kind: KindSecret, new: func() Resource { return &Secret{} }, static: true},
		{kind: KindDisk, new: func() Resource { return &Disk{} }, static: true},
		{kind: KindJob, new: func() Resource { return &Job{} }, runs: true},
	}
	for i := range table {
		table[i].shape = shapeOf(reflect.TypeOf(table[i].new()))
	}
	return table
})

// row returns the row of a kind, or nil for an unknown kind.
func (k Kind) row() *row {
	table := rows()
	for i := range table {
		if table[i].kind == k {
			return &table[i]
		}
	}
	return nil
}

// shape returns the shape of the resources of a kind, or nil for an unknown kind.
func (k Kind) shape() *shape {
	if row := k.row(); row != nil {
		return row.shape
	}
	return nil
}

// Kinds returns all kinds, in the order in which they are shown.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(rows()))
	for _, row := range rows() {
		kinds = append(kinds, row.kind)
	}
	return kinds
}

// Word returns the kind as the command line and messages spell it: "app".
func (k Kind) Word() string { return strings.ToLower(string(k)) }

// WithArticle returns the word with its article: "an app".
func (k Kind) WithArticle() string {
	if strings.IndexAny(k.Word(), "aeiou") == 0 {
		return "an " + k.Word()
	}
	return "a " + k.Word()
}

// Runs reports whether resources of the kind run containers, which need the pod's pull secret.
func (k Kind) Runs() bool {
	row := k.row()
	return row != nil && row.runs
}

// Waits reports whether a deploy waits until resources of the kind are ready. The others are ready once they are written.
func (k Kind) Waits() bool {
	row := k.row()
	return row != nil && !row.static
}

// newResource returns an empty resource of a kind, or nil for an unknown kind.
func newResource(kind Kind) Resource {
	if row := kind.row(); row != nil {
		return row.new()
	}
	return nil
}

func kindList() string {
	words := make([]string, 0, len(rows()))
	for _, kind := range Kinds() {
		words = append(words, string(kind))
	}
	return strings.Join(words, ", ")
}
