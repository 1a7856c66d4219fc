package userfile

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	goyaml "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// Put changes the entry with a name in a list of the document, or adds it. change gets its fields: those of the document, or only
// the name. Entries that change leaves as they are keep every byte; one that it changes is encoded again, without its comments.
func Put(text []byte, list, name string, change func(entry map[string]any)) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	items, at := d.find(list, name)
	entry := map[string]any{"name": name}
	if at >= 0 {
		entry = copied(items[at])
	}
	change(entry)
	entry = copied(entry)
	var out []byte
	switch {
	case at >= 0 && reflect.DeepEqual(items[at], any(entry)):
		return text, nil
	case at >= 0:
		items[at] = entry
		out, err = d.replaceItem(list, at, entry)
	default:
		items = slices.Insert(items, 0, any(entry))
		out, err = d.addItem(list, entry)
	}
	return d.checked(out, err, list, items)
}

// Remove removes the entry with a name from a list of the document, if it exists.
func Remove(text []byte, list, name string) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	items, at := d.find(list, name)
	if at < 0 {
		return text, nil
	}
	out, err := d.removeItem(list, at)
	return d.checked(out, err, list, slices.Delete(items, at, at+1))
}

// Set sets a field of the document to a string. An empty one is only written if the field exists.
func Set(text []byte, field, value string) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	if old, exists := d.value[field]; old == value || value == "" && (!exists || old == nil) {
		return text, nil
	}
	key, node, _ := d.field(field)
	if key == nil {
		out, err := d.addField(field, value)
		return d.checked(out, err, field, value)
	}
	out, err := d.replaceScalar(key, node, " "+d.scalar(value))
	return d.checked(out, err, field, value)
}

// Entry returns the fields of the entry with a name in a list of the document; nil if there is none.
func Entry(text []byte, list, name string) (map[string]any, error) {
	value, err := generic(text)
	if err != nil {
		return nil, err
	}
	d := document{value: value}
	if items, at := d.find(list, name); at >= 0 {
		return copied(items[at]), nil
	}
	return nil, nil //nolint:nilnil // as the comment says
}

// copied returns a deep copy of an entry with the types of a document that was read.
func copied(entry any) map[string]any {
	data, _ := json.Marshal(entry) // an entry has strings, booleans, numbers, lists and maps
	var out map[string]any
	_ = json.Unmarshal(data, &out)
	return out
}

// find returns a copy of a list, and the index of the entry with a name or -1.
func (d *document) find(list, name string) ([]any, int) {
	items, _ := d.value[list].([]any)
	return slices.Clone(items), slices.IndexFunc(items, func(item any) bool {
		entry, _ := item.(map[string]any)
		return entry["name"] == name
	})
}

// checked returns the text if it has the value for a field and otherwise exactly what the document has.
func (d *document) checked(text []byte, err error, field string, value any) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	want := maps.Clone(d.value)
	want[field] = value
	got, err := generic(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		return nil, ErrEntangled
	}
	return text, nil
}

// addItem adds an entry at the beginning of a list, so that the comments at its end and after it stay where they are.
func (d *document) addItem(list string, entry map[string]any) ([]byte, error) {
	key, node, _ := d.field(list)
	switch {
	case key == nil:
		return d.addField(list, []any{entry})
	case node.Kind == goyaml.AliasNode || node.Anchor != "":
		return nil, ErrEntangled
	case node.Kind == goyaml.SequenceNode && !isFlow(node):
		dash, _ := d.dash(node.Content[0])
		start, _ := d.line(dash)
		_, next := d.line(d.offset(key))
		return d.addLines(next, blockItem(entry, dash-start)), nil
	case isFlow(d.root):
		if node.Kind != goyaml.SequenceNode { // null
			return d.replaceScalar(key, node, " ["+flowValue(entry, "")+"]")
		}
		at := d.offset(node) + 1
		if len(node.Content) == 0 {
			return d.cut(at, at, flowValue(entry, "")), nil
		}
		space := string(d.text[at:d.offset(node.Content[0])])
		return d.cut(at, at, space+flowValue(entry, space)+","), nil
	case len(node.Content) > 0: // a list in one line of a block
		at := d.offset(node) + 1
		return d.cut(at, at, flowValue(entry, "")+", "), nil
	}
	empty, err := d.replaceScalar(key, node, "")
	if err != nil {
		return nil, err
	}
	rest, err := parse(empty)
	if err != nil {
		return nil, err
	}
	key, _, _ = rest.field(list)
	_, next := rest.line(rest.offset(key))
	return rest.addLines(next, blockItem(entry, key.Column-1)), nil
}

func (d *document) replaceItem(list string, at int, entry map[string]any) ([]byte, error) {
	_, node, _ := d.field(list)
	if node.Kind != goyaml.SequenceNode {
		return nil, ErrEntangled
	}
	item := node.Content[at]
	if isFlow(node) {
		start := d.offset(item)
		end, err := d.close(start)
		if err != nil {
			return nil, err
		}
		line, _ := d.line(start)
		space := d.text[line:start]
		if len(bytes.TrimSpace(space)) > 0 {
			return d.cut(start, end, flowValue(entry, "")), nil
		}
		return d.cut(start, end, flowValue(entry, "\n"+string(space))), nil
	}
	start, end, indent, err := d.block(list, at)
	if err != nil {
		return nil, err
	}
	by := strings.ReplaceAll(blockItem(entry, indent), "\n", d.newline())
	return d.cut(start, end, by), nil
}

