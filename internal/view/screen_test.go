package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
)

// Text of other people changes nothing on a terminal but by its letters, and psc's own codes stay.
func TestScreen(t *testing.T) {
	for text, want := range map[string]string{
		"a\tb\nc":                  "a\tb\nc",
		"größe 日本 👩‍💻 \ufffd":      "größe 日本 👩‍💻 \ufffd",
		"\x1b[2J\x1b]0;owned\a":    `\u001b[2J\u001b]0;owned\u0007`,
		"\x1b[32mgreen\x1b[m":      `\u001b[32mgreen\u001b[m`,
		"r1 failed\rr1 is ready\b": `r1 failed\rr1 is ready\u0008`,
		"\u009b2J\u0085\x7f\x00":   `\u009b2J\u0085\u007f\u0000`,
		"\x9b2J caf\xe9":           `\x9b2J caf\xe9`,
		"a\u202eb\u2066c":          `a\u202eb\u2066c`,
		`\u001b[2J`:                `\u001b[2J`,
		good.Render("ok\x1b[2J"):   "\x1b[32mok\\u001b[2J\x1b[m",
		"\x1b[7;32mforged":         `\u001b[7;32mforged`,
	} {
		var out bytes.Buffer
		if _, err := Screen(&out).Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%q: -want +got\n%s", text, diff)
		}
	}
	if wide := ansi.StringWidth(bad.Render("four")); wide != 4 {
		t.Errorf("a coloured word of 4 letters has a width of %d", wide)
	}
}

// A document has the same content as before, and no control character, in each encoding.
func TestDocumentCodes(t *testing.T) {
	want := map[string]string{"message": "a\x1b[2J\u009b2J\x7f\u202e\r\n\tb"}
	for _, format := range []string{"json", "yaml"} {
		var out bytes.Buffer
		v, err := New(&out, io.Discard, format, false, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Answer(want, nil, nil); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.ContainsAny(text, "\x1b\u009b\x7f\r") {
			t.Errorf("%s: %q", format, text)
		}
		if got := map[string]string{}; format == "json" {
			if err := json.Unmarshal(out.Bytes(), &got); err != nil || !cmp.Equal(want, got) {
				t.Errorf("got %q, %v", got, err)
			}
		}
	}
	var out bytes.Buffer
	v, err := New(&out, io.Discard, "jsonpath={.message}", false, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Answer(want, nil, nil); err != nil || out.String() != want["message"] {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

// The first error of an answer is kept, nothing more is written after it, and a reader that has gone is no error.
func TestOutput(t *testing.T) {
	for _, test := range []struct{ err, want error }{
		{nil, nil},
		{syscall.ENOSPC, syscall.ENOSPC},
		{syscall.EBADF, syscall.EBADF},
		{syscall.EPIPE, nil},
	} {
		to := &failing{err: test.err}
		out := NewOutput(to)
		for range 3 {
			if n, err := io.WriteString(out, "text"); n != 4 || err != nil {
				t.Errorf("%v: wrote %d, %v", test.err, n, err)
			}
		}
		if !errors.Is(out.Err(), test.want) || test.want == nil && out.Err() != nil {
			t.Errorf("got %v, want %v", out.Err(), test.want)
		}
		if test.err != nil && to.writes != 1 {
			t.Errorf("%v: %d writes", test.err, to.writes)
		}
	}
}

type failing struct {
	err    error
	writes int
}

func (f *failing) Write(p []byte) (int, error) {
	f.writes++
	return len(p), f.err
}
