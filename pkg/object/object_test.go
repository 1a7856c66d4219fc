package object_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/pkg/object"
)

// Every kind that pkg/render renders in one of its cases has one row, and every row has a case. The row says whether the
// objects have a template of instances.
func TestRenderedKinds(t *testing.T) {
	rendered := renderedKinds(t)
	rows := map[schema.GroupKind]bool{}
	for _, row := range object.Rendered() {
		kind := row.Kind.GroupKind()
		if rows[kind] {
			t.Errorf("%s has two rows", kind)
		}
		rows[kind] = true
		if rendered[row.Kind] == nil {
			t.Errorf("%s has a row, but no case of pkg/render renders it", row.Kind)
		}
		if runs := hasContainers(rendered[row.Kind]); runs != (row.Template != nil) {
			t.Errorf("%s: its objects have containers is %t, but Template is %v in its row", row.Kind, runs, row.Template)
		}
	}
	for kind := range rendered {
		if !rows[kind.GroupKind()] {
			t.Errorf("%s is rendered and has no row", kind)
		}
	}
}

// hasContainers reports whether an object has containers, at any depth.
func hasContainers(fields map[string]any) bool {
	for name, value := range fields {
		inner, _ := value.(map[string]any)
		if name == "containers" || hasContainers(inner) {
			return true
		}
	}
	return false
}

// renderedKinds are the kinds in the wanted output of the cases of pkg/render, each with one of its objects.
func renderedKinds(t *testing.T) map[object.Kind]map[string]any {
	t.Helper()
	cases, err := filepath.Glob("../render/testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases of pkg/render were found: %v", err)
	}
	kinds := map[object.Kind]map[string]any{}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name != "want.yaml" {
				continue
			}
			for document := range strings.SplitSeq(string(file.Data), "---\n") {
				var o unstructured.Unstructured
				if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				if o.Object != nil {
					kinds[o.GroupVersionKind()] = o.Object
				}
			}
		}
	}
	return kinds
}

// The phases of a kind: what an app needs is written before it, and the routes to it after it. A route is removed
// before the apps that it leads to, and an autoscaler before the number of instances is written.
func TestPhases(t *testing.T) {
	type phases struct {
		write, remove object.Phase
		kept          bool
	}
	for kind, want := range map[object.Kind]phases{
		object.ServiceAccount:          {write: object.Base, remove: object.Remove},
		object.PersistentVolumeClaim:   {write: object.Base, kept: true},
		object.Service:                 {write: object.Work, remove: object.Remove},
		object.Deployment:              {write: object.Work, remove: object.Remove},
		object.HorizontalPodAutoscaler: {write: object.Work, remove: object.Clear},
		object.Job:                     {write: object.Release, remove: object.Remove},
		object.CronJob:                 {write: object.Work, remove: object.Remove},
		object.PodDisruptionBudget:     {write: object.Work, remove: object.Remove},
		object.HTTPRoute:               {write: object.Routes, remove: object.Routes},
		object.ListenerSet:             {write: object.Routes, remove: object.Routes},
		// A kind that only an older or newer psc renders is treated like a workload.
		{Group: "apps", Version: "v1", Kind: "StatefulSet"}: {write: object.Work, remove: object.Remove},
		// The version of an API does not matter.
		{Group: "autoscaling", Version: "v1", Kind: "HorizontalPodAutoscaler"}: {write: object.Work, remove: object.Clear},
	} {
		row := object.Of(kind)
		if got := (phases{row.Write, row.Remove, row.Kept}); got != want {
			t.Errorf("%s: got %+v, want %+v", kind, got, want)
		}
	}
	for _, row := range object.Rendered() {
		if row.Kept && row.Remove != 0 {
			t.Errorf("%s is kept, so it cannot be removed in a phase", row.Kind)
		}
	}
}

// keyPrefix begins every label and annotation of psc's own, and the API version of its files.
const keyPrefix = "psc.dev/"

// A key has one name and one meaning: all of them are constants in keys.go.
func TestKeys(t *testing.T) {
	const keys, version = "pkg/object/keys.go", "pkg/pod/pod.go"
	named := map[string]int{}
	for _, l := range literals(t, keyPrefix) {
		switch {
		case l.file == keys:
			named[l.value]++
		case l.file == version && l.value == keyPrefix+"v1":
		default:
			t.Errorf("%s:%d: %q belongs in %s", l.file, l.line, l.value, keys)
		}
	}
	if len(named) == 0 {
		t.Fatalf("%s has no keys: this test looks at the wrong folder", keys)
	}
	for key, times := range named {
		if times > 1 {
			t.Errorf("%s: %q is defined %d times", keys, key, times)
		}
	}
}

type literal struct {
	file  string // from the top of the repository
	line  int
	value string
}

// literals are the string literals of the module's code, without its tests, that begin with a prefix. Folders with a
// go.mod are other modules.
func literals(t *testing.T, prefix string) []literal {
	t.Helper()
	const top = "../.."
	var found []literal
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil || strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if value, err := strconv.Unquote(l.Value); err == nil && strings.HasPrefix(value, prefix) {
					found = append(found, literal{filepath.ToSlash(name), files.Position(l.Pos()).Line, value})
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
