package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/cli"
)

// emptyPod is the setup of examples that create what the common setup has.
const emptyPod = "exec psc new-pod $POD\n"

// Revisions for the examples that name some.
const (
	draft    = "exec psc app set web --env MODE=draft"
	drafts   = "exec sh -c 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do psc app set web --env N=$n -q || exit; done'"
	deployed = "exec sh -c 'for n in 1 2 3 4 5 6 7 8 9; do psc app set web --env N=$n -q --deploy || exit; done'"
)

// setups replace the common setup of a command, which is in testdata/examples.txtar.
var setups = map[string]string{
	"psc":             "",
	"psc app create":  emptyPod,
	"psc run":         emptyPod + "exec psc app create web --image ghcr.io/acme/web:1.4 --deploy\n",
	"psc exec":        emptyPod + "exec psc app create web --image ghcr.io/acme/web:1.4 --deploy\n",
	"psc cp":          emptyPod + "exec psc app create web --image ghcr.io/acme/web:1.4 --deploy\nexec psc exec web -- mkdir /tmp/reports\n",
	"psc job create":  emptyPod + "exec psc app create web --image ghcr.io/acme/web:1.4 --port 8080\n",
	"psc job run":     emptyPod + "exec psc job create web --image ghcr.io/acme/web:1.4 --deploy -- ls /\n",
	"psc disk create": emptyPod + "exec psc app create db --image ghcr.io/acme/web:1.4 --deploy\n",
	"psc route create": emptyPod + "exec psc app create web --image ghcr.io/acme/web:1.4 --port 8080 --deploy\n" +
		"exec psc app create api --image ghcr.io/acme/web:1.4 --port 8080 --deploy\n",
}

// firsts are what has to happen before a line of an Examples block, beyond the lines above it.
var firsts = map[string]string{
	"psc app delete web --deploy":                    "exec psc route delete web --deploy",
	"psc deploy -m \"first version\"":                draft,
	"psc deploy --mine":                              "exec psc app set web --env MODE=mine",
	"psc deploy 12 --timeout 2m":                     drafts,
	"psc apply -f shop.yaml --base 12":               deployed + "\nexec sh -c 'psc export > shop.yaml'",
	"psc open":                                       "exec psc route delete shop --deploy",
	"psc route open":                                 "exec psc route delete shop --deploy",
	"psc pod adopt shop --dry-run":                   "exec kubectl create namespace $POD-old",
	"psc member remove bob@example.com":              "exec psc member add bob@example.com",
	"psc rollback":                                   deployed,
	"psc revision show":                              drafts,
	"psc revision keep 12":                           deployed,
	"psc revision discard":                           draft,
	"psc revision discard 12 14":                     drafts,
	"psc revision verify":                            drafts,
	"psc revision prune --keep 50 --keep-revision 7": drafts,
	"psc registry logout ghcr.io":                    "exec sh -c 'pass show ghcr | psc registry login ghcr.io --username robot --password-stdin'",
}

// answers are the words that a person types, one for each question of a line.
var answers = map[string]string{
	"psc exec web": "exit",
	"psc exec web --debug=ghcr.io/acme/tools:1":   "exit",
	"psc secret set db url password":              "one two",
	"psc registry login ghcr.io --username robot": "password",
	"psc disk delete data":                        "data",
	"psc pod delete shop":                         "$POD",
}

const onlySetup = "it changes the cluster for all other tests: the story setup has a cluster of its own"

// impossible are the lines that cannot run in a test.
var impossible = map[string]string{
	"psc run web -- rake db:migrate":                             "the image of the test has no rake",
	"psc run logs web-run-k3x9q2ab --follow":                     "the name of a run is random",
	"psc run delete web-run-k3x9q2ab":                            "the name of a run is random",
	"psc completion powershell | Out-String | Invoke-Expression": "PowerShell is not part of the test machines",
	"psc port-forward web":                                       "it ends with Ctrl-C",
	"psc port-forward web 9000:8080":                             "it ends with Ctrl-C",
	"psc port-forward web :http":                                 "it ends with Ctrl-C",
	"psc port-forward web 8080 db 5432":                          "it ends with Ctrl-C",
	"psc logs web -f":                                            "it ends with Ctrl-C",
	"psc events web --watch":                                     "it ends with Ctrl-C",
	"psc exec web --debug":                                       "the image is on Docker Hub",
	"psc status --watch":                                         "it runs until Ctrl-C",
	"psc top --watch":                                            "it runs until Ctrl-C",
	"psc app list --watch":                                       "it runs until Ctrl-C",
	"psc get pods --watch":                                       "it runs until Ctrl-C",
	"psc disk set data --size 20Gi --deploy":                     "the storage class of psc-local does not let disks grow",

	"psc login apps.example.com": "the cluster of the examples names no issuer",

	"psc cluster setup --domain apps.example.com --gateway infra/public": onlySetup,
	"psc cluster setup --login https://id.example.com --client-id psc":   onlySetup,
	"psc cluster setup --enforce-audit":                                  onlySetup,
	"psc cluster setup --remove":                                         onlySetup,
}

