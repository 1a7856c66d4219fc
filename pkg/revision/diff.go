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

// Shown are the fields as people are told of them: a port by its name, what stands at a path of the file system and
// the bounds of an autoscaler as a whole, a rule of a route with its shares in percent, for one weight means nothing
// without the others, and of a secret nothing but that it is another.
func (e Entry) Shown() []Field {
	var out []Field
	said := map[string]bool{}
	for _, f := range e.Fields {
		whole, ok := e.whole(f)
		switch {
		case strings.HasSuffix(f.Path, "].name"): // the path of the port's number says it
		case !ok:
			out = append(out, f)
		case !said[whole.Path]:
			said[whole.Path] = true
			out = append(out, whole)
		}
	}
	return out
}

// whole is the field in words, together with those beside it that only make sense with it; ok is false for one that
// speaks for itself.
func (e Entry) whole(f Field) (whole Field, ok bool) {
	field, key, leaf := listItem(f.Path)
	name := strings.TrimPrefix(f.Path, "spec.")
	switch {
	case e.Kind == pod.KindSecret:
		return Field{"spec.key " + strings.TrimPrefix(name, "keys."), hidden(f.From), hidden(f.To)}, true
	case e.Kind == pod.KindConfig:
		return Field{"spec.file " + strings.TrimPrefix(name, "files."), sized(f.From), sized(f.To)}, true
	case field == "ports" && leaf == "port":
		return Field{"spec.port " + key, f.From, f.To}, true
	case field == "files" || field == "disks":
		return Field{"spec.mount " + key, spokenMount(e.from, key), spokenMount(e.to, key)}, true
	case strings.HasPrefix(name, "autoscale."):
		return Field{"spec.autoscale", spokenBounds(e.from), spokenBounds(e.to)}, true
	case field == "rules" && e.Type == Updated:
		before, after := spokenRule(e.from, key), spokenRule(e.to, key)
		if Text(before) == Text(after) {
			return f, false // other numbers for the same shares: say the numbers
		}
		if key == "/" {
			return Field{"spec.to", before, after}, true
		}
		return Field{"spec." + key + " to", before, after}, true
	}
	return f, false
}

// listItem takes apart the path of a leaf in a list with a key: spec.ports[http].port is ports, http and port.
func listItem(path string) (field, key, leaf string) {
	field, rest, found := strings.Cut(strings.TrimPrefix(path, "spec."), "[")
	key, leaf, closed := strings.Cut(rest, "]")
	if !found || !closed {
		return "", "", ""
	}
	return field, key, strings.TrimPrefix(leaf, ".")
}

// spokenRule is the rule of a path in words; nil when the route has none.
func spokenRule(r pod.Resource, path string) any {
	if route, ok := r.(*pod.Route); ok {
		for _, rule := range route.Rules {
			if rule.Path == path {
				return rule.Describe()
			}
		}
	}
	return nil
}

// spokenMount is what an app has at a path: "config/web", "secret/db/url", "disk/data"; nil when that is nothing.
func spokenMount(r pod.Resource, path string) any {
	app, ok := r.(*pod.App)
	if !ok {
		return nil
	}
	for _, d := range app.Disks {
		if d.Path == path {
			return "disk/" + d.Disk
		}
	}
	for _, f := range app.Files {
		if f.Path == path {
			source := "config/" + f.Config
			if f.Secret != "" {
				source = "secret/" + f.Secret
			}
			return strings.TrimSuffix(source+"/"+f.File, "/")
		}
	}
	return nil
}

// spokenBounds are the bounds of an app's autoscaler: "2 to 10 at 70%"; nil when it has none.
func spokenBounds(r pod.Resource) any {
	app, ok := r.(*pod.App)
	if !ok || app.Autoscale == nil {
		return nil
	}
	return fmt.Sprintf("%d to %d at %d%%", app.Autoscale.Min, app.Autoscale.Max, app.Autoscale.Target())
}

