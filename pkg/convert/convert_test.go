package convert_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/pscdev/psc/internal/compose"
	"github.com/pscdev/psc/pkg/convert"
	"github.com/pscdev/psc/pkg/pod"
)

var update = flag.Bool("update", false, "rewrite the wanted output of testdata/*.txtar")

// Every case of testdata says in its comment what it promises. It has the input in files, and the wanted resources in want.yaml and the
// list of what was left out in left, or the wanted errors in problems. With the word live in the comment's first line, the objects run
// in the namespace of the pod.
func TestKubernetes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			inputs := slices.DeleteFunc(slices.Clone(archive.Files), isWant)
			got := outputs(t, inputs, strings.HasPrefix(string(archive.Comment), "# live"))
			if *update {
				archive.Files = append(inputs, got...)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want := slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return !isWant(f) })
			if diff := cmp.Diff(texts(want), texts(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func isWant(f txtar.File) bool {
	return slices.Contains([]string{"want.yaml", "left", "problems"}, f.Name)
}

func texts(files []txtar.File) map[string]string {
	out := map[string]string{}
	for _, f := range files {
		out[f.Name] = string(f.Data)
	}
	return out
}

// outputs converts files. The resources have to be valid.
func outputs(t *testing.T, inputs []txtar.File, live bool) []txtar.File {
	t.Helper()
	result, err := run(inputs, live)
	if tree := compose.Tree(inputs[0].Data); tree != nil {
		result, err = runCompose(inputs, tree)
	}
	if inputs[0].Name == "Procfile" {
		result, err = runProcfile(inputs)
	}
	if err == nil {
		err = pod.Validate(result.Spec)
	}
	var problems pod.Problems
	switch {
	case errors.As(err, &problems):
		return []txtar.File{{Name: "problems", Data: []byte(err.Error() + "\n")}}
	case err != nil:
		t.Fatal(err)
	}
	var want, left bytes.Buffer
	for _, f := range pod.Files(result.Spec) {
		data, err := pod.Encode(f)
		if err != nil {
			t.Fatal(err)
		}
		want.WriteString("---\n" + string(data))
	}
	for _, l := range result.Left {
		fmt.Fprintf(&left, "%s %s: %s\n", l.Object, l.Field, l.Do)
	}
	for _, values := range result.Values {
		for key, value := range values {
			if len(value) > 3 && (bytes.Contains(want.Bytes(), value) || bytes.Contains(left.Bytes(), value)) {
				t.Errorf("the value of key %s is part of the output", key)
			}
		}
	}
	return []txtar.File{{Name: "want.yaml", Data: want.Bytes()}, {Name: "left", Data: left.Bytes()}}
}

// runProcfile converts the first file with the second one, which is an app.json.
func runProcfile(inputs []txtar.File) (convert.Result, error) {
	manifest, err := convert.ParseManifest(inputs[1].Name, inputs[1].Data)
	if err != nil {
		return convert.Result{}, err
	}
	return convert.Procfile(inputs[0].Name, inputs[0].Data, manifest, "acme/web:1")
}

// runCompose converts the first file, which may name the other ones. No variable is set but those of .env.
func runCompose(inputs []txtar.File, tree map[string]any) (convert.Result, error) {
	read := func(path string) ([]byte, error) {
		for _, f := range inputs {
			if f.Name == filepath.Clean(path) {
				return f.Data, nil
			}
		}
		return nil, fmt.Errorf("no file %s", path)
	}
	env := map[string]string{}
	if data, err := read(".env"); err == nil {
		if env, err = compose.Env(data); err != nil {
			return convert.Result{}, err
		}
	}
	lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	tree, err := compose.Read(inputs[0].Name, tree, compose.Source{Lookup: lookup, Read: read})
	if err != nil {
		return convert.Result{}, err
	}
	return convert.Compose(tree), nil
}

func run(inputs []txtar.File, live bool) (convert.Result, error) {
	var objects []convert.Object
	for _, f := range inputs {
		read, err := convert.Parse(f.Name, f.Data)
		if err != nil {
			return convert.Result{}, err
		}
		objects = append(objects, read...)
	}
	return convert.Kubernetes(objects, convert.Options{Live: live})
}

// Whatever a Procfile and an app.json say, converting them ends.
func FuzzProcfile(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/procfile.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(archive.Files[0].Data, archive.Files[1].Data)
	f.Fuzz(func(_ *testing.T, procfile, manifest []byte) {
		if result, err := runProcfile([]txtar.File{{Name: "Procfile", Data: procfile}, {Name: "app.json", Data: manifest}}); err == nil {
			_ = pod.Validate(result.Spec)
		}
	})
}

// Whatever a Compose file says, reading and converting it ends.
func FuzzCompose(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/compose.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(archive.Files[0].Data)
	f.Fuzz(func(_ *testing.T, data []byte) {
		if tree := compose.Tree(data); tree != nil {
			if result, err := runCompose([]txtar.File{{Name: "x.yaml", Data: data}}, tree); err == nil {
				_ = pod.Validate(result.Spec)
			}
		}
	})
}

// Whatever the files say, a conversion ends, and it has an error or a result whose names can be used.
func FuzzKubernetes(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, input := range archive.Files {
			f.Add(input.Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, live := range []bool{false, true} {
			result, err := run([]txtar.File{{Name: "x.yaml", Data: data}}, live)
			if err != nil {
				continue
			}
			_ = pod.Validate(result.Spec)
			for ref := range result.Spec {
				if ref.Name == "" {
					t.Errorf("%s has no name", ref.Kind)
				}
			}
		}
	})
}
