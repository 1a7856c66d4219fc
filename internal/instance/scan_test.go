package instance

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// at returns a line of a log at a time within a second.
func at(nanos int, text string) string {
	return fmt.Sprintf("2026-01-02T03:04:05.%09dZ %s\n", nanos, text)
}

// A log is read in parts, as often as the connection breaks: each line is sent once.
func TestScan(t *testing.T) {
	long := strings.Repeat("x", 1_000_000)
	endless := strings.Repeat("y", maxLine)
	for name, test := range map[string]struct {
		parts []string
		whole bool // the last part is complete
		want  []string
	}{
		"one part":                  {parts: []string{at(1, "a") + at(2, "b")}, want: []string{"a", "b"}},
		"the same part again":       {parts: []string{at(1, "a") + at(2, "b"), at(1, "a") + at(2, "b")}, want: []string{"a", "b"}},
		"a new line":                {parts: []string{at(1, "a"), at(1, "a") + at(2, "b"), at(1, "a") + at(2, "b") + at(3, "c")}, want: []string{"a", "b", "c"}},
		"equal lines at one time":   {parts: []string{at(1, "a") + at(1, "a"), at(1, "a") + at(1, "a") + at(1, "a")}, want: []string{"a", "a", "a"}},
		"a clock that was set back": {parts: []string{at(5, "a") + at(2, "b") + at(6, "c")}, want: []string{"a", "b", "c"}},
		"the log was rotated":       {parts: []string{at(1, "a") + at(2, "b"), at(3, "c")}, want: []string{"a", "b", "c"}},
		"an empty line":             {parts: []string{at(1, "") + at(2, " b ")}, want: []string{"", " b "}},
		"broken inside a line":      {parts: []string{at(1, "a") + strings.TrimSuffix(at(2, "b"), "\n"), at(1, "a") + at(2, "bc")}, want: []string{"a", "bc"}},
		"broken inside a time":      {parts: []string{at(1, "a") + at(2, "b")[:10], at(1, "a") + at(2, "b")}, want: []string{"a", "b"}},
		"no line break at the end":  {parts: []string{at(1, "a") + strings.TrimSuffix(at(2, "b"), "\n")}, whole: true, want: []string{"a", "b"}},
		"not UTF-8":                 {parts: []string{at(1, "a\xff\x1b[0m\r")}, want: []string{"a\xff\x1b[0m\r"}},
		"a long line":               {parts: []string{at(1, long) + at(2, "b")}, want: []string{long, "b"}},
		"a line without end":        {parts: []string{at(1, endless+endless+"z") + at(2, "b"), at(1, endless+endless+"z") + at(2, "b") + at(3, "c")}, want: []string{endless + endless + "z", "b", "c"}},
		"the node has no log":       {parts: []string{"unable to retrieve container logs for containerd://1"}, whole: true},
		"words of the kubelet":      {parts: []string{at(1, "a") + "rpc error: the log is gone\n"}, want: []string{"a", "rpc error: the log is gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scanner{}
			var got []string
			cut := false
			for i, part := range test.parts {
				err := s.scan(strings.NewReader(part), test.whole && i == len(test.parts)-1, func(lines []line) error {
					for _, l := range lines {
						if len(l.Line) > maxLine {
							t.Errorf("a line of %d bytes", len(l.Line))
						}
						if cut {
							got[len(got)-1] += l.Line
						} else {
							got = append(got, l.Line)
						}
						cut = len(l.Line) > maxLine/2 && len(l.Line) != len(long)
					}
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What a part ends with is sent later, if there is no more of the log.
func TestScanRest(t *testing.T) {
	s := &scanner{}
	if err := s.scan(strings.NewReader(strings.TrimSuffix(at(1, "a"), "\n")), false, nil); err != nil {
		t.Fatal(err)
	}
	if s.rest == nil || s.rest.Line != "a" {
		t.Errorf("rest is %v, want a", s.rest)
	}
}

// Complete lines are sent before the next one arrives, and before the error of the connection.
func TestScanSendsSoon(t *testing.T) {
	out, in := io.Pipe()
	sent := make(chan string, 10)
	done := make(chan error, 1)
	go func() {
		done <- (&scanner{}).scan(out, false, func(lines []line) error {
			for _, l := range lines {
				sent <- l.Line
			}
			return nil
		})
	}()
	if _, err := io.WriteString(in, at(1, "a")+at(2, "b")[:20]); err != nil {
		t.Fatal(err)
	}
	if got := <-sent; got != "a" {
		t.Errorf("got %q, want a", got)
	}
	if err := in.CloseWithError(iotest.ErrTimeout); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("the error is %v", err)
	}
}
