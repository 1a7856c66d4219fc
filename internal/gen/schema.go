package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/pkg/pod"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

// fact has the facts about a field that its Go type does not have.
type fact struct {
	enum    []string
	initial any    // the default
	more    string // is added to its description
}

func facts() map[string]fact {
	return map[string]fact{
		"App.Instances":   {initial: 1},
		"App.Size":        {enum: pod.Sizes(), initial: "small", more: "Requests: " + pod.SizeWords() + "."},
		"App.StopGrace":   {initial: "30s"},
		"App.Strategy":    {enum: []string{pod.StrategyRolling, pod.StrategyRecreate}},
		"Job.Before":      {enum: []string{pod.BeforeDeploy}},
		"Job.Concurrency": {enum: pod.Concurrencies(), initial: pod.ConcurrencyForbid},
		"Job.TimeZone":    {initial: "UTC"},
		"Job.Timeout":     {initial: "1h"},
		"Job.Retries":     {initial: 0},
		"Job.History":     {initial: 3},
		"Job.Size":        {enum: pod.Sizes()},
		"Autoscale.CPU":   {initial: 70},
		"Route.TLS":       {initial: pod.TLSAuto},
		"Target.Weight":   {initial: 1},
		"envRef.Instance": {enum: pod.InstanceWords()},
		"Health.Timeout":  {initial: "2s"},
		"Port.Protocol":   {enum: pod.Protocols(), initial: pod.ProtocolTCP},
	}
}

// types are the types of pkg/pod.
type types struct {
	declared map[string]*ast.TypeSpec
	formed   map[string]bool // has its own JSON forms
}

func parse(folder string) (types, error) {
	found := types{declared: map[string]*ast.TypeSpec{}, formed: map[string]bool{}}
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return found, err
	}
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return found, err
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.GenDecl:
				found.add(d)
			case *ast.FuncDecl:
				if name := receiver(d); d.Name.Name == "UnmarshalJSON" {
					found.formed[name] = true
				}
			}
		}
	}
	return found, nil
}

func (t types) add(d *ast.GenDecl) {
	for _, s := range d.Specs {
		if s, ok := s.(*ast.TypeSpec); ok {
			if s.Doc == nil {
				s.Doc = d.Doc
			}
			t.declared[s.Name.Name] = s
		}
	}
}

// receiver returns the type of the pointer that a method has as its receiver, or "".
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	pointer, _ := d.Recv.List[0].Type.(*ast.StarExpr)
	if pointer == nil {
		return ""
	}
	name, _ := pointer.X.(*ast.Ident)
	return name.String()
}

// resource returns the schema of the files of a kind.
func (t types) resource(kind pod.Kind) (*schema.Node, error) {
	spec, err := t.named(string(kind))
	if err != nil {
		return nil, err
	}
	n := object(
		schema.Field{Name: "apiVersion", Node: &schema.Node{Const: pod.APIVersion}},
		schema.Field{Name: "kind", Node: &schema.Node{Const: string(kind)}},
		schema.Field{Name: "metadata", Node: object(schema.Field{Name: "name", Node: text()})},
		schema.Field{Name: "spec", Node: spec},
	)
	n.Schema, n.Title, n.Description = draft, string(kind), spec.Description
	n.Required = []string{"apiVersion", "kind", "metadata", "spec"}
	n.Field("metadata").Required = []string{"name"}
	spec.Description = ""
	return n, nil
}

func object(fields ...schema.Field) *schema.Node {
	return &schema.Node{Type: "object", Properties: fields, Rest: &schema.Rest{}}
}

// text is the schema of a string. It accepts numbers too: a YAML file has cpu: 2.
func text() *schema.Node { return &schema.Node{Type: []string{"string", "number"}} }

