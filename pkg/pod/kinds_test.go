package pod

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// everyShape calls visit for each value in the resources of a kind, with its path, its shape, and the shapes around it,
// the innermost last.
func everyShape(kind Kind, visit func(path string, s *shape, around []*shape)) {
	var walk func(string, *shape, []*shape)
	walk = func(path string, s *shape, around []*shape) {
		visit(path, s, around)
		around = append(slices.Clone(around), s)
		for name, field := range s.fields {
			walk(path+"."+name, field, around)
		}
		if s.items != nil {
			walk(path+"[]", s.items, around)
		}
	}
	walk(string(kind), kind.shape(), nil)
}

// Every row is complete, and no two kinds have the same word.
func TestRows(t *testing.T) {
	words := map[string]bool{}
	for _, row := range rows() {
		if got := row.new().Kind(); got != row.kind {
			t.Errorf("the constructor of %s makes a %s", row.kind, got)
		}
		if words[row.kind.Word()] {
			t.Errorf("two kinds have the word %s", row.kind.Word())
		}
		words[row.kind.Word()] = true
	}
	if got := KindApp.WithArticle() + ", " + KindRoute.WithArticle(); got != "an app, a route" {
		t.Error(got)
	}
	if Kind("Cron").Runs() || Kind("Cron").Waits() || newResource("Cron") != nil {
		t.Error("an unknown kind runs containers, is waited for, or has a constructor")
	}
}

// Every image is tagged, so that it is pinned, and has its user beside it, so that it can run under the "restricted" Pod
// Security Standard. A kind with an image runs containers, so that it gets the pull secret and a deploy waits for it.
func TestEveryImageIsPinned(t *testing.T) {
	for _, row := range rows() {
		everyShape(row.kind, func(path string, s *shape, around []*shape) {
			if len(around) == 0 || s.typ.Kind() != reflect.String {
				return
			}
			name := path[strings.LastIndexByte(path, '.')+1:]
			if strings.HasSuffix(strings.ToLower(name), "image") && around[len(around)-1].image != name {
				t.Errorf(`%s: tag the field with psc:"image", or it is never pinned`, path)
			}
			if name == around[len(around)-1].image && around[len(around)-1].user == "" {
				t.Errorf(`%s: add a field tagged psc:"user" beside it, or it never runs as the user of the image`, path)
			}
		})
		if row.shape.images && (!row.runs || row.static) {
			t.Errorf("%s has an image: set runs in its row, and not static", row.kind)
		}
	}
}

// A type with its own JSON forms is one value for merges and diffs, and checks itself what a file holds.
func TestEveryFormIsALeaf(t *testing.T) {
	for _, kind := range Kinds() {
		everyShape(kind, func(path string, s *shape, _ []*shape) {
			own := reflect.PointerTo(s.typ).Implements(reflect.TypeFor[json.Unmarshaler]())
			if own != (s.form != nil) {
				t.Errorf("%s: the type %s must have both UnmarshalJSON and fit, or neither", path, s.typ.Name())
			}
		})
	}
}

// The items of a list of objects are merged and compared by key, and shown in words.
func TestEveryListHasAKeyAndWords(t *testing.T) {
	for _, kind := range Kinds() {
		everyShape(kind, func(path string, s *shape, around []*shape) {
			if s.typ.Kind() != reflect.Slice || s.items.fields == nil || s.whole {
				return
			}
			if !s.keyed() {
				t.Errorf(`%s: tag a field of %s with psc:"key", or the list with psc:"whole"`, path, s.items.typ.Name())
			}
			if !slices.ContainsFunc(append(around, s.items), func(s *shape) bool { return s.part }) {
				t.Errorf("%s: the type %s must implement Part, or a diff shows its fields one by one", path, s.items.typ.Name())
			}
		})
	}
}

// A string field with the name of a kind is a reference to a resource of that kind. However deep the field is, refs reports
// it, and a reference to a missing resource is a problem.
func TestEveryReferenceIsReportedAndChecked(t *testing.T) {
	const missing = "no-such-resource"
	for _, kind := range Kinds() {
		var paths []string
		fill(string(kind), reflect.ValueOf(newResource(kind)), func(path string, v reflect.Value) {
			if newResource(Kind(path[strings.LastIndexByte(path, '.')+1:])) != nil && v.Kind() == reflect.String {
				paths = append(paths, path)
			}
		})
		for _, reference := range paths {
			r := newResource(kind)
			fill(string(kind), reflect.ValueOf(r), func(path string, v reflect.Value) {
				if path == reference {
					v.SetString(missing)
				}
			})
			reported := false
			r.refs(func(kind Kind, name string) {
				reported = reported || name == missing && strings.HasSuffix(reference, "."+string(kind))
			})
			if !reported {
				t.Errorf("%s: refs does not report it", reference)
			}
			if !slices.ContainsFunc(r.problems("x", Spec{}), func(p Problem) bool { return strings.Contains(p.Message, missing) }) {
				t.Errorf("%s: problems does not check it", reference)
			}
		}
	}
}

// fill adds one item to every list and map in a value, and calls visit for each field before its value is used. Paths have
// the names of Go.
func fill(path string, v reflect.Value, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		fill(path, v.Elem(), visit)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(path+"[]", v.Index(0), visit)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(path+"[]", value, visit)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), value)
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				at := path + "." + field.Name
				visit(at, v.Field(i))
				fill(at, v.Field(i), visit)
			}
		}
	default:
	}
}
