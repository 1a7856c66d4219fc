package view

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/pscdev/psc/pkg/report"
)

// Run writes a run that has begun.
func (v *View) Run(r report.Run) error {
	return v.Answer(r, []string{r.Ref()}, func(w io.Writer) { fmt.Fprintln(w, r.Name) })
}

// Runs writes the table of runs of apps.
func Runs(v *View, w io.Writer, runs []report.Run) {
	v.table(w, []string{"RUN", "STATE", "CREATED", "AUTHOR", "COMMAND", "REASON"}, rows(runs, func(r report.Run) []string {
		return []string{r.Name, runState(r), v.ago(r.Created), r.Author, visible(strings.Join(r.Command, " ")), r.Reason}
	}))
}

// JobRuns writes the table of runs of jobs.
func JobRuns(v *View, w io.Writer, runs []report.Run) {
	v.table(w, []string{"RUN", "STATE", "STARTED", "TOOK", "BY", "REASON"}, rows(runs, func(r report.Run) []string {
		took := ""
		if !r.Finished.IsZero() {
			took = span(r.Finished.Sub(r.Created))
		}
		state := r
		state.ExitCode = nil // the reason has it
		return []string{r.Name, runState(state), v.ago(r.Created), took, r.By, r.Reason}
	}))
}

// runState returns the state of a run in colour: "failed (exit code 1)".
func runState(r report.Run) string {
	switch state := string(r.State); {
	case r.Failed() && r.ExitCode != nil:
		return bad.Render(fmt.Sprintf("failed (exit code %d)", *r.ExitCode))
	case r.Failed():
		return bad.Render(state)
	case r.State == report.RunDone:
		return good.Render(state)
	default:
		return state
	}
}

// Jobs writes the table of jobs.
func Jobs(v *View, w io.Writer, jobs []report.Job) {
	v.table(w, []string{"JOB", "STATE", "RUNS", "LAST", "NEXT", "REASON"}, rows(jobs, func(j report.Job) []string {
		last, next := "", ""
		if j.Last != nil {
			run := *j.Last
			run.ExitCode = nil
			last = fmt.Sprintf("%s %s", runState(run), v.ago(run.Created))
		}
		if !j.Next.IsZero() {
			next = v.until(j.Next)
		}
		return []string{j.Name, healthState(j.State), cmp.Or(j.When, "by hand"), last, next, reason(j.State, j.Reason)}
	}))
}
