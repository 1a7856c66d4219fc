package cli_test

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestAloneScripts runs the stories that need a cluster of their own, each in a new one.
func TestAloneScripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/script/alone/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			if name != "login_oidc" {
				run(t, start(t, "simulated"), file)
				return
			}
			issuer := startIDP(t)
			c := start(t, "simulated", issuer.flags()...)
			c.idp = issuer
			run(t, c, file)
		})
	}
}

// server down kills the API server, and server up lets psc-local start it again.
func (c *cluster) server(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: server down|up")
	}
	cmd := exec.Command(c.bin, "status", "--name", c.name, "-o", "json")
	cmd.Env = c.env
	out, err := cmd.Output()
	ts.Check(err)
	var status struct {
		Supervisor int
		Components []struct {
			Name string
			PID  int
		}
	}
	ts.Check(json.Unmarshal(out, &status))
	signal := func(name string, pid int) { ts.Check(exec.Command("kill", "-"+name, strconv.Itoa(pid)).Run()) }
	if args[0] == "up" {
		signal("CONT", status.Supervisor)
		return
	}
	ts.Defer(func() { signal("CONT", status.Supervisor) }) // a stopped supervisor could not stop the cluster
	signal("STOP", status.Supervisor)                      // it would restart the API server at once
	for _, p := range status.Components {
		if p.Name == "kube-apiserver" {
			signal("KILL", p.PID)
		}
	}
}
