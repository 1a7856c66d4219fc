package files_test

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/internal/files"
)

// TestHostile holds that an archive writes nothing outside of the folder, and makes no link that leads out.
func TestHostile(t *testing.T) {
	dir := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }
	file := func(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644} }
	link := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}
	}
	hard := func(name, target string) tar.Header {
		return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}
	}
	for name, c := range map[string]struct {
		archive []tar.Header
		want    []string // what is there at the end
		left    []string
		err     string
	}{
		"upwards":              {archive: []tar.Header{file("../x")}, err: "outside of the folder"},
		"upwards inside":       {archive: []tar.Header{file("a/../../x")}, err: "outside of the folder"},
		"absolute":             {archive: []tar.Header{file("/x")}, err: "outside of the folder"},
		"folder upwards":       {archive: []tar.Header{dir("..")}, err: "outside of the folder"},
		"absolute link":        {archive: []tar.Header{link("a", "/etc"), file("b")}, want: []string{"b"}, left: []string{"a"}},
		"link upwards":         {archive: []tar.Header{link("d/a", "../../x")}, want: []string{"d/"}, left: []string{"d/a"}},
		"link that stays":      {archive: []tar.Header{link("d/a", "../x"), link("b", "d/a")}, want: []string{"b@", "d/", "d/a@"}},
		"up behind a link":     {archive: []tar.Header{link("a", "."), link("b", "a/a/../..")}, want: []string{"a@"}, left: []string{"b"}},
		"through a link":       {archive: []tar.Header{dir("d"), link("a", "d"), file("a/x")}, err: "a is not a folder"},
		"through a link out":   {archive: []tar.Header{link("a", "../out"), file("a/x")}, want: []string{"a/", "a/x"}, left: []string{"a"}},
		"over a link":          {archive: []tar.Header{link("a", "b"), file("a")}, err: "file exists"},
		"through a file":       {archive: []tar.Header{file("a"), file("a/x")}, err: "a is not a folder"},
		"hard link":            {archive: []tar.Header{file("a"), hard("b", "./a")}, want: []string{"a", "b"}},
		"hard link out":        {archive: []tar.Header{hard("b", "../out/secret")}, err: "which the archive does not have"},
		"hard link to a link":  {archive: []tar.Header{link("a", "b"), hard("c", "a")}, err: "which the archive does not have"},
		"hard link absolute":   {archive: []tar.Header{hard("b", "/etc/passwd")}, err: "which the archive does not have"},
		"device":               {archive: []tar.Header{{Typeflag: tar.TypeChar, Name: "null"}, file("b")}, want: []string{"b"}, left: []string{"null"}},
		"pipe":                 {archive: []tar.Header{{Typeflag: tar.TypeFifo, Name: "p"}}, left: []string{"p"}},
		"names of other tools": {archive: []tar.Header{dir("./"), file("./ a'\"b"), file("-rf"), file("~")}, want: []string{" a'\"b", "-rf", "~"}},
	} {
		t.Run(name, func(t *testing.T) {
			outer := t.TempDir()
			if err := os.MkdirAll(filepath.Join(outer, "out"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(outer, "out", "secret"), []byte("secret"), 0o600); err != nil {
				t.Fatal(err)
			}
			content, err := copyOf(t, filepath.Join(outer, "copy"), archiveOf(t, c.archive))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("the error is %v, want %q", err, c.err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			var left []string
			for _, l := range content.Left {
				left = append(left, l.Path)
			}
			if diff := cmp.Diff(c.left, left); diff != "" && c.err == "" {
				t.Errorf("left out: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(c.want, tree(t, filepath.Join(outer, "copy"))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff([]string{"secret"}, tree(t, filepath.Join(outer, "out"))); diff != "" {
				t.Errorf("outside: -want +got\n%s", diff)
			}
			for _, e := range tree(t, outer) {
				if strings.Contains(e, ".psc-cp-") {
					t.Errorf("%s is still there", e)
				}
			}
		})
	}
}

// TestTruncated holds that half an archive is no copy.
func TestTruncated(t *testing.T) {
	whole := archiveOf(t, []tar.Header{{Typeflag: tar.TypeReg, Name: "a", Mode: 0o644, Size: 2000}})
	target := filepath.Join(t.TempDir(), "copy")
	if _, err := copyOf(t, target, whole[:1500]); err == nil {
		t.Error("no error")
	}
	if got := tree(t, target); got != nil {
		t.Errorf("%v is there", got)
	}
}

// TestPack holds that a folder is the same after a copy into a new folder, and into one that exists: modes, times and links stay.
func TestPack(t *testing.T) {
	old := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	from, into := filepath.Join(t.TempDir(), "from"), t.TempDir()
	write := func(name, data string, mode fs.FileMode) {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(from, "run"), "x", 0o750)
	write(filepath.Join(from, strings.Repeat("long ", 30), "a"), "a", 0o600)
	write(filepath.Join(from, "sub", "b"), "new", 0o600)
	if err := os.Symlink("sub/b", filepath.Join(from, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(from, "sub"), 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(from, "sub"), 0o700) })
	write(filepath.Join(into, "copy", "sub", "b"), "old", 0o600)
	write(filepath.Join(into, "copy", "kept"), "kept", 0o600)
	source, err := files.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if _, err := source.Pack(&archive, func(int) {}); err != nil {
		t.Fatal(err)
	}
	for target, more := range map[string][]string{filepath.Join(into, "new"): nil, filepath.Join(into, "copy"): {"kept"}} {
		if _, err := copyOf(t, target, archive.Bytes()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(filepath.Join(target, "sub"), 0o700) })
		want := append(more, "link@", strings.Repeat("long ", 30)+"/", strings.Repeat("long ", 30)+"/a", "run", "sub/", "sub/b")
		if diff := cmp.Diff(want, tree(t, target)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if data, err := os.ReadFile(filepath.Join(target, "sub", "b")); err != nil || string(data) != "new" {
			t.Errorf("sub/b is %q, %v", data, err)
		}
		info, err := os.Stat(filepath.Join(target, "run"))
		if err != nil || info.Mode() != 0o750 || !info.ModTime().Equal(old) {
			t.Errorf("run is %v, %v", info, err)
		}
	}
	info, err := os.Stat(filepath.Join(into, "new", "sub"))
	if err != nil || info.Mode().Perm() != 0o555 {
		t.Errorf("sub is %v, %v", info, err)
	}
}

// TestTo holds where a source goes, which is as with cp -r.
func TestTo(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "folder", "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, base string
		folder     bool
		want, err  string
	}{
		{"folder", "b", false, "folder/b", ""},
		{"folder/", "b", true, "folder/b", ""},
		{"folder", ".", true, "folder", ""},
		{"folder", "a", true, "folder/a", ""},
		{"folder", "a", false, "", "folder/a cannot be the target: it is a folder"},
		{"file", "b", false, "file", ""},
		{"file", "b", true, "", "file cannot be the target: it is not a folder"},
		{"file/", "b", false, "", "not a directory"},
		{"new", "b", false, "new", ""},
		{"new", "b", true, "new", ""},
		{"new/", "b", true, "new/", ""},
		{"new/", "b", false, "", "new/ cannot be the target: there is no such folder"},
		{"none/new", "b", false, "", "none/new cannot be the target: there is no folder"},
	} {
		got, err := files.To(dir+"/"+c.name, c.base, c.folder)
		switch {
		case c.err == "" && (err != nil || got.Path != dir+"/"+c.want):
			t.Errorf("%+v: got %v, %v", c, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%+v: the error is %v", c, err)
		}
	}
}

func archiveOf(t *testing.T, all []tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for _, h := range all {
		if err := archive.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(make([]byte, h.Size)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func copyOf(t *testing.T, name string, archive []byte) (files.Content, error) {
	t.Helper()
	target, err := files.To(name, ".", true)
	if err != nil {
		t.Fatal(err)
	}
	stage, err := target.Stage()
	if err != nil {
		t.Fatal(err)
	}
	defer stage.Discard()
	content, err := stage.Unpack(bytes.NewReader(archive), func(int) {})
	if err != nil {
		return content, err
	}
	return content, stage.Place()
}

// tree lists what is in a folder, nothing if it is not there: a folder ends with a slash and a link with @.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if name == dir {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		switch {
		case d.IsDir():
			rel += "/"
		case d.Type() == fs.ModeSymlink:
			rel += "@"
		}
		out = append(out, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
