package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
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

// A table loses nothing on a narrow terminal: its last column wraps where a few lines are enough, and what has no room is
// below the row. It has no column without a value.
func TestTableNarrow(t *testing.T) {
	header := []string{"APP", "STATE", "CLASS", "URL", "REASON"}
	rows := [][]string{
		{"web", good.Render("ready"), "", "https://web.example.com", ""},
		{"api", bad.Render("failed"), "", "https://api.example.com", "instance api-5d9-x: ended 3 times with exit code 3: no database"},
	}
	for width, want := range map[int]string{
		0: `APP   STATE    URL                       REASON
web   ready    https://web.example.com
api   failed   https://api.example.com   instance api-5d9-x: ended 3 times with exit code 3: no database
`,
		80: `APP   STATE    URL                       REASON
web   ready    https://web.example.com
api   failed   https://api.example.com   instance api-5d9-x: ended 3 times with
                                         exit code 3: no database
`,
		40: `APP   STATE    URL
web   ready    https://web.example.com
api   failed   https://api.example.com
  reason: instance api-5d9-x: ended 3
    times with exit code 3: no database
`,
		30: `APP   STATE
web   ready
  url: https://web.example.com
api   failed
  url: https://api.example.com
  reason: instance api-5d9-x:
    ended 3 times with exit
    code 3: no database
`,
	} {
		var out bytes.Buffer
		(&View{width: width}).table(&out, header, rows)
		if diff := cmp.Diff(want, ansi.Strip(out.String())); diff != "" {
			t.Errorf("%d columns: -want +got\n%s", width, diff)
		}
	}
}

// The head of a status says which version serves after a deploy that failed.
func TestStatusServing(t *testing.T) {
	app := func(name string, old, ready int) report.App {
		return report.App{Name: name, State: health.Ready, Instances: report.Instances{Desired: 2, Ready: ready, Old: old}}
	}
	for want, doc := range map[string]report.Status{
		"live   r11 failed, r8 still serves (4 ready), deployed":      {Serving: 8, Apps: []report.App{app("web", 4, 0)}},
		"live   r11 failed, the old version still serves (4 ready), ": {Apps: []report.App{app("web", 4, 0)}},
		"live   r11 failed, r8 still serves api (4 ready), deployed":  {Serving: 8, Apps: []report.App{app("api", 4, 0), app("web", 0, 2)}},
		"live   r11 failed, deployed":                                 {Serving: 8, Apps: []report.App{app("web", 0, 0)}},
	} {
		doc.Live = &revision.Revision{Number: 11, State: revision.Failed}
		var out bytes.Buffer
		v, err := New(&out, &bytes.Buffer{}, "", false, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Status(doc, StatusNext{}); err != nil || !strings.Contains(out.String(), "\n"+want) {
			t.Errorf("want %q, got %v\n%s", want, err, out.String())
		}
	}
}

// JSON has the characters that people write, also inside of types with a JSON form of their own.
func TestJSONText(t *testing.T) {
	got, err := encodeJSON(map[string]any{"a": `web -> <b> & \u003c`, "b": json.RawMessage(`"\u003e \\u003e"`)}, "")
	if want := `{"a":"web -> <b> & \\u003c","b":"> \\u003e"}` + "\n"; err != nil || string(got) != want {
		t.Errorf("got %s, want %s, %v", got, want, err)
	}
}
