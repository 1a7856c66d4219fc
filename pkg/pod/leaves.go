package pod

import (
	"fmt"
	"reflect"
)

// Leaves are the values of a resource that a diff compares one by one, by their paths. An item of a list with a key is
// named by it: "spec.rules[/].to[web].weight".
type Leaves struct {
	Values map[string]Leaf
	// Parts are the values around them that people are told of as a whole, by their paths: "spec.rules[/]".
	Parts map[string]Part
}

// Leaf is one of them.
type Leaf struct {
	// Value is in the shapes of encoding/json.
	Value any
	// Name is what people call it: "file nginx.conf"; "" where they call it by its path.
	Name string
	// Part is the path of the Part that it belongs to; "" for a value that people are told of by itself.
	Part string
	// Order says that it is the order of a list with a key: a list of the keys.
	Order bool

	shape *shape
}

// Part is a value that people are told of as a whole: its fields mean little one by one.
type Part interface {
	// Words are what it is called and what it is: "mount /etc/web", "config/web".
	Words() (name, text string)
}

// Text is a value of the leaf as people are told of it: a secret value by its existence, a file by its size. nil stays
// nil.
func (l Leaf) Text(value any) any {
	switch {
	case value == nil || l.shape == nil:
		return value
	case l.shape.hidden:
		return "a secret value"
	}
	if digest, ok := value.(map[string]any); ok && l.shape.typ == reflect.TypeFor[Content]() {
		return fmt.Sprintf("%v bytes", digest["size"])
	}
	return value
}

// LeavesOf returns the leaves of a resource; nil has none.
func LeavesOf(r Resource) Leaves {
	l := Leaves{Values: map[string]Leaf{}, Parts: map[string]Part{}}
	if r != nil {
		l.add("spec", Leaf{Value: Tree(r), shape: r.Kind().shape()}, reflect.ValueOf(r))
	}
	return l
}

// add adds a value, or what is in it. v is the same value from Go's side.
func (l Leaves) add(path string, leaf Leaf, v reflect.Value) {
	s := leaf.shape
	if s.part && leaf.Part == "" {
		leaf.Part = path
		l.Parts[path] = deref(v).Interface().(Part)
	}
	switch tree := leaf.Value.(type) {
	case map[string]any:
		if s.leaf() {
			break
		}
		for name, value := range tree {
			inner := Leaf{Value: value, Part: leaf.Part, shape: s.child(name)}
			if word := inner.shape.item; word != "" {
				inner.Name = word + " " + name
			}
			l.add(path+"."+name, inner, s.value(v, name))
		}
		return
	case []any:
		key := s.listKey()
		if key == "" {
			break
		}
		order := make([]any, len(tree))
		for i, item := range tree {
			fields, _ := item.(map[string]any)
			order[i] = fields[key]
			l.add(fmt.Sprintf("%s[%v]", path, order[i]), Leaf{Value: item, Part: leaf.Part, shape: s.items}, v.Index(i))
		}
		if len(order) > 1 {
			l.Values[path+" order"] = Leaf{Value: order, Part: leaf.Part, Order: true}
		}
		return
	}
	l.Values[path] = leaf
}
