package names

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestList(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	l := Open("apps", "context")
	if _, found := l.Read(); found {
		t.Error("a new list has names")
	}
	if err := l.Write([]string{"web", "worker"}); err != nil {
		t.Fatal(err)
	}
	if got, found := Open("apps", "context").Read(); !found || !slices.Equal(got, []string{"web", "worker"}) {
		t.Errorf("got %q, %t", got, found)
	}
	if _, found := Open("apps", "other").Read(); found {
		t.Error("another context has the same names")
	}
	if err := l.Write(nil); err != nil {
		t.Fatal(err)
	}
	if got, found := l.Read(); !found || len(got) > 0 {
		t.Errorf("an empty list: got %q, %t", got, found)
	}
	for path, want := range map[string]os.FileMode{l.path: 0o600, filepath.Dir(l.path): os.ModeDir | 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestClaim(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	l, now := Open("apps"), time.Now()
	if !l.Claim(now, time.Minute) {
		t.Error("the first claim fails")
	}
	if l.Claim(now, time.Minute) {
		t.Error("two claims at once")
	}
	if !l.Claim(now.Add(2*time.Minute), time.Minute) {
		t.Error("the claim of a process that was killed stays")
	}
	l.Release()
	if !l.Claim(now, time.Minute) {
		t.Error("a released claim stays")
	}
}

// Without HOME nothing is kept, and nothing fails.
func TestNowhere(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "")
	t.Setenv("HOME", "")
	l := Open("apps")
	if err := l.Write([]string{"web"}); err != nil {
		t.Error(err)
	}
	if _, found := l.Read(); found || !l.Claim(time.Now(), time.Minute) {
		t.Error("names are kept without a folder")
	}
	l.Release()
}
