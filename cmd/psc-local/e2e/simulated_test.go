package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A cluster changes none of the entries that a user's kubeconfig had before.
func TestKubeconfigOfOthers(t *testing.T) {
	l := newLocal(t)
	const before = `apiVersion: v1
clusters:
- cluster:
    server: https://work.example.com
  name: work
contexts:
- context:
    cluster: work
    user: me
  name: work
current-context: work
kind: Config
users:
- name: me
  user:
    token: secret
`
	if err := os.WriteFile(l.kubeconfig, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(l.kubeconfig, link); err != nil {
		t.Fatal(err)
	}
	file := l.kubeconfig
	l.kubeconfig = link // many users keep their configuration in a repository
	l.up("simulated")
	during, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"current-context: work\n", "https://work.example.com", "token: secret", "name: psc-local-" + l.name} {
		if !strings.Contains(string(during), want) {
			t.Errorf("no %q in\n%s", want, during)
		}
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	l.run("down")
	if after, err := os.ReadFile(file); err != nil || string(after) != before {
		t.Errorf("before:\n%s\nafter (%v):\n%s", before, err, after)
	}
	if left, _ := filepath.Glob(filepath.Dir(file) + "/*"); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// A cluster removes the kubeconfig that was created for it, and everything else.
func TestSimulatedLeavesNothing(t *testing.T) {
	for name, end := range map[string]func(*local, status){
		"down": func(l *local, _ status) { l.run("down") },
		"killed": func(l *local, s status) {
			if err := syscall.Kill(s.Supervisor, syscall.SIGKILL); err != nil {
				l.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLocal(t)
			l.up("simulated")
			s := l.status()
			end(l, s)
			for _, c := range s.Components {
				eventually(t, c.Name+" ends", func() bool { return !alive(c.PID) })
			}
			if out, err := l.try("status"); err == nil || !strings.Contains(out, "not running") {
				t.Errorf("status: %v, %s", err, out)
			}
			l.run("down") // removes the folder of a killed cluster; a second `down` is not an error
			for _, file := range []string{l.home, l.kubeconfig} {
				if _, err := os.Stat(file); !os.IsNotExist(err) {
					t.Errorf("%s is left: %v", file, err)
				}
			}
		})
	}
}

// A component that dies is restarted, `status` says so, and stored objects are still there.
func TestComponentsComeBack(t *testing.T) {
	l := newLocal(t)
	l.up("simulated")
	l.run("kubectl", "create", "namespace", "kept")
	for _, name := range []string{"kube-apiserver", "etcd"} {
		for _, c := range l.status().Components {
			if c.Name == name {
				if c.Memory < 1<<20 || !strings.HasPrefix(c.Version, "v") {
					t.Errorf("%+v", c)
				}
				if err := syscall.Kill(c.PID, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		eventually(t, name+" runs again", func() bool {
			for _, c := range l.status().Components {
				if c.Name == name {
					return c.Restarts == 1 && c.State == "running"
				}
			}
			return false
		})
		eventually(t, "namespace", func() bool { _, err := l.try("kubectl", "get", "namespace", "kept"); return err == nil })
	}
}

// Two clusters do not affect each other, `up` can be repeated, and users have only the rights of every signed-in user.
func TestSideBySide(t *testing.T) {
	a, b := newLocal(t), newLocal(t)
	b.name, b.home = b.name+"b", a.home
	a.up("simulated")
	b.up("simulated")
	if a, b := a.status(), b.status(); a.Server == b.Server || a.Registry == b.Registry {
		t.Errorf("same addresses: %+v %+v", a, b)
	}
	dir, err := dist()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + "/node/pause"); err == nil {
		image := a.run("push", "test:1", dir+"/node/pause")
		a.up("simulated")
		if again := a.run("push", "test:1", dir+"/node/pause"); again != image {
			t.Errorf("%s is now %s", image, again)
		}
	}
	if out, err := a.try("up", "--nodes", "real"); err == nil {
		t.Errorf("changed nodes: %s", out)
	}

	// The context moves to the file that is given now.
	other := filepath.Join(t.TempDir(), "other")
	a.run("up", "--kubeconfig", other)
	if text, err := os.ReadFile(other); err != nil || !strings.Contains(string(text), "psc-local-"+a.name) {
		t.Errorf("%v, %s", err, text)
	}
	if _, err := os.Stat(a.kubeconfig); !os.IsNotExist(err) {
		t.Errorf("the old kubeconfig is left: %v", err)
	}

	alice := filepath.Join(t.TempDir(), "alice")
	if err := os.WriteFile(alice, []byte(a.run("kubeconfig", "--user", "alice")), 0o600); err != nil {
		t.Fatal(err)
	}
	for verb, want := range map[string]string{"get configmap/psc-platform -n psc-system": "yes", "list gateways.gateway.networking.k8s.io": "yes", "list secrets": "no"} {
		out, _ := a.try(append([]string{"kubectl", "--kubeconfig", alice, "auth", "can-i"}, strings.Fields(verb)...)...)
		if lines := strings.Fields(out); len(lines) == 0 || lines[len(lines)-1] != want {
			t.Errorf("alice: %s: %s, want %s", verb, out, want)
		}
	}
	for _, args := range [][]string{{"up", "--nodes", "none"}, {"logs"}, {"push", "x"}, {"nothing"}, {"logs", "nothing"}} {
		if out, err := a.try(args...); exitCode(err) != 2 {
			t.Errorf("%v: %v, %s", args, err, out)
		}
	}
}

// A component that cannot start ends `up` soon, with the end of its log.
func TestComponentFails(t *testing.T) {
	l := newLocal(t)
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := l.try("up", "--nodes", "simulated", "--issuer", "https://localhost:9998", "--client-id", "psc", "--issuer-ca", ca)
	for _, want := range []string{"kube-apiserver ended 5 times", "jwt[0].issuer.certificateAuthority"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q (%v) in\n%s", want, err, out)
		}
	}
	for flags, want := range map[string]string{
		"--issuer http://localhost:9998 --client-id psc":      "use https and a port",
		"--issuer https://id.example.com:443 --client-id psc": "must be on this machine",
		"--issuer https://localhost:9998":                     "needs --client-id",
		"--client-id psc":                                     "need --issuer URL",
	} {
		if out, err := l.try(append([]string{"up"}, strings.Fields(flags)...)...); exitCode(err) != 2 || !strings.Contains(out, want) {
			t.Errorf("up %s: %v, %s", flags, err, out)
		}
	}
}
