package revision

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// Type is what happened to a resource.
type Type string

// What can happen to a resource.
const (
	Created Type = "create"
	Updated Type = "update"
	Deleted Type = "delete"
)

// Entry is how one resource differs between two specs.
type Entry struct {
	Kind pod.Kind `json:"kind"`
	Name string   `json:"name"`
	Type Type     `json:"type"`
	// Fields are the leaves that differ, by path. The items of lists with a key are named by it:
	// spec.rules[/].to[web].weight.
	Fields []Field `json:"fields,omitempty"`

	from, to pod.Resource
}

// Field is a leaf that differs. From or To is absent where the leaf is.
type Field struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

// Ref names the resource.
func (e Entry) Ref() pod.Ref { return pod.Ref{Kind: e.Kind, Name: e.Name} }

// Resource is what the entry speaks of: as it is afterwards, or as it was when it is deleted.
func (e Entry) Resource() pod.Resource {
	if e.to != nil {
		return e.to
	}
	return e.from
}

// Diff tells how to differs from from, resource by resource and field by field, in the order of pod.Spec.Refs.
func Diff(from, to pod.Spec) []Entry {
	all := maps.Clone(from)
	if all == nil {
		all = pod.Spec{}
	}
	maps.Copy(all, to)
	var entries []Entry
	for _, ref := range all.Refs() {
		e := Entry{Kind: ref.Kind, Name: ref.Name, Type: Updated, from: from[ref], to: to[ref]}
		switch {
		case e.from == nil:
			e.Type = Created
		case e.to == nil:
			e.Type = Deleted
		}
		if e.Fields = diffFields(flat(e.from), flat(e.to)); len(e.Fields) > 0 {
			entries = append(entries, e)
		}
	}
	return entries
}

func diffFields(from, to map[string]any) []Field {
	paths := maps.Clone(from)
	maps.Copy(paths, to)
	var fields []Field
	for path := range paths {
		a, b := from[path], to[path]
		if strings.HasSuffix(path, orderSuffix) && !sameItems(a, b) {
			continue // items came or went: that says more than their order
		}
		if Text(a) != Text(b) {
			fields = append(fields, Field{Path: path, From: a, To: b})
		}
	}
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return fields
}

// orderSuffix marks the leaf that holds the order of a list with a key: the first port is the one that matters.
const orderSuffix = " order"

func sameItems(a, b any) bool {
	x, _ := a.([]any)
	y, _ := b.([]any)
	byText := func(a, b any) int { return cmp.Compare(Text(a), Text(b)) }
	return Text([]any(slices.SortedFunc(slices.Values(x), byText))) == Text([]any(slices.SortedFunc(slices.Values(y), byText)))
}

// flat returns the leaves of a resource by path.
func flat(r pod.Resource) map[string]any {
	leaves := map[string]any{}
	if r != nil {
		flatten(leaves, "spec", "", pod.Tree(r))
	}
	return leaves
}

func flatten(leaves map[string]any, path, field string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, child := range v {
			flatten(leaves, path+"."+name, name, child)
		}
	case []any:
		key := pod.ListKey(field)
		if key == "" {
			leaves[path] = v
			return
		}
		var order []any
		for _, item := range v {
			fields, _ := item.(map[string]any)
			flatten(leaves, fmt.Sprintf("%s[%v]", path, fields[key]), "", item)
			order = append(order, fields[key])
		}
		if len(order) > 1 {
			leaves[path+orderSuffix] = order
		}
	default:
		leaves[path] = v
	}
}

// Text writes a leaf for people: texts plain, lists as they stand in YAML's flow style, nothing as "".
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		words := make([]string, len(v))
		for i, item := range v {
			words[i] = Text(item)
		}
		return "[" + strings.Join(words, ", ") + "]"
	case json.Number:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

// Summary is the entries in one line: "app web: image hello:v1 -> hello:v2, env +GREETING".
func Summary(entries []Entry) string {
	parts := make([]string, 0, len(entries))
	for _, e := range entries {
		part := fmt.Sprintf("%s %s: ", e.Kind.Word(), e.Name)
		switch e.Type {
		case Created:
			part += fmt.Sprintf("created (%s)", e.to.Describe())
		case Deleted:
			part += "deleted"
		case Updated:
			part += strings.Join(Words(e.Fields), ", ")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

// Words says what changed, field by field: "image hello:v1 -> hello:v2", "env +GREETING", "instances 2 -> 3".
func Words(fields []Field) []string {
	words := make([]string, 0, len(fields))
	for _, f := range fields {
		label := strings.TrimPrefix(f.Path, "spec.")
		from, to := short(label, f.From), short(label, f.To)
		name, isEnv := strings.CutPrefix(label, "env.")
		switch {
		case isEnv && f.From == nil:
			words = append(words, "env +"+name)
		case isEnv && f.To == nil:
			words = append(words, "env -"+name)
		case isEnv:
			words = append(words, "env "+name+" "+from+" -> "+to)
		case f.From == nil:
			words = append(words, label+" "+to)
		case f.To == nil:
			words = append(words, label+" "+from+" removed")
		default:
			words = append(words, label+" "+from+" -> "+to)
		}
	}
	return words
}

// maxText is how much of a value stands in one line.
const maxText = 60

func short(label string, v any) string {
	text := Text(v)
	if label == "image" {
		return pod.ShortImage(text)
	}
	text, _, cut := strings.Cut(text, "\n")
	if runes := []rune(text); len(runes) > maxText {
		text, cut = string(runes[:maxText]), true
	}
	if cut {
		text += "…"
	}
	return text
}
