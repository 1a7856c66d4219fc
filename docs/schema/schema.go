// Package schema holds the JSON Schema of every kind of resource, for editors and for psc explain. The files are
// generated from the types and comments of pkg/pod.
package schema

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

//go:embed *.json
var files embed.FS

// Node is the schema of a value: https://json-schema.org/draft/2020-12
type Node struct {
	Schema      string   `json:"$schema,omitempty"`
	Ref         string   `json:"$ref,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Type        any      `json:"type,omitempty"` // a string, or a list of strings
	Const       string   `json:"const,omitempty"`
	Enum        []string `json:"enum,omitempty"`
	Default     any      `json:"default,omitempty"`
	OneOf       []*Node  `json:"oneOf,omitempty"`
	Items       *Node    `json:"items,omitempty"`
	Properties  Fields   `json:"properties,omitempty"`
	Required    []string `json:"required,omitempty"`
	// Rest is the schema of the values of a map. A Rest with a nil Node is false: the object has no other fields.
	Rest *Rest `json:"additionalProperties,omitempty"`
}

// Of returns the schema of the files of a kind.
func Of(kind pod.Kind) (*Node, error) {
	data, err := files.ReadFile(kind.Word() + ".json")
	if err != nil {
		return nil, err
	}
	n := &Node{}
	if err := json.Unmarshal(data, n); err != nil {
		return nil, fmt.Errorf("read the schema of kind %s: %w", kind, err)
	}
	return n, nil
}

// Fields are the fields of an object, in the order of the Go type.
type Fields []Field

// Field is a field of an object.
type Field struct {
	Name string
	*Node
}

// Field returns the field with a name, or nil.
func (n *Node) Field(name string) *Node {
	for _, f := range n.Properties {
		if f.Name == name {
			return f.Node
		}
	}
	return nil
}

// Inner returns the node that has the fields: that of the items of a list, of the values of a map, of the form that is an
// object, or the node itself.
func (n *Node) Inner() *Node {
	switch {
	case n.Items != nil:
		return n.Items.Inner()
	case n.Rest != nil && n.Rest.Node != nil:
		return n.Rest.Inner()
	}
	for _, form := range n.OneOf {
		if len(form.Properties) > 0 {
			return form
		}
	}
	return n
}

// Word returns the type in words: "list of strings".
func (n *Node) Word() string {
	switch kind := fmt.Sprint(n.Type); {
	case len(n.OneOf) > 0:
		words := make([]string, 0, len(n.OneOf))
		for _, form := range n.OneOf {
			words = append(words, form.Word())
		}
		return strings.Join(words, " or ")
	case n.Const != "":
		return n.Const
	case len(n.Enum) > 0:
		return strings.Join(n.Enum, ", ")
	case n.Items != nil:
		return "list of " + plural(n.Items.Word())
	case n.Rest != nil && n.Rest.Node != nil:
		return "map of " + plural(n.Rest.Word())
	case kind == "object":
		return "{" + strings.Join(n.names(), ", ") + "}"
	case kind == "integer":
		return "integer"
	case kind == "boolean":
		return "boolean"
	}
	return "string"
}

func plural(word string) string {
	if rest, ok := strings.CutPrefix(word, "string"); ok {
		return "strings" + rest
	}
	return word
}

func (n *Node) names() []string {
	names := make([]string, 0, len(n.Properties))
	for _, f := range n.Properties {
		names = append(names, f.Name)
	}
	return names
}

// MarshalJSON writes an object with the fields in their order.
func (f Fields) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, field := range f {
		if i > 0 {
			out.WriteByte(',')
		}
		value, err := json.Marshal(field.Node)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%q:%s", field.Name, value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// UnmarshalJSON keeps the order of the fields.
func (f *Fields) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if _, err := decoder.Token(); err != nil { // the opening brace
		return err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		field := Field{Name: fmt.Sprint(name), Node: &Node{}}
		if err := decoder.Decode(field.Node); err != nil {
			return err
		}
		*f = append(*f, field)
	}
	return nil
}

// Rest is the schema of the fields that are not in Properties.
type Rest struct{ *Node }

// MarshalJSON writes false for a nil Node.
func (r Rest) MarshalJSON() ([]byte, error) {
	if r.Node == nil {
		return []byte("false"), nil
	}
	return json.Marshal(r.Node)
}

// UnmarshalJSON reads false as a nil Node.
func (r *Rest) UnmarshalJSON(data []byte) error {
	if string(data) == "false" {
		return nil
	}
	r.Node = &Node{}
	return json.Unmarshal(data, r.Node)
}
