package pod

import (
	"encoding/base64"
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
		return p.fitTLS(path, v)
	case reflect.TypeFor[Content]():
		return p.fitContent(path, v)
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
		if named(ref["app"]) || named(ref["secret"]) || len(*p) > before {
			return ref
		}
	case []any:
	default:
		return v
	}
	p.add(path, "must be a text or a reference such as {app: api} or {secret: db, key: url}, is %s", valueWord(v))
	return nil
}

func named(v any) bool { return v != nil && v != "" }

// fitTLS takes a mode, a boolean and a reference.
func (p *problems) fitTLS(path string, v any) any {
	switch v := v.(type) {
	case string, bool:
		return v
	case map[string]any:
		before := len(*p)
		ref := p.fitFields(path, v, reflect.TypeFor[certificate]())
		if named(ref["secret"]) || len(*p) > before {
			return ref
		}
	}
	p.add(path, "must be auto, off or {secret: name}, is %s", valueWord(v))
	return nil
}

// fitContent takes texts, {base64: …} and digests.
func (p *problems) fitContent(path string, v any) any {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case map[string]any:
		before := len(*p)
		var form map[string]any
		if _, ok := v["base64"]; ok {
			form = p.fitFields(path, v, reflect.TypeFor[encoded]())
			text, _ := form["base64"].(string)
			if _, err := base64.StdEncoding.DecodeString(text); err != nil {
				p.add(path+".base64", "is not base64: %v", err)
			}
		} else {
			form = p.fitFields(path, v, reflect.TypeFor[digest]())
		}
		if named(form["sha256"]) || form["base64"] != nil || len(*p) > before {
			return form
		}
	}
	p.add(path, "must be a text or {base64: …}, is %s", valueWord(v))
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
