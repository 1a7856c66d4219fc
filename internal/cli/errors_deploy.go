package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

func draftWords(err error, e *workspace.DraftError) error {
	out := fault.New(fault.Conflict, "%w", err)
	var clashes revision.Clashes
	if errors.As(e.Cause, &clashes) {
		out = clashWords(err, clashes)
	}
	switch {
	case e.Without:
		return out.WithHint("discard r%d too", e.Draft().Number)
	case e.Author == "":
		return out.WithHint("psc deploy --all")
	}
	return out.WithHint("psc deploy --all includes the draft, psc revision discard %d discards it", e.Draft().Number)
}

// draftedWords adds what to do about a draft that a change with --deploy leaves out.
func draftedWords(err error, e *workspace.DraftedError) error {
	out := fault.New(fault.Usage, "%w", err)
	var problems pod.Problems
	if errors.As(err, &problems) {
		out.Details = details(problems)
	}
	if e.Own {
		return out.WithHint("psc %s set %s changes it, psc deploy %d deploys it", e.Ref.Kind.Word(), e.Ref.Name, e.Draft.Number)
	}
	return out.WithHint("psc deploy --all deploys %s: then try again", e.Draft.Name())
}

// deployWords adds the exit code, the next step, and the last lines of the apps' logs to the end of a deploy.
func deployWords(e *workspace.DeployError) *fault.Error {
	explained := *e
	explained.Err = worded(e.Err)
	cause := fault.Of(explained.Err)
	out := &fault.Error{Code: fault.Conflict, Err: &explained, Hint: "psc status"}
	switch e.End {
	case workspace.Locked:
		out.Hint = "psc status shows the running deploy, --supersede stops it"
	case workspace.Stopped, workspace.Superseded, workspace.Lost:
	case workspace.SignedOut:
		out.Code, out.Hint = fault.Denied, cause.Hint+"; then psc deploy resumes"
	case workspace.NotBegun:
		out.Code, out.Hint, out.Details = cause.Code, cause.Hint, cause.Details
	case workspace.Pending:
		out.Code, out.Err = fault.Pending, fmt.Errorf("%w%s", &explained, openWords(e.Resources))
		out.Hint, out.Quotes = nextStep(e.Resources, false)+"psc deploy waits again, psc rollback restores the last revision that was ready", quotes(e.Resources)
	case workspace.Failed:
		out.Code, out.Details, out.Quotes = cause.Code, cause.Details, quotes(e.Resources)
		out.Hint = nextStep(e.Resources, true) + failedStep(e, cause.Code)
	}
	return out
}

// failedStep returns what to do after a deploy that failed. code is that of the cause: what was written before an interruption stays.
func failedStep(e *workspace.DeployError, code fault.Code) string {
	switch stopped := code == fault.Interrupted || code == fault.Terminated; {
	case e.RolledBack != nil:
		return fmt.Sprintf("psc revision show %d", e.Revision.Number)
	case stopped && e.Restorable != 0:
		return fmt.Sprintf("what was written goes on without psc: psc deploy resumes, psc rollback restores r%d", e.Restorable)
	case stopped:
		return "what was written goes on without psc: psc deploy resumes"
	case e.Restorable != 0:
		return fmt.Sprintf("psc rollback restores r%d, which was ready", e.Restorable)
	}
	return "psc deploy retries"
}

// withRest adds the errors that are joined to the end of a deploy, because something failed after it.
func withRest(deploy *fault.Error, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return deploy
	}
	if rest := joined.Unwrap()[1:]; len(rest) > 0 {
		deploy.Err = fmt.Errorf("%w\n%w", deploy.Err, errors.Join(rest...))
	}
	return deploy
}

// nextStep returns the beginning of a hint: the next steps of the first resource that failed, or is not ready yet. Each is an
// alternative to the others.
func nextStep(all []report.Resource, failed bool) string {
	for _, s := range all {
		if len(s.Next) > 0 && s.Failed() == failed && (failed || s.Open()) {
			return alternatives(s.Next) + "; "
		}
	}
	return ""
}

// alternatives lists next steps, of which one is enough.
func alternatives(all []pod.Next) string {
	words := make([]string, len(all))
	for i, next := range all {
		words[i] = nextWords(next)
	}
	return strings.Join(words, ", or ")
}

func quotes(all []report.Resource) []fault.Quote {
	var out []fault.Quote
	for _, s := range all {
		if len(s.Lines) > 0 {
			out = append(out, fault.Quote{From: s.Log.Instance, Lines: s.Lines})
		}
	}
	return out
}

// openWords lists the resources that are not ready.
func openWords(all []report.Resource) string {
	var words []string
	for _, s := range all {
		if s.Failed() || s.Open() {
			words = append(words, fmt.Sprintf("%s %s", s.Name, view.StatusWords(s.Status, nil)))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, "; ")
}