// named returns the schema of a type. A type with its own JSON forms has its case here.
func (t types) named(name string) (*schema.Node, error) {
	forms := func(first *schema.Node, others ...string) (*schema.Node, error) {
		n := &schema.Node{OneOf: []*schema.Node{first}}
		for _, other := range others {
			form, err := t.named(other)
			if err != nil {
				return nil, err
			}
			n.OneOf = append(n.OneOf, form)
		}
		return n, nil
	}
	switch name {
	case "string":
		return text(), nil
	case "bool":
		return &schema.Node{Type: "boolean"}, nil
	case "int", "int64":
		return &schema.Node{Type: "integer"}, nil
	case "EnvValue":
		return forms(&schema.Node{Type: []string{"string", "number", "boolean", "null"}}, "envRef")
	case "TLS": // YAML 1.1 reads an unquoted off as false
		modes := &schema.Node{Enum: []string{pod.TLSAuto, pod.TLSOff}}
		n, err := forms(modes, "certificate")
		if err == nil {
			n.OneOf = append(n.OneOf, &schema.Node{Type: "boolean"})
		}
		return n, err
	case "Content":
		return forms(text(), "encoded", "digest")
	}
	declared, ok := t.declared[name]
	if !ok {
		return nil, fmt.Errorf("pkg/pod has no type %s", name)
	}
	fields, ok := declared.Type.(*ast.StructType)
	if !ok {
		return nil, fmt.Errorf("the type %s of pkg/pod is not a struct", name)
	}
	if t.formed[name] {
		return nil, fmt.Errorf("the type %s of pkg/pod has its own JSON forms: add their schema to types.named", name)
	}
	n := object()
	n.Description = sentence(name, declared.Doc)
	for _, f := range fields.Fields.List {
		if err := t.field(n, name, f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return n, nil
}

// field adds a field of a struct.
func (t types) field(n *schema.Node, owner string, f *ast.Field) error {
	if len(f.Names) != 1 || f.Tag == nil {
		return nil
	}
	tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json")
	name, options, _ := strings.Cut(tag, ",")
	described, err := t.of(f.Type)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	known := facts()[owner+"."+f.Names[0].Name]
	described.Description, described.Default = sentence(f.Names[0].Name, f.Doc), known.initial
	if known.more != "" {
		described.Description += " " + known.more
	}
	if known.enum != nil {
		described.Enum, described.Type = known.enum, nil
	}
	n.Properties = append(n.Properties, schema.Field{Name: name, Node: described})
	if options == "" {
		n.Required = append(n.Required, name)
	}
	return nil
}

// of returns the schema of a type expression.
func (t types) of(e ast.Expr) (*schema.Node, error) {
	switch e := e.(type) {
	case *ast.Ident:
		return t.named(e.Name)
	case *ast.StarExpr:
		return t.of(e.X)
	case *ast.ArrayType:
		items, err := t.of(e.Elt)
		return &schema.Node{Type: "array", Items: items}, err
	case *ast.MapType:
		values, err := t.of(e.Value)
		return &schema.Node{Type: "object", Rest: &schema.Rest{Node: values}}, err
	}
	return nil, fmt.Errorf("no schema for %T", e)
}

// sentence returns a doc comment in one line, without the name at its beginning: "Image is the container image." becomes
// "The container image."
func sentence(name string, doc *ast.CommentGroup) string {
	text := strings.Join(strings.Fields(doc.Text()), " ")
	rest, ok := strings.CutPrefix(text, name+" ")
	if !ok {
		return text
	}
	for _, verb := range []string{"is ", "are "} {
		rest = strings.TrimPrefix(rest, verb)
	}
	first, size := utf8.DecodeRuneInString(rest)
	return string(unicode.ToUpper(first)) + rest[size:]
}

// writeSchemas writes a file for each kind, and one for files with any of them.
func writeSchemas(folder string, kinds []*schema.Node) error {
	all := &schema.Node{Schema: draft, Title: "Resources of psc"}
	for i, kind := range pod.Kinds() {
		name := kind.Word() + ".json"
		if err := writeJSON(filepath.Join(folder, name), kinds[i]); err != nil {
			return err
		}
		all.OneOf = append(all.OneOf, &schema.Node{Ref: name})
	}
	return writeJSON(filepath.Join(folder, "all.json"), all)
}

func writeJSON(path string, n *schema.Node) error {
	data, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644) //nolint:gosec // everybody may read the documentation
}
