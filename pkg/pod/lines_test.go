package pod

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	yamlv3 "go.yaml.in/yaml/v3"
)

// A problem of a file gets its line, and keeps everything else.
func TestMark(t *testing.T) {
	var document yamlv3.Node
	if err := yamlv3.Unmarshal([]byte("spec:\n  image: web\n"), &document); err != nil {
		t.Fatal(err)
	}
	ref := Ref{KindApp, "web"}
	next := Next{Do: DoSet, Kind: KindApp, Name: "web"}
	got := mark(&document, "app/web ", problems{{Path: "spec.image", At: "--image", Message: "is wrong", Next: next, Refers: ref}})
	want := Problems{{Line: 2, Path: "app/web spec.image", At: "--image", Message: "is wrong", Next: next, Refers: ref}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
