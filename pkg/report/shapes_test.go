package report_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/report"
)

var update = flag.Bool("update", false, "write testdata/shapes.txt")

// documents are the types that psc prints with -o json.
var documents = []any{
	report.App{},
	report.AppUsage{},
	report.Cluster{},
	report.Commands{},
	report.Config{},
	report.Copied{},
	report.Deployed{},
	report.Diff{},
	report.Disk{},
	report.Event{},
	report.Forward{},
	report.History{},
	report.Job{},
	report.Kind{},
	report.Live{},
	report.LogLine{},
	report.Login{},
	report.Member{},
	report.Pod{},
	report.Pruned{},
	report.Revision{},
	report.Imported{},
	report.Route{},
	report.Run{},
	report.Secret{},
	report.Setup{},
	report.Status{},
	report.User{},
	report.Verification{},
	report.Version{},
}

// TestShapes pins the JSON of all documents: scripts rely on it, so a field may be added, and none may change or go. After a field was
// added, run go test ./pkg/report -update, and add it to docs/scripts.md.
func TestShapes(t *testing.T) {
	var lines []string
	covered := map[string]bool{}
	for _, d := range documents {
		of := reflect.TypeOf(d)
		shape(of.Name(), of, map[reflect.Type]bool{}, covered, &lines)
	}
	got := strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "shapes.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, name := range withJSON(t) {
		if !covered[name] && name != "List" { // {"items": [...]} of any of them
			t.Errorf("no document has %s: add it to documents", name)
		}
	}
}

// shape adds a line for each field that a type has in JSON: its path, its type, and a question mark if it may be left out.
func shape(path string, of reflect.Type, above map[reflect.Type]bool, covered map[string]bool, lines *[]string) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	add := func(kind string) { *lines = append(*lines, path+" "+kind) }
	switch {
	case of == reflect.TypeFor[time.Time]():
		add("time")
	case of == reflect.TypeFor[json.RawMessage](), above[of]:
		add("any")
	case of.Kind() == reflect.Slice || of.Kind() == reflect.Array:
		shape(path+"[]", of.Elem(), above, covered, lines)
	case of.Kind() == reflect.Map:
		shape(path+"{}", of.Elem(), above, covered, lines)
	case of.Implements(reflect.TypeFor[json.Marshaler]()), of.Kind() == reflect.Interface:
		add("any")
	case of.Kind() == reflect.Struct:
		covered[of.Name()] = true
		above[of] = true
		fieldShapes(path, of, above, covered, lines)
		delete(above, of)
	default:
		add(of.Kind().String())
	}
}

func fieldShapes(path string, of reflect.Type, above map[reflect.Type]bool, covered map[string]bool, lines *[]string) {
	for i := range of.NumField() {
		f := of.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case f.Anonymous && name == "":
			shape(path, f.Type, above, covered, lines)
		default:
			if name == "" {
				name = f.Name
			}
			if strings.Contains(options, "omit") {
				name += "?"
			}
			shape(path+"."+name, f.Type, above, covered, lines)
		}
	}
}

// withJSON returns the names of the structs of this package with JSON tags.
func withJSON(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			fields, ok := spec.Type.(*ast.StructType)
			if ok && spec.Name.IsExported() && slices.ContainsFunc(fields.Fields.List, func(f *ast.Field) bool {
				return f.Tag != nil && strings.Contains(f.Tag.Value, `json:"`) && !strings.Contains(f.Tag.Value, `json:"-"`)
			}) {
				names = append(names, spec.Name.Name)
			}
			return true
		})
	}
	if len(names) == 0 {
		t.Fatal(fmt.Errorf("no type has JSON tags: this test reads the wrong folder"))
	}
	return names
}
