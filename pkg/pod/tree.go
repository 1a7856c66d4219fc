package pod

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// boolean and null are YAML scalars as they are spelled, because a string may be meant: True, FALSE, ~. A null without a
// spelling is nil.
type (
	boolean string
	null    string
)

func (b boolean) value() bool { return strings.EqualFold(string(b), "true") }

// treeOf returns a YAML document in the types of encoding/json, boolean and null. Anchors, aliases and merge keys are
// resolved. Scalars keep their spelling, because they may stand for a string: the version 1.10 is not 1.1, and True is not
// true. So a number that is not spelled as in JSON is a string, and keys are always strings. What cannot be kept as it is
// written is a problem: tags that psc does not know, such as !vault, and keys without a name.
//
// The document must have been decoded before: the YAML library finds aliases of themselves and keys that are not scalars.
func treeOf(document *yamlv3.Node) (any, Problems) {
	r := treeReader{reported: map[*yamlv3.Node]bool{}}
	tree := r.read("", document)
	return tree, r.problems
}

type treeReader struct {
	problems Problems
	reported map[*yamlv3.Node]bool // aliases lead to the same nodes again
}

func (r *treeReader) add(n *yamlv3.Node, path, format string, args ...any) {
	if r.reported[n] {
		return
	}
	r.reported[n] = true
	r.problems = append(r.problems, Problem{Line: n.Line, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (r *treeReader) read(path string, n *yamlv3.Node) any {
	switch n.Kind {
	case yamlv3.DocumentNode:
		return r.read(path, n.Content[0])
	case yamlv3.AliasNode:
		return r.read(path, n.Alias)
	case yamlv3.MappingNode:
		r.tag(path, n, "!!map")
		return r.mapping(path, n)
	case yamlv3.SequenceNode:
		r.tag(path, n, "!!seq")
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = r.read(fmt.Sprintf("%s[%d]", path, i), item)
		}
		return list
	default:
		return r.scalar(path, n)
	}
}

// tag refuses tags whose meaning would be lost.
func (r *treeReader) tag(path string, n *yamlv3.Node, known ...string) {
	if tag := n.ShortTag(); !slices.Contains(known, tag) {
		r.add(n, path, "has the tag %s, which psc cannot read", tag)
	}
}

func (r *treeReader) scalar(path string, n *yamlv3.Node) any {
	r.tag(path, n, "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge")
	switch tag := n.ShortTag(); {
	case tag == "!!bool":
		return boolean(n.Value)
	case tag == "!!null" && n.Value == "":
		return nil
	case tag == "!!null":
		return null(n.Value)
	case (tag == "!!int" || tag == "!!float") && json.Valid([]byte(n.Value)):
		return json.Number(n.Value)
	default:
		return n.Value
	}
}

func (r *treeReader) mapping(path string, n *yamlv3.Node) map[string]any {
	tree := make(map[string]any, len(n.Content)/2)
	var merged *yamlv3.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yamlv3.ScalarNode && key.ShortTag() == "!!merge" {
			merged = value
			continue
		}
		if key.Kind == yamlv3.AliasNode {
			key = key.Alias
		}
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		if r.scalar(at, key) == nil {
			r.add(n.Content[i], path, "has a key without a name")
		}
		if _, twice := tree[key.Value]; twice { // the YAML library does not compare aliases
			r.add(n.Content[i], at, "is defined twice")
		}
		tree[key.Value] = r.read(at, value)
	}
	if merged != nil {
		r.merge(path, tree, merged)
	}
	return tree
}

// merge adds the fields of a merge key that a mapping does not have itself. The first of several mappings wins.
func (r *treeReader) merge(path string, tree map[string]any, from *yamlv3.Node) {
	if from.Kind == yamlv3.AliasNode {
		from = from.Alias
	}
	if from.Kind == yamlv3.SequenceNode {
		for _, item := range from.Content {
			r.merge(path, tree, item)
		}
		return
	}
	fields, _ := r.read(path, from).(map[string]any)
	for name, field := range fields {
		if _, own := tree[name]; !own {
			tree[name] = field
		}
	}
}
