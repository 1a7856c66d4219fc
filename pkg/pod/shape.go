package pod

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// shape is what the type of a value says about it: how it is read, merged, compared and told to people. It is worked
// out from the Go type. Struct tags of the form `psc:"key"` add what a Go type cannot say:
//
//	key      tells the items of a list apart; merging and comparing go item by item
//	whole    a list of objects without a key, which is merged and compared as one value
//	image    an image, which is pinned when a change is made
//	user     the numeric user that the image beside it runs as
//	item=X   the entries of a map are called X: "file nginx.conf"
//	hidden   the values of a map are shown to no one
type shape struct {
	typ   reflect.Type // without pointers
	index int          // of the field, in its struct
	form  form         // of a type with JSON forms of its own, which is one value
	part  bool         // the type is a Part

	fields map[string]*shape // of a struct, by their names in JSON
	items  *shape            // of a list or a map

	key         string // of a struct: the field tagged key
	image, user string // of a struct: the fields tagged image and user
	images      bool   // there is an image in it, at any depth
	contents    bool   // there is a Content in it, at any depth
	whole       bool   // of a list
	item        string // of a value of a map
	hidden      bool   // of a value of a map
}

// form is a type with JSON forms of its own. Its values are replaced and compared as a whole.
type form interface {
	// fit does for the type what problems.fit does for all others.
	fit(p *problems, path string, v any) any
}

// shapeOf works out the shape of a type. It panics for a tag that it does not know.
func shapeOf(t reflect.Type) *shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := &shape{typ: t, part: t.Implements(reflect.TypeFor[Part]())}
	if t.Implements(reflect.TypeFor[form]()) {
		s.form = reflect.Zero(t).Interface().(form)
		s.contents = t == reflect.TypeFor[Content]()
		return s
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		s.items = shapeOf(t.Elem())
		s.images, s.contents = s.items.images, s.items.contents
	case reflect.Struct:
		s.fields = map[string]*shape{}
		for i := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			if name == "" || name == "-" {
				continue
			}
			field := shapeOf(t.Field(i).Type)
			field.index = i
			for option := range strings.SplitSeq(t.Field(i).Tag.Get("psc"), ",") {
				s.tag(name, field, option)
			}
			s.images, s.contents = s.images || field.images, s.contents || field.contents
			s.fields[name] = field
		}
	default:
	}
	return s
}

// tag notes one option of a field's tag.
func (s *shape) tag(name string, field *shape, option string) {
	switch word, value, _ := strings.Cut(option, "="); word {
	case "":
	case "key":
		s.key = name
	case "whole":
		field.whole = true
	case "image":
		s.image, s.images = name, true
	case "user":
		s.user = name
	case "item":
		field.items.item = value
	case "hidden":
		field.items.hidden = true
	default:
		panic(fmt.Sprintf("pod: the tag of %s.%s has the unknown option %q", s.typ.Name(), name, option))
	}
}

// child is the shape of a field of a struct or of a value of a map; nil where there is none.
func (s *shape) child(name string) *shape {
	switch {
	case s == nil:
		return nil
	case s.fields != nil:
		return s.fields[name]
	}
	return s.items
}

// leaf says whether a value is one value even where it is an object in JSON: a reference, or the content of a file.
func (s *shape) leaf() bool { return s != nil && s.form != nil }

// listKey is the field by which the items of a list are told apart; "" for a list that is one value, and for anything
// else.
func (s *shape) listKey() string {
	if s == nil || s.typ.Kind() != reflect.Slice || s.whole {
		return ""
	}
	return s.items.key
}

// names are the fields of a struct, sorted.
func (s *shape) names() []string { return slices.Sorted(maps.Keys(s.fields)) }

// value is the field of a struct or the value of a map, from Go's side.
func (s *shape) value(of reflect.Value, name string) reflect.Value {
	of = deref(of)
	if s.fields != nil {
		return of.Field(s.fields[name].index)
	}
	return of.MapIndex(reflect.ValueOf(name))
}

func deref(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return v
}
