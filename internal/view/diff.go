package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// URLs tells where a route is reached.
type URLs func(name string, r *pod.Route) []string

// Diff writes entries for people: one line for what comes or goes, a line per field for what changes.
func (v *View) Diff(w io.Writer, entries []revision.Entry, urls URLs) {
	widest := 0
	for _, e := range entries {
		widest = max(widest, len(label(e)))
	}
	for _, e := range entries {
		head := label(e) + strings.Repeat(" ", widest-len(label(e))+gap)
		switch e.Type {
		case revision.Created:
			fmt.Fprintln(w, v.fit(good.Render("+ ")+head+describe(e, urls)))
		case revision.Deleted:
			fmt.Fprintln(w, v.fit(bad.Render("- ")+head+"deleted"))
		case revision.Updated:
			fmt.Fprintln(w, warning.Render("~ ")+label(e))
			for _, f := range e.Spoken() {
				v.field(w, f)
			}
		}
	}
}

func label(e revision.Entry) string { return e.Kind.Word() + " " + e.Name }

func describe(e revision.Entry, urls URLs) string {
	text := e.Resource().Describe()
	if r, ok := e.Resource().(*pod.Route); ok {
		if at := urls(e.Name, r); len(at) > 0 {
			return strings.Join(at, " ") + " " + text
		}
	}
	return text
}

// field writes one field that changed; texts of several lines are shown line by line.
func (v *View) field(w io.Writer, f revision.Field) {
	path := strings.TrimPrefix(f.Path, "spec.")
	from, to := revision.Text(f.From), revision.Text(f.To)
	if path == "image" && pod.ShortImage(from) != pod.ShortImage(to) {
		from, to = pod.ShortImage(from), pod.ShortImage(to)
	}
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

// What is longer than this is cut: a diff is to be read.
const (
	maxValue = 200 // characters of a value in one line
	maxLines = 60  // lines of a text
)

func shorten(text string) string {
	if runes := []rune(text); len(runes) > maxValue {
		return fmt.Sprintf("%s… (%d characters)", string(runes[:maxValue]), len(runes))
	}
	return text
}

// unified writes how two texts differ, with some lines around what changed.
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

// State is the word of a revision's state, coloured.
func State(s revision.State) string {
	switch s {
	case revision.Ready:
		return good.Render(string(s))
	case revision.Failed, revision.Damaged:
		return bad.Render(string(s))
	case revision.Waiting, revision.Pending:
		return warning.Render(string(s))
	case revision.Draft, revision.Discarded:
	}
	return string(s)
}

// Revisions writes a list of revisions, one a line.
func (v *View) Revisions(w io.Writer, all []revision.Revision) {
	rows := make([][]string, 0, len(all))
	for _, r := range all {
		number := fmt.Sprint(r.Number)
		if r.Live {
			number += " (live)"
		}
		title := r.Title()
		if r.State == revision.Damaged {
			title = r.Reason
		}
		rows = append(rows, []string{number, State(r.State), v.Ago(r.Created), r.Author, title})
	}
	v.Table(w, []string{"REVISION", "STATE", "CREATED", "AUTHOR", "CHANGE"}, rows)
}

// Revision writes everything about one revision.
func (v *View) Revision(w io.Writer, r revision.Revision) {
	name := r.Name()
	if r.Live {
		name += " (live)"
	}
	deployed := ""
	if r.Started != nil {
		deployed = v.Ago(*r.Started) + " by " + r.DeployedBy
		if r.Finished != nil {
			deployed += fmt.Sprintf(" (%s)", Seconds(r.Finished.Sub(*r.Started)))
		}
	}
	parent, restores := "", ""
	if r.Parent != 0 {
		parent = fmt.Sprintf("r%d", r.Parent)
	}
	if r.Restores != 0 {
		restores = fmt.Sprintf("r%d", r.Restores)
	}
	v.Facts(w,
		[2]string{"revision", name}, [2]string{"state", State(r.State)}, [2]string{"reason", r.Reason},
		[2]string{"author", r.Author}, [2]string{"created", v.Ago(r.Created)}, [2]string{"message", r.Message},
		[2]string{"change", r.Change}, [2]string{"parent", parent}, [2]string{"restores", restores},
		[2]string{"deployed", deployed})
}

// Drift is the word for what became of a field in the cluster, coloured.
func Drift(c plan.Change) string {
	switch c {
	case plan.Added:
		return good.Render(string(c))
	case plan.Removed:
		return bad.Render(string(c))
	case plan.Changed:
	}
	return warning.Render(string(c))
}
