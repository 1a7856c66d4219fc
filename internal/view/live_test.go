package view

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/report"
)

// live shows lists of apps with a Live on a terminal of some size, or with a width of 0 in a file, and returns what was written.
func live(t *testing.T, format string, size func() (width, height int), show func(func(...report.App), *Live)) string {
	t.Helper()
	t.Setenv("TERM", "xterm")
	t.Setenv("CI", "")
	t.Setenv("TTY_FORCE", "1")
	t.Setenv("NO_COLOR", "1")
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) { // the answer is also drawn again over time
		v, err := New(&out, io.Discard, format, false, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		v.outSize = size
		l := v.Live()
		show(func(apps ...report.App) {
			if err := LiveList(l, apps, "none", "psc app create", Apps); err != nil {
				t.Error(err)
			}
		}, l)
		l.Close()
	})
	return strings.ReplaceAll(out.String(), "\x1b", "ESC")
}

func sized(width, height int) func() (int, int) { return func() (int, int) { return width, height } }

func app(name string, state health.State) report.App { return report.App{Name: name, State: state} }

// On a terminal the answer is redrawn in place, only where it changes, and shrinks and grows.
func TestLiveRedraws(t *testing.T) {
	got := live(t, "", sized(80, 24), func(show func(...report.App), l *Live) {
		show(app("web", health.Progressing))
		show(app("web", health.Progressing))
		time.Sleep(3 * tick)
		show(app("web", health.Ready), app("api", health.Ready))
		show()
		l.Say("the API server is away")
		show()
	})
	want := "\rESC[KAPP   STATE      INSTANCES\n\rESC[Kweb   starting   0/0\n" +
		"ESC[2A\rESC[KAPP   STATE   INSTANCES\n\rESC[Kweb   ready   0/0\n\rESC[Kapi   ready   0/0\n" +
		"ESC[3A\rESC[Knone\n\rESC[KNext: psc app create\nESC[J" +
		"\rESC[Knone\n\rESC[KNext: psc app create\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A terminal that is too small gets the first lines, none of them too wide, and a new size begins a new picture.
func TestLiveSizes(t *testing.T) {
	var size atomic.Pointer[func() (int, int)]
	size.Store(new(sized(20, 4)))
	got := live(t, "", func() (int, int) { return (*size.Load())() }, func(show func(...report.App), _ *Live) {
		var apps []report.App
		for i := range 9 {
			apps = append(apps, app(fmt.Sprintf("a-long-name-%d", i), health.Ready))
		}
		show(apps...)
		size.Store(new(sized(80, 3)))
		time.Sleep(2 * tick)
	})
	first, second, resized := strings.Cut(got, "ESC[HESC[2J")
	for width, picture := range map[int]string{20: first, 80: second} {
		lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(picture, "\rESC[K", ""), "\n"), "\n")
		if want := map[int]int{20: 3, 80: 2}[width]; len(lines) != want || !resized {
			t.Errorf("got %d lines, want %d:\n%s", len(lines), want, got)
		}
		for _, line := range lines {
			if len([]rune(line)) >= width {
				t.Errorf("%q does not fit %d columns", line, width)
			}
		}
		if !strings.Contains(picture, "more lines") {
			t.Errorf("nothing says that lines are missing:\n%s", got)
		}
	}
}

// Elsewhere each change has a line, and with -o each new document.
func TestLiveLines(t *testing.T) {
	changes := func(show func(...report.App), _ *Live) {
		show(app("web", health.Progressing), app("api", health.Ready))
		show(app("web", health.Progressing), app("api", health.Ready))
		show(app("web", health.Ready))
	}
	for format, want := range map[string]string{
		"":                           "web   starting   0/0\napi   ready   0/0\nweb   ready   0/0\napp/api is gone\n",
		"name":                       "app/web\napp/api\napp/web\n",
		"jsonpath={.items[*].state}": "progressing ready\nready\n",
		"yaml": "---\nitems:\n- image: \"\"\n  instances:\n    desired: 0\n    ready: 0\n  name: web\n  state: progressing\n- image: \"\"\n  instances:\n    desired: 0\n    ready: 0\n  name: api\n  state: ready\n" +
			"---\nitems:\n- image: \"\"\n  instances:\n    desired: 0\n    ready: 0\n  name: web\n  state: ready\n",
		"json": `{"items":[{"name":"web","image":"","instances":{"desired":0,"ready":0},"state":"progressing"},` +
			`{"name":"api","image":"","instances":{"desired":0,"ready":0},"state":"ready"}]}` + "\n" +
			`{"items":[{"name":"web","image":"","instances":{"desired":0,"ready":0},"state":"ready"}]}` + "\n",
	} {
		if diff := cmp.Diff(want, live(t, format, sized(0, 0), changes)); diff != "" {
			t.Errorf("-o %q: -want +got\n%s", format, diff)
		}
	}
}

// That time passes is no change.
func TestLiveTimes(t *testing.T) {
	got := live(t, "", sized(0, 0), func(_ func(...report.App), l *Live) {
		pods := []report.Pod{{Name: "shop", Created: time.Now()}}
		for range 2 {
			if err := LiveList(l, pods, "none", "psc new-pod", Pods); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour)
		}
	})
	if diff := cmp.Diff("shop   0s ago\n", got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
