package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// Events writes events. If there are none, empty is the message.
func (v *View) Events(all []report.Event, empty string) error {
	if all == nil {
		all = []report.Event{}
	}
	names := slices.DeleteFunc(report.Refs(all...), func(name string) bool { return name == "" })
	return v.Answer(report.List[report.Event]{Items: all}, names, func(w io.Writer) {
		if len(all) == 0 {
			v.Say("%s", empty)
			return
		}
		events(all, v.ago).write(w, v.width, true)
	})
}

// Feed writes events as they come.
type Feed struct {
	view  *View
	begun bool
	width int // of the column of the apps
}

// Feed returns a Feed. The error is about the output format: not every one fits.
func (v *View) Feed() (*Feed, error) {
	return &Feed{view: v}, v.streams("events that come one by one", "event")
}

// Write writes events, or a document for each of them. If the first ones are none, empty is the message.
func (f *Feed) Write(all []report.Event, empty string) error {
	if f.view.Document() {
		return writeEach(f.view, all)
	}
	if len(all) == 0 {
		f.view.Say("%s", empty)
		return nil
	}
	g := events(all, func(t time.Time) string { return t.Local().Format(time.TimeOnly) })
	f.width = max(f.width, g.widths[1])
	g.widths[1] = f.width
	width, _ := f.view.outSize()
	g.write(f.view.out, width, !f.begun)
	f.begun = true
	return nil
}

// events returns the table of events.
func events(all []report.Event, when func(time.Time) string) grid {
	return newGrid([]string{"LAST SEEN", "APP", "COUNT", "EVENT"}, rows(all, func(e report.Event) []string {
		text := e.Text
		if e.Warning {
			text = warning.Render("warning:") + " " + text
		}
		return []string{when(e.LastSeen), eventOf(e), fmt.Sprint(e.Count), text}
	}))
}

// eventOf names what an event is about: an instance, several of an app, the app, or another object.
func eventOf(e report.Event) string {
	name := cmp.Or(e.App, e.Object)
	switch {
	case e.Instances > 1 && name == "":
		return pod.Count(e.Instances, "instance")
	case e.Instances > 1:
		return name + ", " + pod.Count(e.Instances, "instance")
	case e.Instances == 1:
		return e.Object[strings.Index(e.Object, "/")+1:]
	}
	return name
}
