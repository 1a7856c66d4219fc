// Package internal has the test of the layout: which package may import which.
package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pscdev/psc/internal/cli"
)

const module = "github.com/pscdev/psc"

// layout lists each package and the packages of this module that it may import. A new package is added here first.
var layout = map[string][]string{
	"cmd/psc":             {"internal/cli"},
	"pkg/object":          {},
	"pkg/pod":             {},
	"pkg/revision":        {"pkg/pod"},
	"pkg/convert":         {"pkg/pod"},
	"pkg/render":          {"pkg/pod", "pkg/object"},
	"pkg/plan":            {"pkg/object"},
	"pkg/health":          {"pkg/pod", "pkg/object"},
	"pkg/report":          {"pkg/pod", "pkg/revision", "pkg/convert", "pkg/plan", "pkg/health"},
	"internal/fault":      {},
	"internal/kube":       {"pkg/object", "internal/fault"},
	"internal/store":      {"pkg/pod", "pkg/revision", "pkg/object", "internal/kube"},
	"internal/lease":      {"pkg/object", "internal/kube"},
	"internal/platform":   {"pkg/object", "pkg/render", "internal/kube", "internal/fault"},
	"internal/rollout":    {"pkg/object", "pkg/pod", "pkg/revision", "pkg/render", "pkg/plan", "pkg/health", "internal/kube", "internal/store", "internal/lease", "internal/fault"},
	"internal/image":      {"internal/fault"},
	"internal/files":      {},
	"internal/compose":    {"pkg/pod"},
	"internal/userfile":   {"internal/fault"},
	"internal/instance":   {"pkg/object", "pkg/pod", "pkg/health", "pkg/report", "internal/kube", "internal/files", "internal/fault"},
	"internal/workspace":  {"pkg/object", "pkg/pod", "pkg/revision", "pkg/convert", "pkg/render", "pkg/health", "pkg/report", "internal/kube", "internal/store", "internal/lease", "internal/rollout", "internal/platform", "internal/image", "internal/instance", "internal/fault"},
	"internal/config":     {"internal/userfile", "internal/fault"},
	"internal/names":      {},
	"internal/login":      {"internal/kube", "internal/userfile", "internal/fault"},
	"internal/credential": {"internal/kube", "internal/login", "internal/config", "internal/userfile", "internal/fault"},
	"internal/view":       {"pkg/pod", "pkg/revision", "pkg/convert", "pkg/plan", "pkg/health", "pkg/report", "internal/fault"},
	"internal/cli":        {"pkg/pod", "pkg/revision", "pkg/convert", "pkg/report", "internal/workspace", "internal/instance", "internal/compose", "internal/login", "internal/credential", "internal/config", "internal/userfile", "internal/names", "internal/view", "internal/fault", "docs/schema"},
	"docs/schema":         {"pkg/pod"},
	"internal/gen":        {"docs/schema", "internal/cli", "pkg/pod"},

	"internal/login/openshifttest": {}, // for tests alone
	"internal/login/issuertest":    {"internal/login"},
}

// doors lists the libraries that only a few packages may import, so that the others can be read and tested without them.
var doors = map[string][]string{
	"github.com/spf13/viper":                 {"internal/config"},
	"github.com/spf13/cobra":                 {"internal/cli", "internal/gen"},
	"charm.land":                             {"internal/view"},
	"github.com/cli/browser":                 {"internal/cli"},
	"github.com/zalando/go-keyring":          {"internal/credential"},
	"github.com/compose-spec":                {"internal/compose"},
	"github.com/charmbracelet":               {"internal/view"},
	"github.com/google/go-containerregistry": {"internal/image"},
	"k8s.io/client-go/dynamic":               {"internal/kube"},
	"k8s.io/client-go/metadata":              {"internal/kube"},
	"k8s.io/client-go/rest":                  {"internal/kube"},
	"k8s.io/client-go/tools/cache":           {"internal/kube"},
	"k8s.io/client-go/transport":             {"internal/kube"},
	"k8s.io/client-go/tools/clientcmd":       {"internal/kube", "internal/login"},
	"k8s.io/cli-runtime":                     {"internal/view"},
	"k8s.io/klog":                            {"internal/kube"},
}

// slow lists packages that psc must not link: to initialise them takes longer than the start of everything else, and every
// command pays for it. They come in unseen with other packages, such as the discovery and the apply configurations of client-go.
var slow = []string{
	"k8s.io/client-go/kubernetes/scheme",
	"github.com/google/gnostic-models/openapiv2",
	"sigs.k8s.io/structured-merge-diff/v6/typed",
	"github.com/santhosh-tekuri/jsonschema/v6", // the loader of compose-go imports it
}

// The model in pkg is pure: the same input gives the same output. It uses no files, no network, no
// processes, no random numbers and no clock.
var (
	impure = []string{
		"crypto/rand", "io/ioutil", "log", "math/rand", "net", "net/http", "os", "plugin", "runtime",
		"syscall", "golang.org/x/sys", "golang.org/x/term", "k8s.io/cli-runtime", "k8s.io/klog",
	}
	pure  = []string{"net/netip", "net/url"}
	clock = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}
)