// hidden stands for a value that nobody is shown.
func hidden(version any) any {
	if version == nil {
		return nil
	}
	return "a secret value"
}

// sized stands for the content of a file where only its digest is known.
func sized(content any) any {
	if c, ok := content.(map[string]any); ok {
		return fmt.Sprintf("%v bytes", c["size"])
	}
	return content
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
		a, b := from[path], to[path] // nil where the leaf is not, which is not the same as empty
		if strings.HasSuffix(path, orderSuffix) && sameOrder(a, b) {
			continue // at most, items were added or removed: these are fields of their own
		}
		if !reflect.DeepEqual(a, b) {
			fields = append(fields, Field{Path: path, From: a, To: b})
		}
	}
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Path, b.Path) })
	return fields
}

// orderSuffix marks the leaf that holds the order of a list with a key: the first port is the one that matters.
const orderSuffix = " order"

// sameOrder says whether the items that two lists share are in the same order in both.
func sameOrder(a, b any) bool {
	from, _ := a.([]any)
	to, _ := b.([]any)
	shared := func(list, other []any) []any {
		return slices.DeleteFunc(slices.Clone(list), func(item any) bool { return !slices.Contains(other, item) })
	}
	return slices.Equal(shared(from, to), shared(to, from))
}

// flat returns the leaves of a resource by path.
func flat(r pod.Resource) map[string]any {
	leaves := map[string]any{}
	if r != nil {
		flatten(leaves, "spec", string(r.Kind()), pod.Tree(r))
	}
	return leaves
}

// flatten takes the path of value twice: as it is shown, and as pod.ListKey takes it.
func flatten(leaves map[string]any, path, field string, value any) {
	switch v := value.(type) {
	case map[string]any:
		if pod.IsLeaf(field) {
			leaves[path] = v
			return
		}
		for name, child := range v {
			flatten(leaves, path+"."+name, field+"."+name, child)
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
			flatten(leaves, fmt.Sprintf("%s[%v]", path, fields[key]), field, item)
			order = append(order, fields[key])
		}
		if len(order) > 1 {
			leaves[path+orderSuffix] = order
		}
	default:
		leaves[path] = v
	}
}

// Text writes a leaf for people: texts plain, lists and references as they stand in YAML's flow style, nothing as "".
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

// Summary is the entries in one line, the first of many: "app web: image hello:v1 -> hello:v2, env +GREETING".
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

// maxParts is how many resources a summary tells of, and how many fields of each.
const maxParts = 10

// first are the first of many words, and how many more there are.
func first(words []string) []string {
	if len(words) <= maxParts {
		return words
	}
	return append(slices.Clone(words[:maxParts]), fmt.Sprintf("%d more", len(words)-maxParts))
}

// Words says what changed, field by field: "image hello:v1 -> hello:v2", "env +GREETING", "instances 2 -> 3".
func Words(fields []Field) []string {
	words := make([]string, 0, len(fields))
	for _, f := range fields {
		label := strings.TrimPrefix(f.Path, "spec.")
		from, to := short(Text(f.From)), short(Text(f.To))
		if label == "image" {
			from, to = images(Text(f.From), Text(f.To))
		}
		if item, ok := strings.CutPrefix(label, "env."); ok {
			label = "env " + item
		}
		word, item, listed := strings.Cut(label, " ")
		listed = listed && (word == "env" || word == "file" || word == "key")
		switch {
		case listed && f.From == nil:
			words = append(words, word+" +"+item)
		case listed && f.To == nil:
			words = append(words, word+" -"+item)
		case listed && word != "env":
			words = append(words, label+" changed")
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

// images are two images as people speak of them, or in full where that would be the same: a tag that has moved.
func images(from, to string) (string, string) {
	if a, b := pod.ShortImage(from), pod.ShortImage(to); a != b {
		return a, b
	}
	return from, to
}
