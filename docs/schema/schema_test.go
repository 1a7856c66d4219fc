package schema_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/pscdev/psc/docs/schema"
	"github.com/pscdev/psc/pkg/pod"
)

// valid validates resources with a JSON Schema library.
func valid(t *testing.T, text []byte) error {
	t.Helper()
	all, err := jsonschema.NewCompiler().Compile("all.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document any
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			t.Fatal(err)
		}
		if err := all.Validate(document); err != nil {
			return err
		}
	}
}

// The examples of the documentation are valid, together and against the schema.
func TestExamples(t *testing.T) {
	paths, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(paths) != len(pod.Kinds()) {
		t.Fatalf("got %d examples, want one for each kind (%v)", len(paths), err)
	}
	var whole []byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := valid(t, text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		whole = append(append(whole, "---\n"...), text...)
	}
	spec, err := pod.Decode(whole)
	if err != nil {
		t.Fatal(err)
	}
	if err := pod.Validate(spec); err != nil {
		t.Error(err)
	}
}

// The schema and psc accept the same files.
func TestAgree(t *testing.T) {
	for name, test := range map[string]struct {
		kind, spec string
		valid      bool
	}{
		"minimal app":             {"App", "{image: a}", true},
		"numbers for strings":     {"App", "{image: a, cpu: 2, args: [1, x], env: {A: 1, B: true, C: x, D: }}", true},
		"sizes and strategies":    {"App", "{image: a, size: large, strategy: recreate}", true},
		"an app's address":        {"App", "{image: a, ports: [{name: http, port: 80}], env: {A: {app: web}}}", true},
		"health":                  {"App", "{image: a, health: {command: [x]}, startGrace: 90s}", true},
		"no image":                {"App", "{size: small}", false},
		"an unknown field":        {"App", "{image: a, imagee: b}", false},
		"an unknown field inside": {"App", "{image: a, ports: [{name: http, prot: 80}]}", false},
		"another size":            {"App", "{image: a, size: huge}", false},
		"another strategy":        {"App", "{image: a, strategy: careful}", false},
		"a string for a number":   {"App", "{image: a, instances: many}", false},
		"a fraction":              {"App", "{image: a, instances: 1.5}", false},
		"a string for a list":     {"App", "{image: a, command: x}", false},
		"a string for a boolean":  {"App", `{image: a, health: {tcp: "yes"}}`, false},
		"a list in env":           {"App", "{image: a, env: {A: [x]}}", false},
		"a port without a number": {"App", "{image: a, ports: [{name: http}]}", false},
		"a disk":                  {"Disk", "{size: 10Gi, class: fast}", true},
		"a disk without size":     {"Disk", "{class: fast}", false},
		"a config":                {"Config", "{files: {a: x, b: 1, c: {base64: AAEC}}}", true},
		"a config with a list":    {"Config", "{files: {a: [x]}}", false},
		"a config without files":  {"Config", "{}", false},
		"a secret":                {"Secret", "{keys: {url: 0abcde1234}}", true},
		"a secret with an object": {"Secret", "{keys: {url: {value: x}}}", false},
		"a route without rules":   {"Route", "{tls: off}", false},
		"another kind":            {"Pod", "{}", false},
		"no spec":                 {"App", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			text := []byte("apiVersion: psc.dev/v1\nkind: " + test.kind + "\nmetadata: {name: web}\n")
			if test.spec != "" {
				text = append(text, "spec: "+test.spec+"\n"...)
			}
			agree(t, text, test.valid)
		})
	}
	app := "apiVersion: psc.dev/v1\nkind: App\nmetadata: {name: web}\nspec: {image: a, ports: [{name: http, port: 80}]}\n---\n"
	for spec, want := range map[string]bool{
		"{rules: [{path: /, to: [{app: web, weight: 3}]}]}":      true,
		"{tls: off, rules: [{path: /, to: [{app: web}]}]}":       true,
		"{tls: false, rules: [{path: /, to: [{app: web}]}]}":     true,
		"{tls: on, rules: [{path: /, to: [{app: web}]}]}":        false,
		"{tls: [off], rules: [{path: /, to: [{app: web}]}]}":     false,
		"{tls: {sekret: x}, rules: [{path: /, to: [{app: w}]}]}": false,
		"{rules: [{path: /}]}":                                   false,
	} {
		t.Run(spec, func(t *testing.T) {
			agree(t, []byte(app+"apiVersion: psc.dev/v1\nkind: Route\nmetadata: {name: r}\nspec: "+spec), want)
		})
	}
}

func agree(t *testing.T, text []byte, want bool) {
	t.Helper()
	spec, ours := pod.Decode(text)
	if ours == nil {
		ours = pod.Validate(spec)
	}
	if (ours == nil) != want {
		t.Errorf("psc: got %v, want valid: %t", ours, want)
	}
	if theirs := valid(t, text); (theirs == nil) != want {
		t.Errorf("schema: got %v, want valid: %t", theirs, want)
	}
}

// The schema of every kind can be read, with its fields in order.
func TestOf(t *testing.T) {
	for _, kind := range pod.Kinds() {
		n, err := schema.Of(kind)
		if err != nil {
			t.Fatal(err)
		}
		if first := n.Properties[0].Name; first != "apiVersion" {
			t.Errorf("the first field of %s is %s", kind, first)
		}
		if n.Title != string(kind) || n.Field("spec") == nil || n.Field("spec").Rest == nil || n.Field("spec").Rest.Node != nil {
			t.Errorf("the schema of %s is not the schema of a resource: %+v", kind, n)
		}
	}
}