func (d *document) removeItem(list string, at int) ([]byte, error) {
	key, node, _ := d.field(list)
	if node.Kind != goyaml.SequenceNode || node.Anchor != "" {
		return nil, ErrEntangled
	}
	if isFlow(node) {
		start := d.offset(node.Content[at])
		end, err := d.close(start)
		switch {
		case err != nil:
			return nil, err
		case at+1 < len(node.Content):
			end = d.offset(node.Content[at+1])
		case at > 0:
			if start, err = d.close(d.offset(node.Content[at-1])); err != nil {
				return nil, err
			}
		}
		return d.cut(start, end, ""), nil
	}
	start, end, _, err := d.block(list, at)
	if err != nil {
		return nil, err
	}
	if len(node.Content) > 1 {
		return d.cut(start, end, ""), nil
	}
	colon, err := d.colon(key)
	if err != nil {
		return nil, err
	}
	return []byte(string(d.text[:colon]) + " []" + string(d.text[colon:start]) + string(d.text[end:])), nil
}

// block returns the lines of an entry of a list in block style, without the comments after it, and its indentation.
func (d *document) block(list string, at int) (start, end, indent int, err error) {
	_, node, next := d.field(list)
	if at+1 < len(node.Content) {
		next, _ = d.dash(node.Content[at+1])
	}
	dash, ok := d.dash(node.Content[at])
	start, _ = d.line(dash)
	if end = next; next < len(d.text) {
		end, _ = d.line(next)
	}
	if !ok || start >= end {
		return 0, 0, 0, ErrEntangled
	}
	indent = dash - start
	for end > start {
		line, _ := d.line(end - 1)
		text := bytes.TrimRight(d.text[line:end], " \t\r\n")
		body := bytes.TrimLeft(text, " ")
		if len(body) > 0 && (body[0] != '#' || len(text)-len(body) > indent) {
			break
		}
		end = line
	}
	return start, end, indent, nil
}

// dash returns the place of the dash before an entry in block style. It is the first thing in its line, or ok is false.
func (d *document) dash(item *goyaml.Node) (at int, ok bool) {
	at = d.offset(item)
	for {
		start, _ := d.line(at)
		before := d.text[start:at]
		indent := len(before) - len(bytes.TrimLeft(before, " "))
		if indent < len(before) && before[indent] == '-' {
			return start + indent, true
		}
		if start == 0 {
			return 0, false
		}
		at = start - 1
	}
}

// colon returns the place after the colon of a field.
func (d *document) colon(key *goyaml.Node) (int, error) {
	at := d.offset(key)
	switch {
	case key.Style&(goyaml.DoubleQuotedStyle|goyaml.SingleQuotedStyle) != 0:
		at = d.unquote(at) + 1
	case bytes.HasPrefix(d.text[at:], []byte(key.Value)):
		at += len(key.Value)
	default:
		return 0, ErrEntangled
	}
	rest := bytes.TrimLeft(d.text[at:], " \t")
	if len(rest) == 0 || rest[0] != ':' {
		return 0, ErrEntangled
	}
	return len(d.text) - len(rest) + 1, nil
}

// replaceScalar replaces a value that is a scalar in one line, an empty list or nothing, with the space before it.
func (d *document) replaceScalar(key, node *goyaml.Node, by string) ([]byte, error) {
	start, err := d.colon(key)
	if err != nil {
		return nil, err
	}
	at := d.offset(node)
	end := at
	switch {
	case node.Kind == goyaml.SequenceNode && len(node.Content) == 0, node.Kind == goyaml.MappingNode && len(node.Content) == 0:
		end, err = d.close(at)
	case node.Kind != goyaml.ScalarNode || node.Anchor != "":
		err = ErrEntangled
	case node.Style&(goyaml.DoubleQuotedStyle|goyaml.SingleQuotedStyle) != 0:
		end = d.unquote(at) + 1
	case node.Value == "":
		at, end = start, start
	case bytes.HasPrefix(d.text[at:], []byte(node.Value)):
		end = at + len(node.Value)
	default:
		err = ErrEntangled
	}
	if err != nil || at < start || len(bytes.Trim(d.text[start:at], " \t")) > 0 {
		return nil, ErrEntangled
	}
	return d.cut(start, end, by), nil
}

// addField adds a field at the end of a document in block style, or at the beginning of one in flow style.
func (d *document) addField(name string, value any) ([]byte, error) {
	if isFlow(d.root) {
		at := d.offset(d.root) + 1
		if len(d.root.Content) == 0 {
			return d.cut(at, at, flowValue(name, "")+": "+flowValue(value, "")), nil
		}
		space := string(d.text[at:d.offset(d.root.Content[0])])
		return d.cut(at, at, space+flowValue(name, "")+": "+flowValue(value, space)+","), nil
	}
	data, err := yaml.Marshal(map[string]any{name: value})
	if err != nil {
		return nil, err
	}
	indent := 0
	if d.root != nil {
		indent = d.root.Column - 1
	}
	return d.addLines(d.end, indented(string(data), strings.Repeat(" ", indent))), nil
}
