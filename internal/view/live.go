package view

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// block is a block of lines on a terminal that is redrawn in place. The cursor is below it.
type block struct{ drawn int }

// redraw returns the codes and lines that replace the lines of the last call.
func (b *block) redraw(lines []string) string {
	var out strings.Builder
	if b.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", b.drawn)
	}
	for _, line := range lines {
		fmt.Fprintf(&out, "\r\x1b[K%s\n", line)
	}
	if len(lines) < b.drawn {
		out.WriteString("\x1b[J")
	}
	b.drawn = len(lines)
	return out.String()
}

// Live shows an answer that changes: on a terminal it is redrawn in place. Elsewhere each change has a line, and with -o each
// new document follows the last one. It is safe for concurrent use.
type Live struct {
	view *View
	stop chan struct{}
	done chan struct{}

	mu            sync.Mutex
	show          func(*View) error
	block         block
	last          []string
	width, height int // of the last drawing
	document      []byte
	known         map[string]change // nil before the first answer
}

// change is an item of an answer that changes.
type change struct {
	// key is the name of the item.
	key string
	// text describes it in one line. version changes with the item; if it is empty, the text does.
	text, version string
	// old means that it is not worth a line until it changes.
	old bool
}

// redraws reports whether answers go to a terminal whose lines can be redrawn.
func (v *View) redraws() bool {
	width, _ := v.outSize()
	term := os.Getenv("TERM")
	return width > 0 && os.Getenv("CI") == "" && term != "dumb" && (term != "" || runtime.GOOS == "windows")
}

// Live returns a Live. Close ends it.
func (v *View) Live() *Live {
	l := &Live{view: v, stop: make(chan struct{}), done: make(chan struct{})}
	go l.tick()
	return l
}

// Close ends the drawing. What was drawn last stays.
func (l *Live) Close() {
	close(l.stop)
	<-l.done
}

// tick draws again, because relative times grow and a terminal may be resized.
func (l *Live) tick() {
	defer close(l.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			l.mu.Lock()
			if l.show != nil {
				_ = l.draw() // the next update says what is wrong
			}
			l.mu.Unlock()
		}
	}
}

// Say writes a message above what is drawn.
func (l *Live) Say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view.Say(format, args...)
	l.block, l.last = block{}, nil
}

// update shows the answer that show writes to a View. changes returns its items, for those who read lines.
func (l *Live) update(show func(*View) error, changes func() ([]change, error)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.view.Document():
		return l.write(show)
	case l.view.redraws():
		l.show = show
		return l.draw()
	}
	all, err := changes()
	if err == nil && l.known == nil { // what a command says beside its answer, it says once
		v := *l.view
		v.out = screen{io.Discard, true}
		err = show(&v)
	}
	l.lines(all)
	return err
}

// write writes a document, unless it is the same as the last one.
func (l *Live) write(show func(*View) error) error {
	var out bytes.Buffer
	v := *l.view
	v.document, v.oneLine = &out, true
	if l.document != nil {
		v.err = screen{io.Discard, true}
	}
	if err := show(&v); err != nil {
		return err
	}
	data := append(bytes.TrimRight(out.Bytes(), "\n"), '\n')
	if l.document != nil && bytes.Equal(data, l.document) {
		return nil
	}
	if l.view.format == "yaml" {
		data = append([]byte("---\n"), data...)
	}
	_, err := l.view.document.Write(data)
	l.document = bytes.TrimPrefix(data, []byte("---\n"))
	return err
}

// lines writes a line for each item that is new, has changed, or is gone.
func (l *Live) lines(all []change) {
	now := map[string]change{}
	for _, c := range all {
		now[c.key] = c
		last, known := l.known[c.key]
		same := last.version == c.version && (c.version != "" || last.text == c.text)
		if known && !same || !known && !c.old {
			fmt.Fprintln(l.view.out, oneLine(c.text))
		}
	}
	for key := range l.known {
		if _, there := now[key]; !there {
			fmt.Fprintf(l.view.out, "%s is gone\n", oneLine(key))
		}
	}
	l.known = now
}

// draw draws the answer. What a command says beside it is part of the picture.
func (l *Live) draw() error {
	width, height := l.view.outSize()
	var out bytes.Buffer
	v := *l.view
	v.out = screen{&out, v.out.plain}
	v.err, v.document, v.width = v.out, v.out, max(1, width-1)
	if err := l.show(&v); err != nil {
		return err
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if most := max(2, height-1); height > 0 && len(lines) > most { // the cursor is below the lines, and cannot move beyond the top
		more := fmt.Sprintf("%d more lines: the terminal is too small", len(lines)-most+1)
		lines = append(lines[:most-1:most-1], more)
	}
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, v.width, "…")
	}
	text := ""
	switch resized := l.last != nil && (width != l.width || height != l.height); {
	case resized: // the terminal has moved the lines
		l.block, text = block{}, "\x1b[H\x1b[2J"
	case slices.Equal(lines, l.last):
		return nil
	}
	l.last, l.width, l.height = lines, width, height
	_, err := io.WriteString(l.view.out.to, text+l.block.redraw(lines))
	return err
}
