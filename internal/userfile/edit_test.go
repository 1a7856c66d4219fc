package userfile

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"k8s.io/client-go/tools/clientcmd"
)

var update = flag.Bool("update", false, "rewrite the want files")

// edits are the operations of the cases.
func edits(text []byte, operation string) ([]byte, error) {
	word := append(strings.Fields(operation), "", "", "")
	switch word[0] {
	case "put":
		return Put(text, word[1], word[2], func(entry map[string]any) {
			entry[strings.TrimSuffix(word[1], "s")] = map[string]any{"server": "https://new", "token": word[3]}
		})
	case "remove":
		return Remove(text, word[1], word[2])
	case "set":
		return Set(text, word[1], word[2])
	}
	return nil, errors.New("unknown operation " + operation)
}

// TestEdit checks every byte of documents before and after an edit. A case is a comment with the operation, a file and the result;
// CR stands for a carriage return, and a file "refused" for an error.
func TestEdit(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases", err)
	}
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(archive.Files); i += 2 {
			before, want := &archive.Files[i], &archive.Files[i+1]
			t.Run(before.Name, func(t *testing.T) {
				text := strings.ReplaceAll(string(before.Data), "CR\n", "\r\n")
				got, err := edits([]byte(text), before.Name)
				shown := strings.ReplaceAll(string(got), "\r\n", "CR\n")
				if err != nil {
					shown = err.Error() + "\n"
				}
				if *update {
					want.Data = []byte(shown)
				}
				if diff := cmp.Diff(string(want.Data), shown); diff != "" {
					t.Error(diff)
				}
				if err != nil {
					return
				}
				if again, err := edits(got, before.Name); err != nil || string(again) != string(got) {
					t.Errorf("a second edit changes the file again:\n%s", again)
				}
			})
		}
		if *update {
			if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// FuzzEdit checks with any kubeconfig that an edit keeps everything else: client-go reads what was there and the new entry, all
// other lines are there in their order, and to remove the entry gives the file back.
func FuzzEdit(f *testing.F) {
	cases, _ := filepath.Glob("testdata/*.txtar")
	for _, path := range cases {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i < len(archive.Files); i += 2 {
			f.Add([]byte(strings.ReplaceAll(string(archive.Files[i].Data), "CR\n", "\r\n")), "psc/new")
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		before, err := clientcmd.Load(text)
		if err != nil || name == "" || strings.ToValidUTF8(name, "") != name {
			t.Skip()
		}
		_, exists := before.Contexts[name]
		after, err := Put(text, "contexts", name, func(entry map[string]any) {
			entry["context"] = map[string]any{"cluster": name, "user": "new"}
		})
		if err != nil {
			t.Skip() // it is refused, and the file stays
		}
		got, err := clientcmd.Load(after)
		if err != nil {
			t.Fatalf("%v\n%s", err, after)
		}
		if c := got.Contexts[name]; c == nil || c.Cluster != name || c.AuthInfo != "new" {
			t.Fatalf("the entry is not there: %v\n%s", c, after)
		}
		delete(got.Contexts, name)
		delete(before.Contexts, name)
		if !reflect.DeepEqual(got, before) {
			t.Fatalf("other entries differ:\n%s", cmp.Diff(before, got))
		}
		if exists {
			return
		}
		if !contains(after, text) {
			t.Fatalf("bytes are lost:\n%q\n%q", text, after)
		}
		if removed, err := Remove(after, "contexts", name); err == nil && before.Contexts != nil && len(before.Contexts) > 0 && string(removed) != string(text) {
			t.Fatalf("not as it was:\n%q\n%q", text, removed)
		}
	})
}

// contains reports whether text is all with one part inserted, but for an empty list or null, which the entry replaces.
func contains(text, all []byte) bool {
	i := 0
	for i < len(all) && i < len(text) && all[i] == text[i] {
		i++
	}
	rest := string(all[i:])
	for _, placeholder := range []string{rest, strings.TrimLeft(rest, " \t")} {
		for _, empty := range []string{"", "[]", "null", "~"} {
			if tail, ok := strings.CutPrefix(placeholder, empty); ok && strings.HasSuffix(string(text), tail) {
				return true
			}
		}
	}
	return false
}
