package instance

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// However the output of a command arrives, it is passed on whole and without what the script says, which ends the input.
func TestStart(t *testing.T) {
	const output, want = "typed\npsc: ready\npsc: 42\nerr\x1epsc: no\x1e" + enough + "7\ntail\x1e", "err\x1epsc: no\x1etail\x1e"
	for size := 1; size <= len(output); size++ {
		var out bytes.Buffer
		s := &start{to: &out, ready: make(chan struct{}), input: strings.NewReader("input"), over: make(chan struct{})}
		var in io.Reader
		in, s.pass = io.Pipe()
		read := make(chan string)
		go func() {
			all, _ := io.ReadAll(in)
			read <- string(all)
		}()
		for rest := output; rest != ""; {
			n := min(size, len(rest))
			if _, err := s.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		<-read // it ends before the command does
		<-s.over
		s.end()
		if got := out.String(); got != want || s.id.Load() != 42 || s.code != 7 {
			t.Errorf("in pieces of %d: got %q of process %d", size, got, s.id.Load())
		}
	}
}
