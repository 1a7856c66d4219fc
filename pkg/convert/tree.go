package convert

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// node is an object in a tree. Reading a field takes it out of the tree; what has another type than expected stays.
type node struct {
	fields map[string]any
	path   string
	marks  *marks
}

// marks are the objects and lists of a tree that were read, by their paths. Of the others, the rest names only the top.
type marks struct {
	seen   map[string]bool
	labels map[string][]string // of the items of a list
}

func newNode(tree map[string]any) node {
	return node{fields: tree, marks: &marks{seen: map[string]bool{}, labels: map[string][]string{}}}
}

func (n node) at(name string) string { return strings.TrimPrefix(n.path+"."+name, ".") }

// text takes a string.
func (n node) text(name string) string {
	text, ok := n.fields[name].(string)
	if ok {
		delete(n.fields, name)
	}
	return text
}

// scalar takes a string or a number, as a string.
func (n node) scalar(name string) string {
	if number, ok := n.number(name); ok {
		return strconv.FormatInt(number, 10)
	}
	switch v := n.fields[name].(type) {
	case float64:
		delete(n.fields, name)
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		delete(n.fields, name)
		return v.String()
	}
	return n.text(name)
}

// number takes a whole number.
func (n node) number(name string) (int64, bool) {
	var number int64
	switch v := n.fields[name].(type) {
	case int64:
		number = v
	case int:
		number = int64(v)
	case uint32:
		number = int64(v)
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			return 0, false
		}
		number = int64(v)
	case json.Number:
		var err error
		if number, err = v.Int64(); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	delete(n.fields, name)
	return number, true
}

// flag takes a boolean.
func (n node) flag(name string) bool {
	is, ok := n.fields[name].(bool)
	if ok {
		delete(n.fields, name)
	}
	return is
}

// texts takes a list of strings.
func (n node) texts(name string) []string {
	list, _ := n.fields[name].([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		text, ok := item.(string)
		if !ok {
			return nil
		}
		out = append(out, text)
	}
	if len(list) == 0 {
		return nil
	}
	delete(n.fields, name)
	return out
}

// texts2 takes a map of strings.
func (n node) texts2(name string) map[string]string {
	tree, _ := n.fields[name].(map[string]any)
	out := make(map[string]string, len(tree))
	for key, value := range tree {
		text, ok := value.(string)
		if !ok {
			return nil
		}
		out[key] = text
	}
	delete(n.fields, name)
	return out
}

// child returns an object, which stays in the tree without the fields that are taken from it.
func (n node) child(names ...string) node {
	for _, name := range names {
		n.fields, _ = n.fields[name].(map[string]any)
		n.path = n.at(name)
		n.marks.seen[n.path] = true
	}
	return n
}

// has reports whether a field is there.
func (n node) has(name string) bool { return n.fields[name] != nil }

// list returns the objects of a list, which stay in the tree.
func (n node) list(name string) []node {
	path := n.at(name)
	items, _ := n.fields[name].([]any)
	n.marks.seen[path] = true
	if n.marks.labels[path] == nil {
		for i, item := range items {
			n.marks.labels[path] = append(n.marks.labels[path], labelOf(item, i))
		}
	}
	var out []node
	for i, item := range items {
		if fields, ok := item.(map[string]any); ok {
			at := fmt.Sprintf("%s[%s]", path, n.marks.labels[path][i])
			n.marks.seen[at] = true
			out = append(out, node{fields, at, n.marks})
		}
	}
	return out
}

// untouched reports whether an item still has what identifies it, so that it is left out as a whole.
func untouched(item any) bool {
	fields, _ := item.(map[string]any)
	return fields["name"] != nil || fields["type"] != nil
}

func labelOf(item any, i int) string {
	fields, _ := item.(map[string]any)
	for _, key := range []string{"mountPath", "name", "host", "path", "containerPort", "port"} {
		switch v := fields[key].(type) {
		case string:
			return v
		case int64, float64, json.Number:
			return fmt.Sprint(v)
		}
	}
	return strconv.Itoa(i)
}

// ignore takes fields that do not matter.
func (n node) ignore(names ...string) {
	for _, name := range names {
		delete(n.fields, name)
	}
}

// clear takes all fields.
func (n node) clear() { clear(n.fields) }

// usual takes a field if it has a value that it has without being set, or that psc sets itself.
func (n node) usual(name string, values ...any) {
	v := n.fields[name]
	if number, ok := n.number(name); ok {
		n.fields[name], v = v, number
	}
	if slices.ContainsFunc(values, func(usual any) bool {
		if number, ok := usual.(int); ok {
			usual = int64(number)
		}
		return fmt.Sprint(usual) == fmt.Sprint(v)
	}) {
		delete(n.fields, name)
	}
}

// rest returns the paths of the fields that nobody has taken.
func (n node) rest() []string { return restOf(n.fields, n.path, n.marks) }

func restOf(v any, path string, m *marks) (out []string) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		if path != "" && !m.seen[path] && len(v) > 0 {
			return []string{path}
		}
		for _, name := range sorted(v) {
			out = append(out, restOf(v[name], strings.TrimPrefix(path+"."+name, "."), m)...)
		}
	case []any:
		if !m.seen[path] && len(v) > 0 {
			return []string{path}
		}
		for i, item := range v {
			at := fmt.Sprintf("%s[%s]", path, m.labels[path][i])
			if untouched(item) {
				out = append(out, at)
				continue
			}
			out = append(out, restOf(item, at, m)...)
		}
	default:
		return []string{path}
	}
	return out
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }
