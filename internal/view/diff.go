package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/pscdev/psc/pkg/convert"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Diff writes how two revisions differ: one line for a resource that is created or deleted, and one line per field for a
// resource that changes.
func (v *View) Diff(doc report.Diff) error {
	return v.Answer(doc, doc.Refs(), func(w io.Writer) {
		v.diff(w, doc)
	})
}

func (v *View) diff(w io.Writer, doc report.Diff) {
	for _, name := range doc.Restarts {
		fmt.Fprintf(w, "%s%s %s  restarted\n", warning.Render("~ "), pod.KindApp.Word(), name)
	}
	if len(doc.Entries)+len(doc.Restarts) == 0 {
		fmt.Fprintln(w, "No differences")
		return
	}
	widest := 0
	for _, e := range doc.Entries {
		widest = max(widest, len(label(e)))
	}
	for _, e := range doc.Entries {
		head := label(e) + strings.Repeat(" ", widest-len(label(e))+gap)
		switch e.Type {
		case revision.Created:
			fmt.Fprintln(w, good.Render("+ ")+Wrap(visible(head+describe(e, doc.URLs)), 2, widest+gap+2, v.width))
		case revision.Deleted:
			fmt.Fprintln(w, bad.Render("- ")+head+"deleted")
		case revision.Updated:
			fmt.Fprintln(w, warning.Render("~ ")+label(e))
			for _, f := range e.Shown() {
				v.field(w, f)
			}
		}
	}
}

func label(e revision.Entry) string { return e.Kind.Word() + " " + e.Name }

func describe(e revision.Entry, urls map[string][]string) string {
	text := e.Resource().Describe()
	if at := urls[e.Name]; e.Kind == pod.KindRoute && len(at) > 0 {
		return strings.Join(at, " ") + " " + text
	}
	return text
}

// field writes one field that changed. It compares texts of several lines line by line.
func (v *View) field(w io.Writer, f revision.Field) {
	path := strings.TrimPrefix(f.Path, "spec.")
	from, to := f.Texts()
	switch {
	case strings.Contains(from+to, "\n"):
		fmt.Fprintf(w, "    %s\n", path)
		unified(w, from, to)
	case f.From == nil:
		fmt.Fprintf(w, "    %s %s\n", path, good.Render("+ "+shorten(to)))
	case f.To == nil:
		fmt.Fprintf(w, "    %s %s\n", path, bad.Render("- "+shorten(from)))
	case from == to:
		fmt.Fprintf(w, "    %s %s\n", path, warning.Render("changed"))
	default:
		fmt.Fprintf(w, "    %s %s -> %s\n", path, bad.Render(shorten(from)), good.Render(shorten(to)))
	}
}

// A diff cuts longer values and texts, because people read it.
const (
	maxValue = 200 // characters of a value in one line
	maxLines = 60  // lines of a text
)

func shorten(text string) string {
	if text == "" {
		return `""`
	}
	if runes := []rune(text); len(runes) > maxValue {
		return fmt.Sprintf("%s… (%d characters)", string(runes[:maxValue]), len(runes))
	}
	return text
}

// unified writes the difference of two texts in the unified format.
func unified(w io.Writer, from, to string) {
	_, hunks, _ := strings.Cut(string(diff.Diff("from", []byte(from), "to", []byte(to))), "\n+++ to\n")
	all := strings.Split(strings.TrimSuffix(hunks, "\n"), "\n")
	for _, line := range all[:min(len(all), maxLines)] {
		switch {
		case strings.HasPrefix(line, "-"):
			line = bad.Render(line)
		case strings.HasPrefix(line, "+"):
			line = good.Render(line)
		case strings.HasPrefix(line, "@@"):
			line = dim.Render(line)
		}
		fmt.Fprintln(w, "      "+line)
	}
	if more := len(all) - maxLines; more > 0 {
		fmt.Fprintf(w, "      … and %d more lines\n", more)
	}
}

// state returns the state of a revision in colour.
func state(s revision.State) string {
	switch s {
	case revision.Ready:
		return good.Render(string(s))
	case revision.Failed, revision.Damaged:
		return bad.Render(string(s))
	case revision.Waiting, revision.Pending: // people need one word for a deploy that has not ended
		return warning.Render(string(revision.Pending))
	case revision.Draft, revision.Discarded:
	}
	return string(s)
}

// Draft writes a new draft. left is what an import left out, for the document: LeftOut writes it for people.
func (v *View) Draft(r revision.Revision, left []convert.Left) error {
	return v.Answer(report.Imported{Revision: r, LeftOut: left}, report.RevisionRefs(r), func(w io.Writer) {
		fmt.Fprintf(w, "%s  %s   %s\n", r.Name(), state(r.State), r.Change)
	})
}

// Ended writes a revision whose deploy has ended.
func (v *View) Ended(r revision.Revision) error {
	return v.Answer(r, report.RevisionRefs(r), func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", r.Name(), state(r.State)) })
}

// Revision writes one revision: a document with its resources, or for people how it differs from its parent. changes may be nil.
func (v *View) Revision(r revision.Revision, changes *report.Diff) error {
	return v.Answer(report.Revision{Revision: r, Resources: pod.Files(r.Spec)}, report.RevisionRefs(r), func(w io.Writer) {
		v.revision(w, r)
		if changes != nil {
			fmt.Fprintln(w)
			changes.Restarts = r.Restarts
			v.diff(w, *changes)
		}
	})
}

func (v *View) revision(w io.Writer, r revision.Revision) {
	name := r.Name()
	if r.Live {
		name += " (live)"
	}
	deployed := ""
	if r.Started != nil {
		deployed = v.ago(*r.Started) + " by " + r.DeployedBy
		if r.Finished != nil {
			deployed += fmt.Sprintf(" (%s)", seconds(r.Finished.Sub(*r.Started)))
		}
	}
	parent, restores := "", ""
	if r.Parent != 0 {
		parent = fmt.Sprintf("r%d", r.Parent)
	}
	if r.Restores != 0 {
		restores = fmt.Sprintf("r%d", r.Restores)
	}
	v.facts(w,
		[2]string{"revision", name}, [2]string{"state", state(r.State)}, [2]string{"reason", r.Reason},
		[2]string{"author", r.Author}, [2]string{"written by", r.WrittenBy}, [2]string{"created", v.ago(r.Created)}, [2]string{"message", r.Message},
		[2]string{"parent", parent}, [2]string{"restores", restores},
		[2]string{"deployed", deployed}, [2]string{"took back", strings.Join(r.TakesBack, "; ")})
}
