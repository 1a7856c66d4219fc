package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// An image keeps its digest in every format, and can be pushed by any registry's name.
func TestPush(t *testing.T) {
	l := newLocal(t)
	l.up("simulated")
	image, err := random.Image(1000, 2)
	if err != nil {
		t.Fatal(err)
	}
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(image); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("tar", "-C", string(path), "-cf", filepath.Join(dir, "layout.tar"), ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v, %s", err, out)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "docker.tar"), name.MustParseReference("x:1"), image); err != nil {
		t.Fatal(err)
	}
	for file, as := range map[string]string{"layout": "a:1", "layout.tar": "ghcr.io/acme/b:1", "docker.tar": "docker.io/library/c:1"} {
		got := strings.TrimSpace(l.run("push", as, filepath.Join(dir, file)))
		ref, err := name.NewDigest(got, name.Insecure)
		if err != nil {
			t.Errorf("%s: printed %q: %v", file, got, err)
			continue
		}
		there, err := remote.Image(ref)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		// An archive from docker has no digest of its own, but its config has one.
		if config, err := there.ConfigName(); err != nil || config != must(image.ConfigName()) {
			t.Errorf("%s: config %s, %v", file, config, err)
		}
		if file != "docker.tar" && ref.DigestStr() != want.String() {
			t.Errorf("%s: %s, want %s", file, ref.DigestStr(), want)
		}
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, "/bin/ls", filepath.Join(dir, "nothing")} {
		if out, err := l.try("push", "x:1", file); exitCode(err) != 1 {
			t.Errorf("pushed %s: %s", file, out)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
