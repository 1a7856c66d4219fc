package login_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/login"
)

// TestKubeconfig checks every byte of several kubeconfig files. The comment of a case is an operation for each line, the files of
// "want/" are the result of those without.
func TestKubeconfig(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range cases {
		t.Run(filepath.Base(path), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			t.Setenv("KUBECONFIG", strings.Join([]string{filepath.Join(dir, "a"), "", filepath.Join(dir, "b"), filepath.Join(dir, "new", "c")}, string(os.PathListSeparator)))
			want := map[string]string{}
			for _, f := range archive.Files {
				if name, ok := strings.CutPrefix(f.Name, "want/"); ok {
					want[name] = string(f.Data)
				} else if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var failed string
			for _, operation := range strings.Split(strings.TrimSpace(string(archive.Comment)), "\n") {
				if err := operate(operation); err != nil {
					failed += strings.ReplaceAll(err.Error(), dir, "DIR") + "\n"
				}
			}
			got := map[string]string{}
			if failed != "" {
				got["error"] = failed
			}
			err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				name, _ := filepath.Rel(dir, path)
				text, err := os.ReadFile(path)
				got[filepath.ToSlash(name)] = string(text)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func operate(operation string) error {
	word, arg, _ := strings.Cut(operation, " ")
	var k login.Kubeconfig
	switch word {
	case "switch":
		return k.Switch(arg)
	case "remove":
		return k.Remove(arg)
	case "save":
		made := clientcmdapi.NewConfig()
		made.Clusters[arg] = &clientcmdapi.Cluster{Server: "https://x"}
		made.AuthInfos[arg] = &clientcmdapi.AuthInfo{Token: "new"}
		made.Contexts[arg] = &clientcmdapi.Context{Cluster: arg, AuthInfo: arg}
		return k.Save(made, arg)
	}
	return fmt.Errorf("unknown operation %s", operation)
}

// A kubeconfig and a folder that psc creates are private.
func TestPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kube", "config")
	t.Setenv("KUBECONFIG", path)
	if err := operate("save psc/x"); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{filepath.Dir(path): 0o700, path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}
