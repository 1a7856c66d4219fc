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

	from, to pod.Resource
}

// Field is a leaf that differs. From or To is nil on the side that does not have it.
type Field struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

// Ref names the resource.
func (e Entry) Ref() pod.Ref { return pod.Ref{Kind: e.Kind, Name: e.Name} }

// Resource is the resource after the change, or before it when it is deleted.
func (e Entry) Resource() pod.Resource {
	if e.to != nil {
		return e.to
	}
	return e.from
}

// Shown are the fields in the form for people. A port has its name in the path. Each mount, and the bounds of an
// autoscaler, is one field. A rule of a route is one field with its shares in percent, because one weight means nothing
// without the others. The values of secrets are hidden.
func (e Entry) Shown() []Field {
	var out []Field
	seen := map[string]bool{}
	for _, f := range e.Fields {
		combined, ok := e.combined(f)
		switch {
		case strings.HasSuffix(f.Path, "].name"): // the path of the port's number has it
		case !ok:
			out = append(out, f)
		case !seen[combined.Path]:
			seen[combined.Path] = true
			out = append(out, combined)
		}
	}
	return out
}

// combined is one field for people that stands for f and for the fields which belong to it; ok is false when f is shown
// as it is.
func (e Entry) combined(f Field) (combined Field, ok bool) {
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
		return Field{"spec.mount " + key, mountText(e.from, key), mountText(e.to, key)}, true
	case strings.HasPrefix(name, "autoscale."):
		return Field{"spec.autoscale", boundsText(e.from), boundsText(e.to)}, true
	case field == "rules" && e.Type == Updated:
		before, after := ruleText(e.from, key), ruleText(e.to, key)
		if Text(before) == Text(after) {
			return f, false // other weights for the same shares: show the weights
		}
		if key == "/" {
			return Field{"spec.to", before, after}, true
		}
		return Field{"spec." + key + " to", before, after}, true
	}
	return f, false
}

// listItem splits the path of a leaf in a list with a key: spec.ports[http].port is ports, http and port.
func listItem(path string) (field, key, leaf string) {
	field, rest, found := strings.Cut(strings.TrimPrefix(path, "spec."), "[")
	key, leaf, closed := strings.Cut(rest, "]")
	if !found || !closed {
		return "", "", ""
	}
	return field, key, strings.TrimPrefix(leaf, ".")
}

// ruleText is the rule of a path as text; nil when the route has none.
func ruleText(r pod.Resource, path string) any {
	if route, ok := r.(*pod.Route); ok {
		for _, rule := range route.Rules {
			if rule.Path == path {
				return rule.Describe()
			}
		}
	}
	return nil
}

// mountText is what an app mounts at a path: "config/web", "secret/db/url", "disk/data"; nil for nothing.
func mountText(r pod.Resource, path string) any {
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

// boundsText is the autoscaler of an app as text: "2 to 10 at 70%"; nil when it has none.
func boundsText(r pod.Resource) any {
	app, ok := r.(*pod.App)
	if !ok || app.Autoscale == nil {
		return nil
	}
	return fmt.Sprintf("%d to %d at %d%%", app.Autoscale.Min, app.Autoscale.Max, app.Autoscale.Target())
}

// hidden replaces the version of a secret value.
func hidden(version any) any {
	if version == nil {
		return nil
	}
	return "a secret value"
}

// sized replaces the digest of a file by its size.
func sized(content any) any {
	if c, ok := content.(map[string]any); ok {
		return fmt.Sprintf("%v bytes", c["size"])
	}
	return content
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
		a, b := from[path], to[path] // nil for a missing leaf, which is not the same as an empty one
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

// orderSuffix marks the leaf that holds the order of a list with a key: routes and other apps use the first port.
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

// flatten gets the path of value in two forms: for people, and for pod.ListKey.
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

// Text is a leaf as text for people: strings as they are, lists and references in the flow style of YAML, nil as "".
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

// Summary is the entries in one line: "app web: image hello:v1 -> hello:v2, env +GREETING". Of many it shows the first,
// and the number of the others.
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

// maxParts is how many resources a summary shows, and how many fields of each.
const maxParts = 10

// first is the first of many words, and the number of the others.
func first(words []string) []string {
	if len(words) <= maxParts {
		return words
	}
	return append(slices.Clone(words[:maxParts]), fmt.Sprintf("%d more", len(words)-maxParts))
}

// Words are the fields as text: "image hello:v1 -> hello:v2", "env +GREETING", "instances 2 -> 3".
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

// images are the short names of two images, or the full ones when the short ones are the same: the tag was moved.
func images(from, to string) (string, string) {
	if a, b := pod.ShortImage(from), pod.ShortImage(to); a != b {
		return a, b
	}
	return from, to
}
