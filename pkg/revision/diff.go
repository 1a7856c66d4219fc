package revision

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// Type says whether a resource was created, updated or deleted.
type Type string

// The types of an Entry.
const (
	Created Type = "create"
	Updated Type = "update"
	Deleted Type = "delete"
)

// Entry is the difference of one resource between two specs.
type Entry struct {
	Kind pod.Kind `json:"kind"`
	Name string   `json:"name"`
	Type Type     `json:"type"`
	// Fields are the leaves that differ, sorted by path. A path names the items of a list by their key, where they have one:
	// spec.rules[/].to[web].weight.
	Fields []Field `json:"fields,omitempty"`

	from, to           pod.Resource
	fromParts, toParts map[string]pod.Part
}

// Field is a leaf that differs. From or To is nil on the side that does not have it.
type Field struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`

	leaf pod.Leaf // of the side that has it
}

// Ref names the resource.
func (e Entry) Ref() pod.Ref { return pod.Ref{Kind: e.Kind, Name: e.Name} }

// Resource returns the resource after the change, or before it when it is deleted.
func (e Entry) Resource() pod.Resource {
	if e.to != nil {
		return e.to
	}
	return e.from
}

// Shown returns the fields in the form for people. The fields of a pod.Part are one field, such as a rule of a route with
// its shares in percent, because one weight means nothing without the others. A part whose words did not change is shown by
// its fields. The values of secrets are hidden.
func (e Entry) Shown() []Field {
	var out []Field
	for _, f := range e.Fields {
		before, from := partWords(e.fromParts[f.leaf.Part])
		after, to := partWords(e.toParts[f.leaf.Part])
		name := cmp.Or(after, before)
		if name == "" || from == to {
			if name := f.leaf.Name(); name != "" {
				f.Path = "spec." + name
			}
			f.From, f.To = f.leaf.Text(f.From), f.leaf.Text(f.To)
			out = append(out, f)
			continue
		}
		path := "spec." + name
		i := slices.IndexFunc(out, func(f Field) bool { return f.Path == path })
		if i < 0 {
			i, out = len(out), append(out, Field{Path: path})
		}
		// Two parts can have the same name: a mount of a config becomes a mount of a disk.
		out[i].From, out[i].To = cmp.Or(out[i].From, from), cmp.Or(out[i].To, to)
	}
	return out
}

// partWords returns the name and the text of a part, or nothing for nil.
func partWords(part pod.Part) (name string, text any) {
	if part == nil {
		return "", nil
	}
	name, text = part.Words()
	return name, text
}

// Diff returns the differences between two specs, in the order of pod.Spec.Refs. It is empty when they are the same.
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
		case reflect.DeepEqual(e.from, e.to): // the common case: no leaves are built
			continue
		}
		before, after := pod.LeavesOf(e.from), pod.LeavesOf(e.to)
		e.fromParts, e.toParts = before.Parts, after.Parts
		if e.Fields = diffFields(before.Values, after.Values); len(e.Fields) > 0 {
			entries = append(entries, e)
		}
	}
	return entries
}

func diffFields(from, to map[string]pod.Leaf) []Field {
	fields := make([]Field, 0, max(len(to)-len(from), len(from)-len(to))) // exact for a created or deleted resource
	compare := func(path string, leaf pod.Leaf) {
		a, b := from[path].Value, to[path].Value // nil for a missing leaf, which is not the same as an empty one
		if leaf.Order && sameOrder(a, b) {
			return // at most, items were added or removed: these are fields of their own
		}
		if !reflect.DeepEqual(a, b) {
			fields = append(fields, Field{Path: path, From: a, To: b, leaf: leaf})
		}
	}
	for path, leaf := range to {
		compare(path, leaf)
	}
	for path, leaf := range from {
		if _, both := to[path]; !both {
			compare(path, leaf)
		}
	}
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return fields
}

// sameOrder reports whether the items that two lists share are in the same order in both.
func sameOrder(a, b any) bool {
	from, _ := a.([]any)
	to, _ := b.([]any)
	shared := func(list, other []any) []any {
		return slices.DeleteFunc(slices.Clone(list), func(item any) bool { return !slices.Contains(other, item) })
	}
	return slices.Equal(shared(from, to), shared(to, from))
}

// Text returns a leaf as text for people: strings as they are, lists and references in the flow style of YAML, nil as "".
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
	case map[string]any:
		words := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			words = append(words, name+": "+Text(v[name]))
		}
		return "{" + strings.Join(words, ", ") + "}"
	default:
		return fmt.Sprint(v)
	}
}

// Summary returns the entries in one line: "app web: image hello:v1 -> hello:v2, env +GREETING". It shows the first ones
// of many, and counts the others.
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
			part += strings.Join(first(Words(e.Shown())), ", ")
		}
		parts = append(parts, part)
	}
	return strings.Join(first(parts), "; ")
}

// restarted says in one line which apps are restarted: "app web: restarted".
func restarted(apps []string) string {
	parts := make([]string, len(apps))
	for i, name := range apps {
		parts[i] = fmt.Sprintf("%s %s: restarted", pod.KindApp.Word(), name)
	}
	return strings.Join(first(parts), "; ")
}

// maxParts is how many resources a summary shows, and how many fields of each.
const maxParts = 10

// first returns the first ones of many words, and the number of the others.
func first(words []string) []string {
	if len(words) <= maxParts {
		return words
	}
	return append(slices.Clone(words[:maxParts]), fmt.Sprintf("%d more", len(words)-maxParts))
}

// Words returns the fields as text: "image hello:v1 -> hello:v2", "env +GREETING", "instances 2 -> 3", "stopped".
func Words(fields []Field) []string {
	words := make([]string, 0, len(fields))
	for _, f := range fields {
		label := strings.TrimPrefix(f.Path, "spec.")
		from, to := shown(f.From), shown(f.To)
		if f.leaf.Image {
			from, to = f.Texts()
		}
		word, item := label, f.leaf.Item
		was, _ := f.From.(bool)
		becomes, _ := f.To.(bool)
		adjective := (was || becomes) && !strings.Contains(label, ".") // such as stopped and shared
		if item != "" {
			word = strings.TrimRight(strings.TrimSuffix(label, item), " .")
			label = word + " " + item
		}
		switch {
		case item != "" && f.From == nil:
			words = append(words, word+" +"+item)
		case item != "" && f.To == nil:
			words = append(words, word+" -"+item)
		case adjective && becomes:
			words = append(words, label)
		case adjective:
			words = append(words, "no longer "+label)
		case f.From == nil:
			words = append(words, label+" "+to)
		case f.To == nil:
			words = append(words, label+" "+from+" removed")
		case f.leaf.Opaque():
			words = append(words, label+" changed")
		default:
			words = append(words, label+" "+from+" -> "+to)
		}
	}
	return words
}

// shown returns the text of a leaf for one line. An empty string is two quotes, so that it is not taken for nothing.
func shown(v any) string {
	if text := Text(v); text != "" || v == nil {
		return short(text)
	}
	return `""`
}

// maxText is how many characters of a value one line shows.
const maxText = 60

func short(text string) string {
	text, _, cut := strings.Cut(text, "\n")
	if runes := []rune(text); len(runes) > maxText {
		text, cut = string(runes[:maxText]), true
	}
	if cut {
		text += "…"
	}
	return text
}

// Texts returns both values as text for people: images as short as they are still distinct, other values as Text does.
func (f Field) Texts() (from, to string) {
	from, to = Text(f.From), Text(f.To)
	switch {
	case !f.leaf.Image:
		return from, to
	case f.From == nil || f.To == nil:
		return pod.ShortImage(from), pod.ShortImage(to)
	}
	both := pod.ShortImages(from, to)
	return both[0], both[1]
}
