package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// TestPlugin checks that the usage has the words that were typed, also when kubectl runs psc.
func TestPlugin(t *testing.T) {
	for program, want := range map[string]string{
		"psc":                                 "  psc app scale NAME INSTANCES",
		"/usr/local/bin/psc":                  "  psc app scale NAME INSTANCES",
		"/home/alice/.krew/bin/kubectl-psc":   "  kubectl psc app scale NAME INSTANCES",
		`kubectl-psc.exe`:                     "  kubectl psc app scale NAME INSTANCES",
		"/opt/kubectl-psc-other":              "  psc app scale NAME INSTANCES",
		"kubectl_complete-psc":                "  psc app scale NAME INSTANCES",
		"/home/alice/kubectl-psc/psc-1.4.2.3": "  psc app scale NAME INSTANCES",
	} {
		t.Setenv("XDG_CONFIG_HOME", t.TempDir())
		var out bytes.Buffer
		env := Env{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now, Plugin: isPlugin(program)}
		if code := Main(t.Context(), env, []string{"app", "scale", "--help"}); code != 0 || !strings.Contains(out.String(), "Usage:\n"+want) {
			t.Errorf("%s: exit code %d, want %q in:\n%s", program, code, want, out.String())
		}
	}
}
