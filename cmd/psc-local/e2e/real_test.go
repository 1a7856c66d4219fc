//go:build linux

package e2e

import (
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A cluster with a real node leaves the machine as it was before, however the cluster ends.
func TestRealLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a real node needs root")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("a real node needs the program nft")
	}
	kill := func(t *testing.T, pids ...int) {
		for _, pid := range pids {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, end := range map[string]func(l *local, supervisor, init int){
		"down":               func(l *local, _, _ int) { l.run("down") },
		"supervisor killed":  func(l *local, supervisor, _ int) { kill(l.t, supervisor) },
		"supervisor stopped": func(_ *local, supervisor, _ int) { _ = syscall.Kill(supervisor, syscall.SIGTERM) },
		"init killed":        func(l *local, _, init int) { kill(l.t, init) },
		"both killed, then down": func(l *local, supervisor, init int) {
			kill(l.t, supervisor, init)
			l.run("down")
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			l := newLocal(t)
			before := machine(t, l)
			l.up("real")
			dir, err := dist()
			if err != nil {
				t.Fatal(err)
			}
			image := strings.TrimSpace(l.run("push", "held:1", dir+"/node/pause"))
			l.run("kubectl", "create", "deployment", "held", "--image", image, "--replicas=3")
			l.run("kubectl", "rollout", "status", "deployment/held", "--timeout=60s")

			s := l.status()
			supervisor, init := s.Supervisor, parent(t, s.Components[0].PID)
			inside := processesWith(t, init)
			if len(inside) < 12 {
				t.Errorf("only %d processes", len(inside))
			}
			end(l, supervisor, init)
			for _, pid := range append(inside, supervisor) {
				eventually(t, "process "+strconv.Itoa(pid)+" ends", func() bool { return !alive(pid) })
			}
			eventually(t, "the folder goes", func() bool { _, err := os.Stat(l.home); return errors.Is(err, fs.ErrNotExist) })
			after := machine(t, l)
			for line := range after {
				if !before[line] {
					t.Errorf("left: %s", line)
				}
			}
			for line := range before {
				if !after[line] {
					t.Errorf("gone: %s", line)
				}
			}
		})
	}
}

// machine returns everything that a cluster might change: mounts, interfaces, firewall rules, cgroups, kernel parameters, files.
func machine(t *testing.T, l *local) map[string]bool {
	t.Helper()
	lines := map[string]bool{}
	add := func(kind, text string) {
		for line := range strings.Lines(text) {
			lines[kind+" "+strings.TrimSpace(line)] = true
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	add("mount", string(mounts))
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			add("address", i.Name+" "+a.String())
		}
		add("interface", i.Name+" "+i.Flags.String())
	}
	rules, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatalf("nft: %v\n%s", err, rules)
	}
	add("rule", string(rules))
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "net/ipv4/ip_forward", "kernel/hostname"} {
		value, _ := os.ReadFile("/proc/sys/" + name)
		add("sysctl", name+" "+string(value))
	}
	// Not all of /tmp, /root and so on: other programs write there, including this test's own tools.
	for _, root := range []string{"/sys/fs/cgroup", "/etc", "/opt", "/run", "/usr/libexec", "/var/lib", "/var/log", filepath.Dir(l.home), filepath.Dir(l.kubeconfig)} {
		_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || root == "/sys/fs/cgroup" && !ours(path, l) {
				return nil
			}
			lines["file "+path] = true
			return nil
		})
	}
	return lines
}

// ours reports whether a cgroup could be the cluster's: other programs create and remove groups all the time.
func ours(path string, l *local) bool {
	return strings.Contains(path, l.name) || strings.Contains(path, "kube") && !strings.Contains(path, "/psc-local-")
}

// parent returns the parent of a process.
func parent(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	ppid, err := strconv.Atoi(strings.Fields(after)[1])
	if err != nil {
		t.Fatal(err)
	}
	return ppid
}

// processesWith returns the processes that share a namespace with init.
func processesWith(t *testing.T, init int) []int {
	t.Helper()
	found := map[int]bool{}
	for _, kind := range []string{"pid", "net", "mnt", "ipc", "uts"} {
		namespace, err := os.Readlink("/proc/" + strconv.Itoa(init) + "/ns/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		if own, err := os.Readlink("/proc/self/ns/" + kind); err != nil || own == namespace {
			t.Errorf("no %s namespace of its own", kind)
		}
		all, _ := filepath.Glob("/proc/[0-9]*")
		for _, dir := range all {
			if ns, err := os.Readlink(dir + "/ns/" + kind); err == nil && ns == namespace {
				pid, _ := strconv.Atoi(filepath.Base(dir))
				found[pid] = true
			}
		}
	}
	return slices.Collect(maps.Keys(found))
}
