package cli_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "write what the commands of the tutorial print into it")

// TestTutorial runs every command of the tutorial, and compares the output with the one on the page.
func TestTutorial(t *testing.T) {
	if why := noNode(); why != "" {
		t.Skip("real nodes cannot run here: " + why)
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	page, err := filepath.Abs("../../docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, "real")
	dir := t.TempDir()
	script := "session " + page + "\n"
	if err := os.WriteFile(filepath.Join(dir, "tutorial.txtar"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:   dir,
		Setup: c.setup,
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"session": c.session},
	})
}

// session PAGE runs the commands of a page's console blocks.
func (c *cluster) session(ts *testscript.TestScript, _ bool, args []string) {
	data, err := os.ReadFile(args[0])
	ts.Check(err)
	// The page shows the default addresses of psc-local.
	toTest := strings.NewReplacer("localhost:5000", c.Registry, ":8443", ":"+ts.Getenv("GATEWAY_PORT"))
	toPage := strings.NewReplacer(c.Registry, "localhost:5000", ":"+ts.Getenv("GATEWAY_PORT"), ":8443", c.Server, "https://127.0.0.1:6443")
	var out []string
	lines := strings.Split(string(data), "\n")
	for i := 0; i < len(lines); i++ {
		out = append(out, lines[i])
		if lines[i] != "```console" {
			continue
		}
		for i++; lines[i] != "```"; {
			command, ok := strings.CutPrefix(lines[i], "$ ")
			if !ok {
				ts.Fatalf("%s:%d: %q is not a command", args[0], i+1, lines[i])
			}
			out = append(out, lines[i])
			for i++; strings.HasPrefix(lines[i], "> "); i++ {
				out = append(out, lines[i])
				command += "\n" + lines[i][2:]
			}
			begin := i
			for ; lines[i] != "```" && !strings.HasPrefix(lines[i], "$ "); i++ {
			}
			want := strings.Join(lines[begin:i], "\n")
			got := toPage.Replace(c.shell(ts, toTest.Replace(command)))
			switch diff := cmp.Diff(normalize(want), normalize(got)); {
			case diff == "":
				out = append(out, lines[begin:i]...)
			case *update:
				out = append(out, strings.Split(got, "\n")...)
			default:
				ts.Fatalf("%s:%d: $ %s\n-the page +psc\n%s", args[0], begin, command, diff)
			}
		}
		out = append(out, lines[i])
	}
	if *update {
		ts.Check(os.WriteFile(args[0], []byte(strings.Join(out, "\n")), 0o600))
	}
}

// shell runs a command as a person would, and returns its whole output.
func (c *cluster) shell(ts *testscript.TestScript, command string) string {
	cmd := exec.Command("bash", "-c", command)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"HOME", "XDG_CONFIG_HOME", "KUBECONFIG", "PATH", "GORACE"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, _ := cmd.CombinedOutput() // the output of a command that fails has the error, and the page shows it
	return strings.TrimSuffix(string(out), "\n")
}

// Output that differs from run to run.
var (
	progress = regexp.MustCompile(`(?m)^( *\d+\.\d+s  |Deleting pod ).*\n?`)
	varying  = []struct{ pattern, with string }{
		{`\d+\.\d+s\b`, "0.0s"},
		{`\b\d+[smh] ago\b`, "0s ago"},
		{`(instance|log of) [a-z0-9-]+`, "$1 web"},
		{`\b[a-z2-7]{10}\b`, "version"},
		{`sha256:[0-9a-f]{64}`, "sha256:digest"},
		{` +`, " "},
		// A cluster measures the instances of an app some seconds after their start.
		{`INSTANCES CPU MEMORY`, "INSTANCES"},
		{`(?m)^(\S+ \S+ \d+/\d+) \d[\d.]*m? \d[\d.]*[KMG]i `, "$1 "},
	}
)

func normalize(text string) string {
	text = progress.ReplaceAllString(text+"\n", "")
	for _, v := range varying {
		text = regexp.MustCompile(v.pattern).ReplaceAllString(text, v.with)
	}
	return strings.TrimSpace(text)
}
