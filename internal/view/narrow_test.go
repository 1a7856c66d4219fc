package view

import (
	"bytes"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// A small terminal shows as many lines as it has room for: the cursor cannot move to lines above the top.
// The resources that are not ready come first, and no line is longer than the terminal is wide.
func TestProgressNarrow(t *testing.T) {
	t.Setenv("TTY_FORCE", "1") // or the codes are left out: stderr is not a terminal
	var stderr bytes.Buffer
	v, err := New(&bytes.Buffer{}, &stderr, "", false, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	v.Redraw, v.errSize = true, func() (int, int) { return 40, 4 }
	p := v.Progress()
	for _, name := range []string{"a", "b", "c", "api"} {
		p.lines = append(p.lines, report.Resource{Name: pod.Ref{Kind: pod.KindApp, Name: name}, Status: health.Status{State: health.Ready, Desired: 1, Ready: 1}})
	}
	p.Show(report.Resource{Name: pod.Ref{Kind: pod.KindApp, Name: "web"}, Status: health.Status{State: health.Failed, Reason: "instance web-1: image web:2 was not found"}})
	p.Close()
	want := "\r  0.0s  web app   failed, image web:2 …\n\r  0.0s  a   app   1/1 ready\n\r  and 3 more\n"
	if diff := cmp.Diff(want, ansi.Strip(stderr.String())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
