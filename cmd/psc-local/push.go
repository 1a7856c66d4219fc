package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/spf13/cobra"
)

func newPush(open func() (cluster, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "push NAME:TAG PATH",
		Short: "Push an image to the cluster's registry",
		Long: `Push an image to the cluster's registry. PATH is a static binary, which becomes the image's only
file and its entrypoint, or an OCI layout (folder or tar), or an archive from 'docker save'.`,
		Example: "  CGO_ENABLED=0 go build -o web .\n  psc-local push web:1 web",
		Args:    exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			p, err := c.plan()
			if err != nil {
				return err
			}
			return push(p, args[0], args[1], cmd.OutOrStdout())
		},
	}
}

// push pushes the image at path to the registry of the cluster and prints its name there.
func push(p plan, as, path string, out io.Writer) error {
	registry := fmt.Sprintf("localhost:%d", p.Registry)
	ref, err := name.ParseReference(strings.TrimPrefix(as, registry+"/"), name.WithDefaultRegistry(registry), name.Insecure)
	if err != nil {
		return usageError{err}
	}
	tag, ok := ref.(name.Tag)
	if !ok {
		return usageError{fmt.Errorf("%s: push to a tag, not to a digest", as)}
	}
	// Inside the cluster any registry's name leads to ours, so the image goes there under its path.
	if tag, err = name.NewTag(fmt.Sprintf("%s/%s:%s", registry, ref.Context().RepositoryStr(), tag.TagStr()), name.Insecure); err != nil {
		return usageError{err}
	}
	temp, err := os.MkdirTemp("", "psc-local-push-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	image, err := readImage(path, temp)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch image := image.(type) {
	case v1.Image:
		err = remote.Write(tag, image)
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, image)
	}
	if err != nil {
		return fmt.Errorf("push %s: %w", tag, err)
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s@%s\n", tag, digest)
	return nil
}

// readImage detects the format of path and returns a v1.Image or a v1.ImageIndex.
func readImage(path, temp string) (interface{ Digest() (v1.Hash, error) }, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return readLayout(path)
	}
	if f, err := elf.Open(path); err == nil {
		defer func() { _ = f.Close() }()
		if libraries, err := f.ImportedLibraries(); err != nil || len(libraries) > 0 {
			return nil, fmt.Errorf("not a static binary: it needs %s (Go: CGO_ENABLED=0)", strings.Join(libraries, ", "))
		}
		return binaryImage(path)
	}
	if image, err := tarball.ImageFromPath(path, nil); err == nil {
		return image, nil
	}
	if err := untar(path, temp); err != nil {
		return nil, errors.Join(errors.New("neither a static binary nor an image archive"), err)
	}
	return readLayout(temp)
}

// readLayout returns the only image, or the only index of images, of an OCI layout.
func readLayout(dir string) (interface{ Digest() (v1.Hash, error) }, error) {
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("not an OCI layout: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return index, nil
	}
	only := manifest.Manifests[0]
	if only.MediaType.IsIndex() {
		return index.ImageIndex(only.Digest)
	}
	return index.Image(only.Digest)
}

// binaryImage builds an image from one static binary, which runs as an ordinary user.
func binaryImage(path string) (v1.Image, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	inside := "/" + filepath.Base(path)
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, file := range []struct {
		tar.Header
		content []byte
	}{
		{tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil},
		{tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0::/:\nnonroot:x:65532:65532::/tmp:\n")},
		{tar.Header{Name: inside[1:], Mode: 0o755}, program},
	} {
		file.Size = int64(len(file.content))
		if err := w.WriteHeader(&file.Header); err != nil {
			return nil, err
		}
		if _, err := w.Write(file.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archive.Bytes())), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config = v1.Config{Entrypoint: []string{inside}, User: "65532:65532", WorkingDir: "/tmp"}
	return mutate.ConfigFile(image, config)
}

// untar unpacks the regular files of an archive. A name that leads out of dir is an error.
func untar(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for r := tar.NewReader(f); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		if err := root.MkdirAll(filepath.Dir(header.Name), 0o700); err != nil {
			return err
		}
		to, err := root.Create(header.Name)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, r) //nolint:gosec // the user's own archive, and not compressed
		if err := errors.Join(err, to.Close()); err != nil {
			return err
		}
	}
}
