package pod

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"unicode/utf8"

	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

// File is a resource in the form that files have.
type File struct {
	APIVersion string   `json:"apiVersion"`
	Kind       Kind     `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       any      `json:"spec"`
}

// Metadata is the name of a resource in a file.
type Metadata struct {
	Name string `json:"name"`
}

// FileOf returns a resource in the form of a file. The files of a config have their content if it is known.
func FileOf(name string, r Resource) File {
	f := Record(name, r)
	if shape := r.Kind().shape(); shape.contents {
		f.Spec = shape.open(Tree(r), reflect.ValueOf(r))
	}
	return f
}

// open replaces the digests in a tree of fields by their bytes, if these are known. v is the Go value of the tree.
func (s *shape) open(tree any, v reflect.Value) any {
	switch {
	case !s.contents:
		return tree
	case s.form != nil:
		return v.Interface().(Content).open()
	}
	switch tree := tree.(type) {
	case map[string]any:
		for name, value := range tree {
			tree[name] = s.child(name).open(value, s.value(v, name))
		}
	case []any:
		for i, item := range tree {
			tree[i] = s.items.open(item, v.Index(i))
		}
	}
	return tree
}

// Record returns a resource in the form in which it is stored. The files of a config have their digests only.
func Record(name string, r Resource) File {
	return File{APIVersion: APIVersion, Kind: r.Kind(), Metadata: Metadata{Name: name}, Spec: r}
}

// Files returns all resources of a spec in the form of files, in the order of Refs.
func Files(s Spec) []File {
	files := make([]File, 0, len(s))
	for _, ref := range s.Refs() {
		files = append(files, FileOf(ref.Name, s[ref]))
	}
	return files
}

// Encode writes a file as YAML. Decode reads the same resource from it.
func Encode(f File) ([]byte, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(unbroken().ReplaceAllFunc(data, func(c []byte) []byte {
		r, _ := utf8.DecodeRune(c)
		return fmt.Appendf(nil, `\u%04x`, r)
	}))
}

// unbroken matches characters that are literal in JSON, but line breaks or errors in YAML.
var unbroken = pattern(`[\x{7f}-\x{9f}\x{feff}\x{fffe}\x{ffff}]`)

// Decode reads YAML or JSON with any number of resources. The error is Problems, with a line each: all unknown kinds and
// fields, wrong types, and resources that are defined twice. Decode does not call Validate.
func Decode(data []byte) (Spec, error) {
	s := Spec{}
	if unread := unreadable(data); unread != nil {
		return nil, unread
	}
	var all Problems
	decoder := yamlv3.NewDecoder(bytes.NewReader(paired(data)))
	for {
		var node yamlv3.Node
		err := decoder.Decode(&node)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil { // not YAML: the start of the next document is not known
			all = append(all, syntaxProblems(err, 0)...)
			break
		}
		ref, r, problems := decodeDocument(&node)
		switch {
		case len(problems) > 0:
			all = append(all, problems...)
		case r == nil: // only comments
		case s[ref] != nil:
			all = append(all, Problem{Line: node.Line, Path: ref.String(), Message: "is defined twice"})
		default:
			s[ref] = r
		}
	}
	if len(all) > 0 {
		return nil, all
	}
	return s, nil
}

// unreadable returns the first byte that no text has: the YAML library refuses it without its line.
func unreadable(data []byte) Problems {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil // UTF-16, which the YAML library reads
	}
	line := 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return Problems{{Line: line, Message: fmt.Sprintf("has the byte 0x%02x, which is not valid UTF-8", data[i])}}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r':
			return Problems{{Line: line, Message: fmt.Sprintf("has the control character 0x%02x", r)}}
		case r == '\n':
			line++
		}
		i += size
	}
	return nil
}

var surrogates = pattern(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)`)

// paired replaces the pairs of escapes with which JSON may write one character, such as \ud83d\ude00. YAML does not know them.
func paired(data []byte) []byte {
	if !json.Valid(data) {
		return data
	}
	return surrogates().ReplaceAllFunc(data, func(escape []byte) []byte {
		var character string
		if len(escape) < 12 || json.Unmarshal([]byte(`"`+string(escape)+`"`), &character) != nil {
			return escape
		}
		return []byte(character)
	})
}

// document is a File as it is read. Its spec is decoded when the kind is known.
type document struct {
	APIVersion string         `json:"apiVersion"`
	Kind       Kind           `json:"kind"`
	Metadata   Metadata       `json:"metadata"`
	Spec       map[string]any `json:"spec"`
}

var documentShape = sync.OnceValue(func() *shape { return shapeOf(reflect.TypeFor[document]()) })

func decodeDocument(node *yamlv3.Node) (Ref, Resource, Problems) {
	var probe any // finds duplicate fields, and aliases of themselves, which treeOf would follow forever
	if err := node.Decode(&probe); err != nil {
		return Ref{}, nil, syntaxProblems(err, node.Line)
	}
	v, wrong := treeOf(node)
	if len(wrong) > 0 {
		return Ref{}, nil, wrong
	}
	fields, ok := v.(map[string]any)
	if _, void := v.(null); v == nil || void || ok && len(fields) == 0 {
		return Ref{}, nil, nil
	}
	var p problems
	tree := p.fit("", v, documentShape())
	var doc document
	_ = remarshal(tree, &doc) // the problems list what does not fit
	ref := Ref{doc.Kind, doc.Metadata.Name}
	known := newResource(ref.Kind) != nil
	if len(p) == 0 {
		if doc.APIVersion != APIVersion {
			p.add("apiVersion", "must be %s, is %q", APIVersion, doc.APIVersion)
		}
		if !known {
			p.add("kind", "must be one of %s, is %q", kindList(), string(ref.Kind))
		}
		if ref.Name == "" {
			p.add("metadata.name", "is missing")
		}
	}
	problems := mark(node, "", p)
	if !known || ref.Name == "" {
		return ref, nil, problems
	}
	spec, _ := fields["spec"].(map[string]any) // doc.Spec has lost the spelling of scalars
	r, p := decodeSpec(ref.Kind, spec)
	return ref, r, append(problems, mark(node, ref.String()+" ", p)...)
}

// decodeSpec turns a tree of fields into a resource. The paths of its problems are relative to the resource.
func decodeSpec(kind Kind, tree map[string]any) (Resource, problems) {
	var p problems
	r := newResource(kind)
	if r == nil {
		p.add("kind", "must be one of %s", kindList())
		return nil, p
	}
	fitted := p.fit("spec", tree, kind.shape())
	if len(p) == 0 {
		if err := remarshal(fitted, r); err != nil {
			p.add("spec", "%v", err)
		}
	}
	if len(p) > 0 {
		return nil, p
	}
	return r, nil
}

func remarshal(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	return decoder.Decode(to)
}
