package pod

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// fit reports what of v does not fit t: fields that t does not have, with the nearest one that it has, and values of
// another type. It returns v with the numbers that stand for texts as such.
func (p *problems) fit(path string, v any, t reflect.Type) any {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v == nil || t.Kind() == reflect.Interface {
		return v
	}
	switch t {
	case reflect.TypeFor[EnvValue]():
		return p.fitEnv(path, v)
	case reflect.TypeFor[TLS]():
		if _, ok := v.(bool); ok {
			return v
		}
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		if fields, ok := v.(map[string]any); ok {
			return p.fitFields(path, fields, t)
		}
	case reflect.Slice:
		if list, ok := v.([]any); ok {
			out := make([]any, len(list))
			for i, item := range list {
				out[i] = p.fit(fmt.Sprintf("%s[%d]", path, i), item, t.Elem())
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
	default: // a resource has no fields of other types
	}
	p.add(path, "must be %s, is %s", typeWord(t), valueWord(v))
	return nil
}

func (p *problems) fitFields(path string, fields map[string]any, t reflect.Type) map[string]any {
	types := func(string) (reflect.Type, bool) { return t.Elem(), true }
	var known []string
	if t.Kind() == reflect.Struct {
		named := jsonFields(t)
		known = slices.Sorted(maps.Keys(named))
		types = func(name string) (reflect.Type, bool) { f, ok := named[name]; return f, ok }
	}
	out := make(map[string]any, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		if field, ok := types(name); ok {
			out[name] = p.fit(at, fields[name], field)
			continue
		}
		message := "is not a field"
		if near := Nearest(name, known); near != "" {
			message += fmt.Sprintf(", did you mean %q?", near)
		}
		p.add(at, "%s", message)
	}
	return out
}

// fitEnv takes texts, numbers, booleans and references.
func (p *problems) fitEnv(path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		before := len(*p)
		ref := p.fitFields(path, v, reflect.TypeFor[envRef]())
		if ref["app"] != nil && ref["app"] != "" || len(*p) > before {
			return ref
		}
	case []any:
	default:
		return v
	}
	p.add(path, "must be a text or a reference such as {app: api}, is %s", valueWord(v))
	return nil
}

func typeWord(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number"
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
		return fmt.Sprintf("the text %q", v)
	default:
		return fmt.Sprint(v)
	}
}

func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name != "" && name != "-" {
			fields[name] = t.Field(i).Type
		}
	}
	return fields
}