// exampleImages are the images of the examples.
func exampleImages() []string {
	return []string{"acme/web:1.4", "acme/web:1.5", "acme/worker:2", "acme/tools:1"}
}

// onNode are the commands whose examples need real containers.
var onNode = []string{"psc cp", "psc exec", "psc job run", "psc run"}

// examples runs every line of every Examples block of the help, each block as a story of its own. With node it is those that need
// real containers, else the others.
func (c *cluster) examples(t *testing.T, node bool) {
	common, err := txtar.ParseFile("../../testdata/examples.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	each(cli.Command(cli.Env{}), func(cmd *cobra.Command) {
		if cmd.Example == "" || slices.Contains(onNode, cmd.CommandPath()) != node {
			return
		}
		story := "example-" + strings.ReplaceAll(cmd.CommandPath(), " ", "-")
		setup, own := setups[cmd.CommandPath()]
		if !own {
			setup = string(common.Comment)
		}
		script := setup
		for line := range strings.Lines(cmd.Example) {
			line = trailing.ReplaceAllString(strings.TrimSpace(line), "")
			if impossible[line] == "" {
				script += fmt.Sprintf("%s\nexample %s %s\n", firsts[line], quote(line), quote(strings.ReplaceAll(answers[line], "$POD", story)))
			}
		}
		archive := txtar.Archive{Comment: []byte(c.here(story, script))}
		for _, f := range common.Files {
			archive.Files = append(archive.Files, txtar.File{Name: f.Name, Data: []byte(c.here(story, string(f.Data)))})
		}
		if err := os.WriteFile(filepath.Join(dir, story+".txtar"), txtar.Format(&archive), 0o600); err != nil {
			t.Error(err)
		}
	})
	run(t, c, dir)
}

// trailing is the explanation that may stand behind a command.
var trailing = regexp.MustCompile(`\s{2,}.*`)

// here gives a text of the examples the addresses of the test, and names that no other pod of the cluster has.
func (c *cluster) here(story, text string) string {
	return strings.NewReplacer(
		"ghcr.io", c.Registry,
		"https://api.example.com:6443", c.Server,
		"api.example.com:6443", strings.TrimPrefix(c.Server, "https://"),
		".example.com", "-"+story+".localhost",
		"--context staging", "--context admin",
		"--pod staging", "--pod "+story+"-staging",
		"new-pod shop", "new-pod "+story+"-new",
		"pod use shop", "pod use "+story,
		"pod delete shop", "pod delete "+story,
		"pod adopt shop", "pod adopt "+story+"-old",
		"pod set shop", "pod set "+story,
	).Replace(text)
}

func quote(word string) string { return "'" + strings.ReplaceAll(word, "'", "''") + "'" }

func each(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, c := range cmd.Commands() {
		each(c, f)
	}
}

// example LINE ANSWERS runs a line of an Examples block in a shell, on a terminal if it asks for answers.
func example(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: example LINE ANSWERS")
	}
	shell := "bash"
	for _, other := range []string{"zsh", "fish"} {
		if strings.Contains(args[0], "psc completion "+other) {
			shell = other
		}
	}
	options := []string{"-o", "pipefail", "-c"}
	if shell == "fish" { // it has no such option
		options = options[2:]
	}
	cmd := command(ts, shell, append(options, args[0])...)
	if cmd.Err != nil {
		ts.Logf("%s is not installed", shell)
		return
	}
	cmd.Env = append(cmd.Env, "EDITOR=code", "SSL_CERT_FILE="+ts.MkAbs("ca.crt"))
	out, err := onTerminal(cmd, strings.Fields(args[1]))
	ts.Logf("$ %s\n%s", args[0], out)
	if err != nil {
		ts.Fatalf("the example %q fails: %v", args[0], err)
	}
}

// onTerminal runs a command, on a terminal if there are answers to type, and returns its output.
func onTerminal(cmd *exec.Cmd, answers []string) ([]byte, error) {
	if len(answers) == 0 {
		return cmd.CombinedOutput()
	}
	terminal, err := pty.Start(cmd)
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	defer time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }).Stop() // it asks something else
	if _, err := terminal.WriteString(strings.Join(answers, "\n") + "\n"); err != nil {
		return nil, err
	}
	var shown bytes.Buffer
	_, _ = shown.ReadFrom(terminal) // ends with an error when nobody has the terminal open any more
	return shown.Bytes(), cmd.Wait()
}
