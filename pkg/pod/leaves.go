package pod

import (
	"fmt"
	"reflect"
)

// Leaves are the values of a resource that a diff compares one by one.
type Leaves struct {
	// Values holds the leaves by path. An item of a list with a key is named by its key: "spec.rules[/].to[web].weight".
	Values map[string]Leaf
	// Parts holds the parts that the leaves belong to, by path: "spec.rules[/]".
	Parts map[string]Part
}

// Leaf is a value that a diff compares as a whole.
type Leaf struct {
	// Value is the value in the types of encoding/json.
	Value any
	// Item is the key of the leaf in a map, such as "nginx.conf", or "". The path ends with it.
	Item string
	// Part is the path of the Part that the leaf belongs to, or "".
	Part string
	// Order is set for the order of a list with a key. The value is the list of the keys.
	Order bool
	// Image is set for an image.
	Image bool

	shape *shape
}

// Part is a value that is shown as a whole, because its fields mean little on their own.
type Part interface {
	// Words returns its name and what it is: "mount /etc/web" and "config/web".
	Words() (name, text string)
}

// Name returns the name to show, such as "file nginx.conf", or "" to show the path. It ends with Item.
func (l Leaf) Name() string {
	if l.shape == nil || l.shape.item == "" {
		return ""
	}
	return l.shape.item + " " + l.Item
}

// Text returns a value of the leaf in the form to show: a constant for a secret value, the size for a file of which only
// the digest is known. It returns nil for nil.
func (l Leaf) Text(value any) any {
	digest, ok := value.(map[string]any)
	switch {
	case value == nil || !l.Opaque():
		return value
	case l.shape.hidden:
		return "a secret value"
	case ok:
		return fmt.Sprintf("%v bytes", digest["size"])
	}
	return value
}

// Opaque reports whether a spec has only a version or a digest of the value.
func (l Leaf) Opaque() bool {
	return l.shape != nil && (l.shape.hidden || l.shape.typ == reflect.TypeFor[Content]())
}

// LeavesOf returns the leaves of a resource, or no leaves for nil.
func LeavesOf(r Resource) Leaves {
	l := Leaves{Values: map[string]Leaf{}}
	if r != nil {
		l.add("spec", Leaf{Value: Tree(r), shape: r.Kind().shape()}, reflect.ValueOf(r))
	}
	return l
}

// add adds the leaves of a value. v is its Go value.
func (l *Leaves) add(path string, leaf Leaf, v reflect.Value) {
	s := leaf.shape
	if s.part && leaf.Part == "" {
		leaf.Part = path
		if l.Parts == nil {
			l.Parts = map[string]Part{}
		}
		l.Parts[path] = deref(v).Interface().(Part)
	}
	switch tree := leaf.Value.(type) {
	case map[string]any:
		if s.leaf() {
			break
		}
		for name, value := range tree {
			inner := Leaf{Value: value, Part: leaf.Part, Image: name == s.image, shape: s.child(name)}
			if s.fields == nil {
				inner.Item = name
			}
			l.add(path+"."+name, inner, s.value(v, name))
		}
		return
	case []any:
		if !s.keyed() {
			break
		}
		order := make([]any, len(tree))
		for i, item := range tree {
			key := s.items.keyOf(item)
			order[i] = key
			l.add(path+"["+key+"]", Leaf{Value: item, Part: leaf.Part, shape: s.items}, v.Index(i))
		}
		if len(order) > 1 {
			l.Values[path+" order"] = Leaf{Value: order, Part: leaf.Part, Order: true}
		}
		return
	}
	l.Values[path] = leaf
}
