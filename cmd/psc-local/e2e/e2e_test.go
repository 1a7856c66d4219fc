// Package e2e tests psc-local from outside, as users run it. The first build takes minutes.
package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// local is psc-local with the test's own state folder and kubeconfig.
type local struct {
	t          *testing.T
	name       string
	home       string
	kubeconfig string
}

// status has the fields of `status -o json` that the tests read.
type status struct {
	Nodes, Server, Registry, Kubeconfig string
	Supervisor                          int
	Components                          []struct {
		Name, State, Version string
		PID                  int
		Memory               int64
		Restarts             int
	}
}

var dist = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("../build.sh")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
})

func newLocal(t *testing.T) *local {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", ",", "").Replace(t.Name()))
	l := &local{t: t, name: "t-" + strings.Trim(name[max(0, len(name)-28):], "-"), home: filepath.Join(t.TempDir(), "home"), kubeconfig: filepath.Join(t.TempDir(), "config")}
	t.Cleanup(func() { l.run("down") })
	return l
}

// run runs a command that must succeed, and returns its output.
func (l *local) run(args ...string) string {
	l.t.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.t.Fatalf("psc-local %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (l *local) try(args ...string) (string, error) {
	l.t.Helper()
	dir, err := dist()
	if err != nil {
		l.t.Fatalf("build: %v", err)
	}
	cmd := exec.Command(filepath.Join(dir, "psc-local"), append([]string{"--name", l.name}, args...)...)
	cmd.Env = append(os.Environ(), "PSC_LOCAL_HOME="+l.home, "KUBECONFIG="+l.kubeconfig)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

func (l *local) up(nodes string) {
	l.t.Helper()
	begin := time.Now()
	l.run("up", "--nodes", nodes)
	l.t.Logf("%s nodes: up after %v", nodes, time.Since(begin).Round(time.Millisecond))
}

func (l *local) status() status {
	l.t.Helper()
	var s status
	if err := json.Unmarshal([]byte(l.run("status", "-o", "json")), &s); err != nil {
		l.t.Fatal(err)
	}
	return s
}

// eventually waits until ok returns true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return syscall.Kill(pid, 0) == nil && !isLinux()
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z") // its parent may take a moment to notice
}

func isLinux() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}
