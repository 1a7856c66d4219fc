package cli_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// pushTools pushes the image tools:v1, which has a shell and a few programs of this machine with their libraries, and sleeps. It is
// the image of the examples too.
func (c *cluster) pushTools(t testing.TB) {
	t.Helper()
	files := map[string]string{} // the path in the image and on this machine
	for _, program := range []string{"sh", "cat", "chmod", "ln", "ls", "mkdir", "mkfifo", "mv", "rm", "seq", "sha256sum", "sleep", "stat", "stty", "tar", "touch"} {
		path, err := exec.LookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		files["/bin/"+program] = path
		libraries, err := exec.Command("ldd", path).CombinedOutput() // a static program has none
		if err != nil {
			t.Fatalf("ldd %s: %v\n%s", path, err, libraries)
		}
		for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1) {
			if library != path+":" {
				files[library] = library
			}
		}
	}
	image, err := imageOf(files)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(exampleImages(), "tools:v1") {
		c.push(t, name, image)
	}
}

// push pushes an image to the registry of the cluster.
func (c *cluster) push(t testing.TB, path string, image v1.Image) {
	t.Helper()
	tag, err := name.ParseReference(c.Registry + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
}

// imageOf returns an image with a copy of files, which sleeps as an unprivileged user.
func imageOf(files map[string]string) (v1.Image, error) {
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	paths := []string{}
	for path := range files {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := os.ReadFile(files[path])
		if err != nil {
			return nil, err
		}
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: path[1:], Mode: 0o755, Size: int64(len(data))}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(data); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	content, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, content)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "amd64"
	file.Config = v1.Config{User: "65532", Env: []string{"PATH=/bin"}, Cmd: []string{"/bin/sleep", "infinity"}}
	return mutate.ConfigFile(image, file)
}
