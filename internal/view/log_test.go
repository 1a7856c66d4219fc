package view

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pscdev/psc/pkg/report"
)

// What an app prints keeps its bytes in a pipe and in JSON. A terminal obeys none of it.
func TestLog(t *testing.T) {
	lines := []report.LogLine{{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), App: "web", Instance: "web-1", Container: "worker",
		Line: "\x1b[31mred\x1b[0m <a>\x1b[2J" + own + "2J\a\xff\tend\r",
	}}
	for _, test := range []struct {
		name, format string
		terminal     bool
		match        string
		want         string
	}{
		{name: "pipe", want: "web-1/worker | " + lines[0].Line + "\n"},
		{name: "terminal", terminal: true, want: "COLOURweb-1/worker\x1b[m | red <a>\\u001b[2J2J\\u0007\\xff\tend\n"},
		{name: "match", terminal: true, match: "e.d", want: "COLOURweb-1/worker\x1b[m | red <a>\\u001b[2J2J\\u0007\\xff\t\x1b[1;31mend\x1b[m\n"},
		{name: "json", format: "json", want: `{"time":"2026-01-02T03:04:05.0000006Z","app":"web","instance":"web-1","container":"worker","line":"` +
			`\u001b[31mred\u001b[0m <a>\u001b[2J` + strings.ReplaceAll(own, "\x1b", `\u001b`) + `2J\u0007\ufffd\tend\r"}` + "\n"},
		{name: "jsonpath", format: "jsonpath={.instance}", want: "web-1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			v := &View{document: &out, format: test.format}
			if test.terminal {
				v.document = screen{to: &out}
			}
			log, err := v.Log()
			if err != nil {
				t.Fatal(err)
			}
			log.Several = true
			if test.match != "" {
				log.Match = regexp.MustCompile(test.match)
			}
			if err := log.Write(lines); err != nil {
				t.Fatal(err)
			}
			got := regexp.MustCompile(`^\x1b\[\d+m`).ReplaceAllString(out.String(), "COLOUR")
			if got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}
