package instance

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/report"
)

const (
	// maxLine is how many bytes a line has at most. A longer one is cut into several.
	maxLine = 1 << 20
	// A batch is sent when it has this many lines or bytes, or when the next line has not arrived yet.
	maxBatch, maxBatchBytes = 256, 64 << 10
	// readBuffer is how much of a log is read at once.
	readBuffer = 32 << 10
)

// line is a line of a log, and its place among all lines: a clock that is set back does not change the order within a log.
type line struct {
	report.LogLine
	place time.Time
}

// scanner cuts a log into lines, and remembers how far it has come: a log that is read again continues behind the last line.
type scanner struct {
	of   report.LogLine         // what all lines have in common
	keep func(text []byte) bool // nil for all
	mute bool                   // lines are read, and not sent

	last time.Time // of the newest line that was read
	seen int       // how many lines with this time were read
	rest *line     // the end of the log, if it has no line break and whole was not set
}

// scan reads a log with timestamps. With whole, a log without a line break at its end is complete. The error is that of the
// reader, except io.EOF, or that of send.
func (s *scanner) scan(log io.Reader, whole bool, send func([]line) error) error {
	in := bufio.NewReaderSize(log, readBuffer)
	p := &part{scanner: s, from: s.last, skip: s.seen}
	s.rest = nil
	var text []byte
	for {
		piece, err := in.ReadSlice('\n')
		text = append(text, piece...)
		switch {
		case err == nil:
			p.add(text[:len(text)-1], true)
			text = text[:0]
		case errors.Is(err, bufio.ErrBufferFull):
			if len(text) >= maxLine {
				p.add(text, false)
				text = text[:0]
			}
			continue
		case errors.Is(err, io.EOF) && len(text) > 0 && whole:
			p.add(text, true)
		case errors.Is(err, io.EOF) && len(text) > 0:
			s.rest = p.peek(text)
		}
		if len(p.lines) > 0 && (err != nil || len(p.lines) >= maxBatch || p.bytes >= maxBatchBytes || !hasLine(in)) {
			if err := send(p.lines); err != nil {
				return err
			}
			p.lines, p.bytes = nil, 0
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// hasLine reports whether the next line is in the buffer.
func hasLine(in *bufio.Reader) bool {
	data, _ := in.Peek(in.Buffered())
	return bytes.IndexByte(data, '\n') >= 0
}

// part is one reading of a log.
type part struct {
	*scanner
	from   time.Time // the newest line of the part before, and
	skip   int       // how many lines of that time were read
	caught bool      // all lines from here on are new
	inside bool      // the next text continues a line
	known  bool      // the line that it continues was read before
	lines  []line
	bytes  int
}

// add adds a line, or the beginning of one, unless it was read before.
func (p *part) add(text []byte, ends bool) {
	continues := p.inside
	p.inside = !ends
	at := p.last
	if !continues {
		stamp, rest, _ := bytes.Cut(text, []byte(" "))
		var parsed time.Time
		if parsed.UnmarshalText(stamp) != nil { // words of the kubelet
			if !kube.NoLog(string(text)) && len(text) > 0 {
				p.append(text, at)
			}
			return
		}
		at, text = parsed, rest
		if p.known = p.before(at); !p.known {
			p.count(at)
		}
	}
	if !p.known {
		p.append(text, at)
	}
}

// before reports whether a line was read before.
func (p *part) before(at time.Time) bool {
	switch {
	case p.caught || p.from.IsZero() || at.After(p.from):
		p.caught = true
		return false
	case at.Equal(p.from) && p.skip == 0:
		return false
	case at.Equal(p.from):
		p.skip--
	}
	return true
}

func (p *part) count(at time.Time) {
	switch {
	case at.After(p.last):
		p.last, p.seen = at, 1
	case at.Equal(p.last):
		p.seen++
	}
}

func (p *part) append(text []byte, at time.Time) {
	if p.mute || p.keep != nil && !p.keep(text) {
		return
	}
	l := line{LogLine: p.of, place: p.last}
	l.Time, l.Line = at, string(text)
	p.lines = append(p.lines, l)
	p.bytes += len(text)
}

// peek returns a line that has no end yet, without counting it; nil if even its text is missing.
func (p *part) peek(text []byte) *line {
	if !p.inside && !bytes.Contains(text, []byte(" ")) {
		return nil
	}
	copied, scanned := *p, *p.scanner
	copied.scanner, copied.lines = &scanned, nil
	copied.add(text, true)
	if len(copied.lines) == 0 {
		return nil
	}
	return &copied.lines[0]
}
