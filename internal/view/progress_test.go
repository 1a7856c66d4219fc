package view_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func open(t *testing.T, stderr *bytes.Buffer) *view.View {
	v, err := view.New(&bytes.Buffer{}, stderr, "", false, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A failed resource is never described as ready, not even in part, and its reason stays in one line.
func TestStatusWords(t *testing.T) {
	for _, test := range []struct {
		status health.Status
		urls   []string
		want   string
	}{
		{health.Status{State: health.Progressing, Desired: 2, Ready: 1, Reason: "starting"}, nil, "1/2 ready, starting"},
		{health.Status{State: health.Failed, Desired: 2, Ready: 2, Reason: "it crashes"}, nil, "failed, it crashes"},
		{health.Status{State: health.Failed, Reason: "gateway gw:\r\nno\x1b[31m such\x1b[2J host\n"}, nil, "failed, gateway gw: no such host"},
		{health.Status{State: health.Ready, Desired: 2, Ready: 2}, nil, "2/2 ready"},
		{health.Status{State: health.Ready}, []string{"https://a", "https://b"}, "ready https://a https://b"},
		{health.Status{State: health.Stopped}, nil, "stopped"},
	} {
		if got := view.StatusWords(test.status, test.urls); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// On a terminal each resource has one short line, which is redrawn. Elsewhere each change has a line.
func TestProgress(t *testing.T) {
	t.Setenv("TTY_FORCE", "1") // or the codes are left out: stderr is not a terminal
	t.Setenv("NO_COLOR", "1")
	starts := report.Resource{Name: pod.Ref{Kind: pod.KindApp, Name: "web"}, Status: health.Status{State: health.Progressing, Desired: 1, Reason: "instance web-1: no node: full"}}
	ready := report.Resource{Name: starts.Name, Status: health.Status{State: health.Ready, Desired: 1, Ready: 1}, Since: 1500 * time.Millisecond}
	const (
		short  = "  0.0s  web app   0/1 ready, no node: full\n"
		long   = "  0.0s  web            app   0/1 ready, instance web-1: no node: full\n"
		again  = "  1.5s  web app   1/1 ready\n"
		second = "  1.5s  web            app   1/1 ready\n"
	)
	for terminal, want := range map[bool]string{
		true:  "\r\x1b[K" + short + "\x1b[1A\r\x1b[K" + again,
		false: long + second,
	} {
		var stderr bytes.Buffer
		synctest.Test(t, func(t *testing.T) { // the line is also redrawn over time, and here the time stands still
			v := open(t, &stderr)
			v.Redraw = terminal
			p := v.Progress()
			p.Show(starts)
			p.Show(ready)
			p.Close()
		})
		if diff := cmp.Diff(plain(want), plain(stderr.String())); diff != "" {
			t.Errorf("terminal %t: -want +got\n%s", terminal, diff)
		}
	}
}

// plain makes codes visible. With NO_COLOR only those are left that move the cursor.
func plain(text string) string {
	return strings.ReplaceAll(text, "\x1b", "ESC")
}

// The end of a log is between an error and its hint, and cannot overwrite them.
func TestErrorQuotes(t *testing.T) {
	var stderr bytes.Buffer
	open(t, &stderr).Error(&fault.Error{
		Err: fault.New(fault.Failed, "r1 failed"), Hint: "psc rollback",
		Quotes: []fault.Quote{{From: "web-1", Lines: []string{"one\ttwo", "\x1b[1A\x1b[2Kpsc: r1 is ready"}}},
	})
	want := "psc: error: r1 failed\n  the log of web-1 ends with:\n  | one two\n  | psc: r1 is ready\npsc: hint: psc rollback\n"
	if diff := cmp.Diff(want, stderr.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
