package pod

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// shape describes how a value in a resource is read, merged, compared and shown. It is computed from the Go type. Tags of
// the form `psc:"key"` add what a Go type cannot express:
//
//	key      identifies an item of a list: the list is merged and compared item by item. If several fields have the tag, one
//	         of them is set, and the key is its name and its value: secret/db
//	whole    a list of objects without a key: the list is merged and compared as one value
//	image    an image, which is pinned when a change is made
//	user     the numeric user that the image in the same struct runs as
//	item=X   an entry of the map is called X: "file nginx.conf"
//	hidden   a value of the map is never shown
type shape struct {
	typ   reflect.Type // without pointers
	index int          // of the field in its struct
	form  form         // for a type with its own JSON forms, which is one value
	part  bool         // the type implements Part

	fields map[string]*shape // of a struct, by their names in JSON
	items  *shape            // of a list or a map

	keys        []string // of a struct: the fields tagged key
	image, user string   // of a struct: the fields tagged image and user
	images      bool     // it contains an image, at any depth
	contents    bool     // it contains a Content, at any depth
	whole       bool     // for a list
	item        string   // for a value of a map
	hidden      bool     // for a value of a map
}

// form is a type with its own JSON forms. Its values are merged and compared as a whole.
type form interface {
	// fit is problems.fit for the type.
	fit(p *problems, path string, v any) any
}

// shapeOf computes the shape of a type. It panics for an unknown tag and for a field without a name in JSON.
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
			switch {
			case name == "-" || !t.Field(i).IsExported():
				continue
			case name == "":
				panic(fmt.Sprintf("pod: the field %s.%s has no name in JSON", t.Name(), t.Field(i).Name))
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

// tag evaluates one option of the tag of a field.
func (s *shape) tag(name string, field *shape, option string) {
	switch word, value, _ := strings.Cut(option, "="); word {
	case "":
	case "key":
		s.keys = append(s.keys, name)
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

// child returns the shape of a field of a struct or of a value of a map, or nil if there is none.
func (s *shape) child(name string) *shape {
	switch {
	case s == nil:
		return nil
	case s.fields != nil:
		return s.fields[name]
	}
	return s.items
}

// leaf reports whether a value is one value even if it is an object in JSON: a reference, or the content of a file.
func (s *shape) leaf() bool { return s != nil && s.form != nil }

// keyed reports whether the items of a list have keys. It does not for a list that is one value, and for other types.
func (s *shape) keyed() bool {
	return s != nil && s.typ.Kind() == reflect.Slice && !s.whole && len(s.items.keys) > 0
}

// keyOf returns the key of an item of a list, or "" if it has none. s is the shape of the item.
func (s *shape) keyOf(item any) string {
	fields, _ := item.(map[string]any)
	for _, name := range s.keys {
		switch text, ok := fields[name].(string); {
		case ok && len(s.keys) > 1:
			return name + "/" + text
		case ok:
			return text
		}
	}
	return ""
}

// withKey returns an item of a list that has only its key. s is the shape of the item.
func (s *shape) withKey(key string) map[string]any {
	if name, text, ok := strings.Cut(key, "/"); ok && len(s.keys) > 1 {
		return map[string]any{name: text}
	}
	return map[string]any{s.keys[0]: key}
}

// names returns the names of the fields of a struct, sorted.
func (s *shape) names() []string { return slices.Sorted(maps.Keys(s.fields)) }

// value returns the Go value of a field of a struct, or of a value of a map.
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
