package view

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/report"
)

const (
	// heartbeat is the time without output after which a line says that psc is still waiting.
	heartbeat = 30 * time.Second
	// tick is how often the times are updated on a terminal.
	tick = time.Second
)

// Progress shows the resources of a deploy: on a terminal one line each, which is redrawn, and elsewhere one line per
// change. It is safe for concurrent use.
type Progress struct {
	view *View
	stop chan struct{}
	done chan struct{}

	mu    sync.Mutex
	lines []report.Resource
	block block     // on the terminal
	wrote time.Time // when a line was last written
}

// Progress shows the resources of a deploy until Close is called.
func (v *View) Progress() *Progress {
	p := &Progress{view: v, stop: make(chan struct{}), done: make(chan struct{}), wrote: time.Now()}
	go p.beat()
	return p
}

// Close ends the progress.
func (p *Progress) Close() {
	close(p.stop)
	<-p.done
}

func (p *Progress) beat() {
	defer close(p.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-ticker.C:
			p.mu.Lock()
			switch {
			case p.view.Redraw:
				p.tick()
			case time.Since(p.wrote) >= heartbeat:
				p.say("  still waiting for %s", strings.Join(p.open(), ", "))
			}
			p.mu.Unlock()
		}
	}
}

// tick updates the times of resources that are not ready.
func (p *Progress) tick() {
	changed := false
	for i := range p.lines {
		if p.lines[i].Status.State == health.Progressing {
			p.lines[i].Since += tick
			changed = true
		}
	}
	if changed && p.block.drawn > 0 {
		p.redraw()
	}
}

func (p *Progress) open() []string {
	var names []string
	for _, l := range p.lines {
		if l.Status.State == health.Progressing {
			names = append(names, fmt.Sprintf("%s (%s)", l.Name, p.words(l)))
		}
	}
	if len(names) == 0 {
		return []string{"the cluster"}
	}
	return names
}

// Say writes a message above the lines of the resources.
func (p *Progress) Say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say(format, args...)
	p.block = block{}
}

func (p *Progress) say(format string, args ...any) {
	p.wrote = time.Now()
	p.view.Say(format, args...)
}

// Show updates the state of a resource.
func (p *Progress) Show(line report.Resource) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.lines, func(l report.Resource) bool { return l.Name == line.Name })
	if i < 0 {
		i, p.lines = len(p.lines), append(p.lines, report.Resource{})
	}
	said := p.words(p.lines[i]) == p.words(line)
	p.lines[i] = line
	switch {
	case p.view.Redraw:
		p.redraw()
	case !said:
		p.say("%s", p.text(line))
	}
}

// maxDrawn is the number of lines that are redrawn, if the terminal has room for them. If there are more, the resources that
// are not ready come first, and the last ones are only counted.
const maxDrawn = 20

func (p *Progress) redraw() {
	if p.view.Quiet {
		return
	}
	width, height := p.view.errSize()
	most := maxDrawn
	if height > 0 { // the cursor is below the lines, and cannot move beyond the top
		most = max(2, min(maxDrawn, height-1))
	}
	shown, hidden := p.lines, 0
	if len(shown) > most {
		ready := func(l report.Resource) bool { return l.Status.State == health.Ready }
		open := slices.DeleteFunc(slices.Clone(shown), ready)
		done := slices.DeleteFunc(slices.Clone(shown), func(l report.Resource) bool { return !ready(l) })
		shown, hidden = slices.Concat(open, done)[:most-1], len(shown)-most+1
	}
	lines := rows(shown, func(l report.Resource) string { return fit(p.text(l), width) })
	if hidden > 0 {
		lines = append(lines, "  "+dim.Render(fmt.Sprintf("and %d more", hidden)))
	}
	_ = p.view.err.draw(p.block.redraw(lines)) // the story may be lost, and the deploy goes on
}

func fit(line string, width int) string {
	line = visible(line)
	if width <= 0 {
		return line
	}
	return ansi.Truncate(line, width-1, "…")
}

const (
	sinceWidth = 6
	nameWidth  = 14
	kindWidth  = 5
)

func (p *Progress) text(l report.Resource) string {
	since := seconds(l.Since)
	names := nameWidth
	if p.view.Redraw { // all lines are redrawn, so the column can be as narrow as the names
		names = 0
		for _, other := range p.lines {
			names = max(names, ansi.StringWidth(other.Name.Name))
		}
	}
	return fmt.Sprintf("%s%s  %s %s %s", strings.Repeat(" ", max(0, sinceWidth-len(since))), dim.Render(since),
		pad(l.Name.Name, names), pad(l.Name.Kind.Word(), kindWidth), colour(l.Status.State, p.words(l)))
}

func (p *Progress) words(l report.Resource) string {
	if p.view.Redraw { // a line is cut off at the edge
		l.Status.Reason = l.Status.Cause()
	}
	return StatusWords(l.Status, l.URLs)
}

// StatusWords describes the state of a resource: "2/2 ready", "1/2 ready, image hello:v9 was not found", a route's address.
func StatusWords(s health.Status, urls []string) string {
	words := stateWord(s.State)
	switch {
	case s.State == health.Failed: // the reason says whether the old version still serves
	case s.Desired > 0:
		words = fmt.Sprintf("%d/%d ready", s.Ready, s.Desired)
	case s.State == health.Ready && len(urls) > 0:
		words = "ready " + strings.Join(urls, " ")
	case s.State == health.Progressing && s.Reason != "":
		return oneLine(s.Reason)
	}
	if s.Reason != "" {
		words += ", " + s.Reason
	}
	return oneLine(words)
}

// stateWord returns the word for a state. People need one word for what is not ready yet.
func stateWord(s health.State) string {
	if s == health.Progressing {
		return "starting"
	}
	return string(s)
}

func colour(s health.State, text string) string {
	switch s {
	case health.Ready:
		return good.Render(text)
	case health.Failed:
		return bad.Render(text)
	case health.Progressing:
		return warning.Render(text)
	case health.Stopped:
	}
	return text
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}
