package pod

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// fit reports what in v does not fit a shape: unknown fields, with the nearest known one, and values of a wrong type. It
// returns v in the types of encoding/json, with numbers as strings where the shape has a string.
func (p *problems) fit(path string, v any, s *shape) any {
	_, void := v.(null)
	switch {
	case s.typ.Kind() == reflect.Interface:
		return v
	case v == nil || void:
		return nil
	case s.form != nil:
		return s.form.fit(p, path, v)
	}
	switch s.typ.Kind() {
	case reflect.Struct, reflect.Map:
		if fields, ok := v.(map[string]any); ok {
			return p.fitFields(path, fields, s)
		}
	case reflect.Slice:
		if list, ok := v.([]any); ok {
			out := make([]any, len(list))
			for i, item := range list {
				out[i] = p.fitItem(fmt.Sprintf("%s[%d]", path, i), item, s.items)
			}
			return out
		}
	case reflect.String:
		switch v := v.(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		case boolean:
			p.add(path, "must be a string, is %s: write it in quotes", v)
			return nil
		}
	case reflect.Bool:
		switch v := v.(type) {
		case bool:
			return v
		case boolean:
			return v.value()
		}
	case reflect.Int, reflect.Int64:
		if n, ok := v.(json.Number); ok {
			if _, err := n.Int64(); err == nil {
				return v
			}
		}
	default: // resources have no fields of other types
	}
	p.add(path, "must be %s, is %s", typeWord(s.typ), valueWord(v))
	return nil
}

// fitItem is fit for an item of a list or a value of a map. null means that a field is not set, so it is no string there.
func (p *problems) fitItem(path string, v any, s *shape) any {
	if text, void := v.(null); void && (s.form != nil || s.typ.Kind() == reflect.String) {
		p.add(path, `is null: write "" for an empty string, or %q for the word`, string(text))
		return nil
	}
	return p.fit(path, v, s)
}

func (p *problems) fitFields(path string, fields map[string]any, s *shape) map[string]any {
	out := make(map[string]any, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		if field := s.child(name); field != nil {
			if s.fields == nil {
				out[name] = p.fitItem(at, fields[name], field)
			} else {
				out[name] = p.fit(at, fields[name], field)
			}
			continue
		}
		message := "unknown field"
		if near := Nearest(name, s.names()); near != "" {
			message += fmt.Sprintf(", did you mean %q?", near)
		}
		p.add(at, "%s", message)
	}
	return out
}

// fitForm is fit for a type with several forms: T is the form that is an object.
func fitForm[T any](p *problems, path string, v map[string]any) map[string]any {
	return p.fitFields(path, v, shapeOf(reflect.TypeFor[T]()))
}

func named(v any) bool { return v != nil && v != "" }

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}

func valueWord(v any) string {
	switch v := v.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case string:
		return fmt.Sprintf("the string %q", v)
	default:
		return fmt.Sprint(v)
	}
}
