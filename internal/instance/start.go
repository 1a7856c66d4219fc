package instance

import (
	"bytes"
	"io"
	"strconv"
	"sync/atomic"
)

// start passes on what a command writes, from its process ID on. What comes before is dropped: a terminal repeats what is typed.
type start struct {
	to      io.Writer
	ready   chan struct{} // closed when the script answers
	seen    []byte        // what is not passed on yet
	passing bool
	id      atomic.Int64
	// input is what the command reads, if it has no terminal. It is passed on from the process ID on, until the script asks for its end.
	input io.Reader
	pass  *io.PipeWriter
	// over is closed when the script asks for the end of the input: the command has ended with code.
	over chan struct{}
	code int
}

// The script writes this before the process ID, and before an answer.
const (
	marks   = "psc: "
	answers = "ready"
)

// Write implements io.Writer.
func (s *start) Write(p []byte) (int, error) {
	if s.passing && s.input == nil {
		return s.to.Write(p)
	}
	s.seen = append(s.seen, p...)
	for !s.passing {
		_, after, _ := bytes.Cut(s.seen, []byte(marks))
		word, rest, whole := bytes.Cut(after, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		s.seen = rest
		if id, err := strconv.ParseInt(string(bytes.TrimSpace(word)), 10, 64); err == nil {
			s.id.Store(id)
			s.passing = true
			s.begin()
			break
		}
		select {
		case <-s.ready:
		default:
			close(s.ready)
		}
	}
	return len(p), s.flush(s.enough())
}

// begin passes on the input.
func (s *start) begin() {
	if s.input != nil {
		go func() {
			_, err := io.Copy(s.pass, s.input)
			_ = s.pass.CloseWithError(err)
		}()
	}
}

// enough ends the input if the script asks for that, and returns how much of what was seen is surely no such request.
func (s *start) enough() int {
	if s.input == nil {
		return len(s.seen)
	}
	at := bytes.Index(s.seen, []byte(enough))
	if at < 0 {
		if at = bytes.LastIndexByte(s.seen, enough[0]); at >= 0 && bytes.HasPrefix([]byte(enough), s.seen[at:]) {
			return at
		}
		return len(s.seen)
	}
	word, after, whole := bytes.Cut(s.seen[at+len(enough):], []byte("\n"))
	if !whole {
		return at
	}
	code, err := strconv.Atoi(string(word))
	if err != nil { // another text
		return len(s.seen)
	}
	s.seen = append(s.seen[:at:at], after...)
	_ = s.pass.Close()
	select {
	case <-s.over:
	default:
		s.code = code
		close(s.over)
	}
	return len(s.seen)
}

// flush passes on the first n bytes of what was seen.
func (s *start) flush(n int) error {
	if n == 0 {
		return nil
	}
	_, err := s.to.Write(s.seen[:n])
	s.seen = s.seen[n:]
	return err
}

// end passes on the rest.
func (s *start) end() {
	if s.passing {
		_ = s.flush(len(s.seen))
	}
	if s.input != nil {
		_ = s.pass.Close()
	}
}
