package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/pscdev/psc/pkg/report"
)

// Run writes a run that has begun.
func (v *View) Run(r report.Run) error {
	return v.Answer(r, []string{r.Ref()}, func(w io.Writer) { fmt.Fprintln(w, r.Name) })
}

// Runs writes the table of runs.
func Runs(v *View, w io.Writer, runs []report.Run) {
	v.table(w, []string{"RUN", "STATE", "CREATED", "AUTHOR", "COMMAND", "REASON"}, rows(runs, func(r report.Run) []string {
		state := string(r.State)
		switch {
		case r.State == report.RunFailed && r.ExitCode != nil:
			state = bad.Render(fmt.Sprintf("failed (exit code %d)", *r.ExitCode))
		case r.State == report.RunFailed:
			state = bad.Render(state)
		case r.State == report.RunDone:
			state = good.Render(state)
		}
		return []string{r.Name, state, v.ago(r.Created), r.Author, visible(strings.Join(r.Command, " ")), r.Reason}
	}))
}
