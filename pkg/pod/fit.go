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
// returns v with numbers as strings where the shape has a string.
func (p *problems) fit(path string, v any, s *shape) any {
	switch {
	case v == nil || s.typ.Kind() == reflect.Interface:
		return v
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
				out[i] = p.fit(fmt.Sprintf("%s[%d]", path, i), item, s.items)
			}
			return out
		}
	case reflect.String:
		switch v := v.(type) {
		case string:
			return v
		case json.Number:
			return v.String()
		}
	case reflect.Bool:
		if _, ok := v.(bool); ok {
			return v
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

func (p *problems) fitFields(path string, fields map[string]any, s *shape) map[string]any {
	out := make(map[string]any, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		if field := s.child(name); field != nil {
			out[name] = p.fit(at, fields[name], field)
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