func TestImports(t *testing.T) {
	root := ".."
	seen := map[string]bool{}
	for _, top := range []string{"cmd/psc", "pkg", "internal", "docs/schema"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(file string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "testdata" {
				return fs.SkipDir
			}
			// Tests may import what they need.
			if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return nil
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			seen[path.Dir(name)] = true
			check(t, file, name)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range seen {
		if _, ok := layout[name]; !ok {
			t.Errorf("%s is not in the layout: add it, with what it may import", name)
		}
	}
	if !seen["pkg/pod"] || !seen["internal/cli"] {
		t.Errorf("pkg/pod and internal/cli were not found: this test reads the wrong folder")
	}
}

// TestStart reads go.mod, and TestImports all files, so that its result is not cached when one of them changes.
func TestStart(t *testing.T) {
	if _, err := os.ReadFile("../go.mod"); err != nil {
		t.Fatal(err)
	}
	list := exec.Command("go", "list", "-deps", "../cmd/psc")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, module+"/internal/kube") {
		t.Fatal("psc does not link internal/kube: this test reads the wrong list")
	}
	for _, name := range slow {
		if slices.Contains(linked, name) {
			t.Errorf("psc links %s: GODEBUG=inittrace=1 psc version shows what it costs, go list -deps -f '{{.ImportPath}} {{.Imports}}' ./cmd/psc who imports it", name)
		}
	}
}

// check reports each import of a file that breaks a rule.
func check(t *testing.T, file, name string) {
	t.Helper()
	from := path.Dir(name)
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return
	}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems(from, imported) {
			t.Errorf("%s:%d: %s", name, files.Position(spec.Pos()).Line, problem)
		}
	}
	for _, d := range parsed.Decls {
		if d, ok := d.(*ast.GenDecl); ok && d.Tok == token.VAR {
			for _, call := range callsIn(d, "regexp", "MustCompile") {
				t.Errorf("%s:%d: a regular expression that is compiled at every start: use sync.OnceValue", name, files.Position(call).Line)
			}
		}
	}
	if !strings.HasPrefix(from, "pkg/") {
		return
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		line := func() int { return files.Position(n.Pos()).Line }
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if isName(n.X, "time") && slices.Contains(clock, n.Sel.Name) {
				t.Errorf("%s:%d: time.%s: pkg has no clock, take the time as an argument", name, line(), n.Sel.Name)
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && namesCommand(n.Value) {
				t.Errorf("%s:%d: %s: pkg does not know the command line, give the step as a pod.Next", name, line(), n.Value)
			}
		}
		return true
	})
}

// The model gives next steps as values. The command line words them as commands, the console as buttons.
var (
	commands = regexp.MustCompile(`\bpsc ([a-z-]+)`)
	flags    = regexp.MustCompile(`(^|\s)--[a-z]`)
)

// namesCommand reports whether a text names a command of psc or a flag.
func namesCommand(text string) bool {
	if flags.MatchString(text) {
		return true
	}
	for _, match := range commands.FindAllStringSubmatch(text, -1) {
		if cmd, _, err := cli.Command(cli.Env{}).Find(match[1:]); err == nil && cmd.HasParent() {
			return true
		}
	}
	return false
}

func problems(from, imported string) []string {
	var found []string
	if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
		allowed := slices.ContainsFunc(layout[from], func(pattern string) bool {
			matched, _ := path.Match(pattern, ours)
			return matched
		})
		if !allowed {
			found = append(found, from+" may not import "+ours)
		}
	}
	if from == "internal/cli" && (within(imported, "k8s.io") || within(imported, "sigs.k8s.io")) {
		found = append(found, from+" may not import "+imported+": it speaks to internal/workspace alone")
	}
	for door, users := range doors {
		if within(imported, door) && !slices.Contains(users, from) {
			found = append(found, from+" may not import "+imported+": only "+strings.Join(users, ", ")+" may")
		}
	}
	if strings.HasPrefix(from, "pkg/") && !slices.Contains(pure, imported) &&
		slices.ContainsFunc(impure, func(prefix string) bool { return within(imported, prefix) }) {
		found = append(found, from+" may not import "+imported+": pkg is pure")
	}
	return found
}

// within reports whether a package is the prefix or below it.
func within(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

// callsIn returns the calls of a function outside of function literals, which run when a package is initialised.
func callsIn(d ast.Node, pkg, name string) (calls []token.Pos) {
	ast.Inspect(d, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && isName(s.X, pkg) && s.Sel.Name == name {
			calls = append(calls, s.Pos())
		}
		_, literal := n.(*ast.FuncLit)
		return !literal
	})
	return calls
}

func isName(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// A rule without effect looks like a rule that everyone follows, so this test breaks each rule once.
func TestProblems(t *testing.T) {
	for _, test := range []struct {
		from, imported string
		want           int
	}{
		{"pkg/revision", module + "/pkg/pod", 0},
		{"pkg/pod", module + "/pkg/revision", 1},
		{"pkg/pod", module + "/internal/fault", 1},
		{"internal/rollout", module + "/pkg/render", 0},
		{"internal/rollout", module + "/internal/view", 1},
		{"cmd/psc", module + "/internal/kube", 1},
		{"internal/config", "github.com/spf13/viper", 0},
		{"internal/cli", "github.com/spf13/viper", 1},
		{"internal/cli", "charm.land/lipgloss/v2", 1},
		{"internal/cli", module + "/internal/kube", 1},
		{"internal/cli", "k8s.io/api/core/v1", 1},
		{"pkg/render", "k8s.io/api/apps/v1", 0},
		{"internal/store", "k8s.io/client-go/rest", 1},
		{"pkg/pod", "net/url", 0},
		{"pkg/pod", "net/http", 1},
		{"pkg/pod", "os/exec", 1},
	} {
		if got := problems(test.from, test.imported); len(got) != test.want {
			t.Errorf("%s imports %s: %q, want %d", test.from, test.imported, got, test.want)
		}
	}
}

func TestNamesCommand(t *testing.T) {
	for text, want := range map[string]bool{
		"give it one with psc app set %s":  true,
		"psc deploy makes it again":        true,
		"has no port: --port gives it one": true,
		"no Gateway that psc can find":     false,
		"a DNS label of psc":               false,
		"runs -- or not":                   false,
	} {
		if namesCommand(text) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
}
