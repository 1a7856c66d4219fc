package pod

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// everyShape calls visit for each value in the resources of a kind: its path, its shape, and the shapes around it,
// innermost last.
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

// A row is complete, and no word has two meanings.
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
		t.Error("an unknown kind runs something, is waited for or can be made")
	}
}

// Every image is tagged, so that it is pinned. A kind with an image runs containers, so that they are pulled with the
// pod's logins, and a deploy waits for them.
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
		})
		if row.shape.images && (!row.runs || row.static) {
			t.Errorf("%s has an image: its row must say that it runs and is not static", row.kind)
		}
	}
}

// A type that reads JSON in its own way is one value for merges and diffs, and says itself which files fit it.
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

// The items of a list of objects are merged and compared by their key, and people are told of each in words.
func TestEveryListHasAKeyAndWords(t *testing.T) {
	for _, kind := range Kinds() {
		everyShape(kind, func(path string, s *shape, around []*shape) {
			if s.typ.Kind() != reflect.Slice || s.items.fields == nil || s.whole {
				return
			}
			if s.listKey() == "" {
				t.Errorf(`%s: tag a field of %s with psc:"key", or the list with psc:"whole"`, path, s.items.typ.Name())
			}
			if !slices.ContainsFunc(append(around, s.items), func(s *shape) bool { return s.part }) {
				t.Errorf("%s: the type %s must implement Part, or a diff shows its fields one by one", path, s.items.typ.Name())
			}
		})
	}
}

// A string field that is named like a kind refers to a resource of that kind, and the resource that it is in reports
// it, however deep it is.
func TestEveryReferenceIsReported(t *testing.T) {
	for _, kind := range Kinds() {
		want := map[Ref]bool{}
		r := newResource(kind)
		fill(reflect.ValueOf(r).Elem(), func(field string, v reflect.Value) {
			if v.Kind() == reflect.String && newResource(Kind(field)) != nil {
				want[Ref{Kind(field), v.String()}] = true
			}
		})
		got := map[Ref]bool{}
		r.refs(func(kind Kind, name string) { got[Ref{kind, name}] = true })
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
}

// fill sets every string in a value, makes one item in every list and map, and calls visit for each field in it.
func fill(v reflect.Value, visit func(field string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), visit)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), visit)
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value, visit)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), value)
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				fill(v.Field(i), visit)
				visit(field.Name, v.Field(i))
			}
		}
	default:
	}
}
