package userfile

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this test the program that the tests run many times at once: it adds an entry to a file, again and again with
// "forever".
func TestMain(m *testing.M) {
	path := os.Getenv("USERFILE_PATH")
	if path == "" {
		os.Exit(m.Run())
	}
	for i := 0; ; i++ {
		if err := put(path, os.Getenv("USERFILE_NAME"), i, Patience{Limit: time.Minute}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if os.Getenv("USERFILE_FOREVER") == "" {
			return
		}
	}
}

func put(path, name string, value int, p Patience) error {
	return Change(path, p, func(text []byte) ([]byte, error) {
		return Put(text, "users", name, func(entry map[string]any) { entry["value"] = value })
	})
}

func child(t *testing.T, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// All of 20 processes that write at once succeed, and the file has what each of them wrote.
func TestAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "config")
	var all []*exec.Cmd
	for i := range 20 {
		cmd := child(t, "USERFILE_PATH="+path, fmt.Sprintf("USERFILE_NAME=user-%d", i))
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	for _, cmd := range all {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	text := contentOf(t, path)
	for i := range 20 {
		if entry, err := Entry(text, "users", fmt.Sprintf("user-%d", i)); err != nil || entry == nil {
			t.Errorf("user-%d is lost: %v", i, err)
		}
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("these files are left: %s", left)
	}
}

// A process that is killed at any moment leaves the whole file, and nobody waits for it.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	rest := strings.Repeat("# a comment of the user\n", 3_000)
	if err := os.WriteFile(path, []byte("users: []\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		cmd := child(t, "USERFILE_PATH="+path, "USERFILE_NAME=killed", "USERFILE_FOREVER=yes")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(60_000)) * time.Microsecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if text := contentOf(t, path); !strings.HasSuffix(string(text), rest) {
			t.Fatalf("the file is damaged: %d bytes", len(text))
		}
		if err := put(path, "alive", i, Patience{Limit: 20 * time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("these files are left: %s", left)
	}
}

// With a full disk, or a folder that cannot be written, the file stays as it is.
func TestNoRoom(t *testing.T) {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("it mounts a file system: not root on Linux")
	}
	dir := t.TempDir()
	mount := func(args ...string) {
		if out, err := exec.Command("mount", append(args, dir)...).CombinedOutput(); err != nil {
			t.Skipf("mount: %v: %s", err, out)
		}
	}
	mount("-t", "tmpfs", "-o", "size=256k", "tmpfs")
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	path := filepath.Join(dir, "config")
	before := []byte("users: []\n" + strings.Repeat("# a comment of the user\n", 4000))
	if err := os.WriteFile(path, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "other"), make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := put(path, "bob", 1, Patience{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
	if err := Writable(path); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
	mount("-o", "remount,ro")
	if err := put(path, "bob", 1, Patience{}); !errors.Is(err, syscall.EROFS) {
		t.Errorf("read-only: %v", err)
	}
	if err := Writable(path); !errors.Is(err, syscall.EROFS) {
		t.Errorf("read-only: %v", err)
	}
	if err := Change(path, Patience{}, func(text []byte) ([]byte, error) { return Remove(text, "users", "bob") }); err != nil {
		t.Errorf("nothing to write: %v", err)
	}
	if !bytes.Equal(contentOf(t, path), before) {
		t.Error("the file has changed")
	}
	if left := names(t, dir); !slices.Equal(left, []string{"config", "other"}) {
		t.Errorf("these files are left: %s", left)
	}
}

// Another psc is waited for, and named when it takes too long.
func TestHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	held, release := make(chan bool), make(chan bool)
	done := make(chan error)
	go func() {
		done <- Change(path, Patience{}, func([]byte) ([]byte, error) {
			held <- true
			<-release
			return []byte("users: []\n"), nil
		})
	}()
	<-held
	holder := fmt.Sprintf("psc, process %d", os.Getpid())
	err := put(path, "bob", 1, Patience{Limit: 100 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "is locked by "+holder) {
		t.Error(err)
	}
	told := ""
	notice := func(h string) {
		told = h
		release <- true
	}
	if err := put(path, "bob", 1, Patience{Notice: notice, After: time.Millisecond, Limit: time.Minute}); err != nil || told != holder {
		t.Errorf("%v, told %q", err, told)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := string(contentOf(t, path)); got != "users:\n- name: bob\n  value: 1\n" {
		t.Error(got)
	}
}

// The lock of kubectl is waited for and never removed. What kubectl writes while psc does is kept.
func TestForeign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte("users: []\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".lock", nil, 0); err != nil {
		t.Fatal(err)
	}
	err := put(path, "bob", 1, Patience{Limit: 50 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), path+".lock exists, for ") {
		t.Error(err)
	}
	unlocked := func(string) {
		if err := errors.Join(os.WriteFile(path, []byte("users: [{name: kubectl}]\n"), 0o600), os.Remove(path+".lock")); err != nil {
			t.Error(err)
		}
	}
	if err := put(path, "bob", 1, Patience{Notice: unlocked, After: time.Millisecond, Limit: time.Minute}); err != nil {
		t.Error(err)
	}
	late := false // kubectl takes the lock after psc has looked for it
	err = Change(path, Patience{Notice: unlocked, After: 50 * time.Millisecond, Limit: time.Minute}, func(text []byte) ([]byte, error) {
		if !late {
			late = true
			if err := os.WriteFile(path+".lock", nil, 0); err != nil {
				t.Error(err)
			}
		}
		return Put(text, "users", "carol", func(map[string]any) {})
	})
	if err != nil {
		t.Error(err)
	}
	if got := string(contentOf(t, path)); got != `users: [{"name":"carol"}, {name: kubectl}]`+"\n" {
		t.Error(got)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode has changed: %v %v", info.Mode(), err)
	}
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
