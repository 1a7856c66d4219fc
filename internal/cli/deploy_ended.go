package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/revision"
)

// ended gives the end of a deploy its exit code, the next step, and what the apps said in their logs.
func (a *app) ended(ctx context.Context, w *workspace, result rollout.Result, err error) error {
	name := result.Revision.Name()
	switch {
	case errors.Is(err, rollout.ErrFailed) && errors.Is(err, rollout.ErrSuperseded):
		return &fault.Error{Code: fault.Conflict, Err: fmt.Errorf("%s %w", name, err), Hint: "psc status"}
	case errors.Is(err, rollout.ErrLocked):
		return &fault.Error{Code: fault.Conflict, Err: fmt.Errorf("%s was not deployed: %w", name, err), Hint: "psc status tells how that goes, --supersede has it give way"}
	case errors.Is(err, store.ErrLost):
		return &fault.Error{Code: fault.Conflict, Err: fmt.Errorf("%s is still %s: %w", name, result.Revision.State, err), Hint: "psc status"}
	case errors.Is(err, rollout.ErrSuperseded):
		return &fault.Error{Code: fault.Conflict, Err: fmt.Errorf("%s was not deployed: %w", name, err), Hint: "psc status"}
	case apierrors.IsUnauthorized(err):
		return &fault.Error{
			Code: fault.Denied, Err: fmt.Errorf("%s is still %s: %w", name, result.Revision.State, err),
			Hint: fault.Of(err).Hint + "; after it psc deploy goes on",
		}
	case errors.Is(err, rollout.ErrNotBegun):
		err = invalid(err)
		e := fault.Of(err)
		return &fault.Error{Code: e.Code, Err: fmt.Errorf("%s was not deployed: %w", name, err), Hint: e.Hint, Details: e.Details}
	case errors.Is(err, rollout.ErrPending):
		return &fault.Error{
			Code: fault.Pending, Err: fmt.Errorf("%s is %w%s", name, err, openWords(result.Statuses)),
			Hint: nextStep(result.Statuses, health.Progressing) + "psc deploy goes on waiting, psc rollback goes back", Quotes: quotes(result.Statuses),
		}
	case errors.Is(err, rollout.ErrFailed):
		err = invalid(err)
		return &fault.Error{
			Code: fault.Of(err).Code, Err: fmt.Errorf("%s %w", name, err),
			Hint: nextStep(result.Statuses, health.Failed) + a.wayBack(ctx, w), Quotes: quotes(result.Statuses),
		}
	}
	return err
}

// nextStep is what to do about the first resource in a state that says so, as the beginning of a hint.
func nextStep(statuses []rollout.Status, state health.State) string {
	for _, s := range statuses {
		if s.State == state && s.Next != "" {
			return s.Next + "; "
		}
	}
	return ""
}

// wayBack is what else to do after a deploy that failed.
func (a *app) wayBack(ctx context.Context, w *workspace) string {
	if h, err := w.history(ctx); err == nil {
		if number, err := w.toRestore(ctx, h, nil); err == nil {
			return fmt.Sprintf("psc rollback goes back to r%d, which was ready", number)
		}
	}
	return "psc deploy tries again"
}

func quotes(statuses []rollout.Status) []fault.Quote {
	var out []fault.Quote
	for _, s := range statuses {
		if len(s.Lines) > 0 {
			out = append(out, fault.Quote{From: s.Log.Instance, Lines: s.Lines})
		}
	}
	return out
}

func openWords(statuses []rollout.Status) string {
	var words []string
	for _, s := range statuses {
		if s.State != health.Ready && s.State != health.Stopped {
			words = append(words, fmt.Sprintf("%s %s", s.Ref, view.StatusWords(s.Status, nil)))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, "; ")
}

// deployDocument is the answer of deploy and rollback for scripts.
type deployDocument struct {
	revision.Revision
	Apps     []appStatus `json:"apps"`
	Duration float64     `json:"duration"` // seconds
}

func (a *app) showDeployed(result rollout.Result, noWait bool) error {
	r := result.Revision
	doc := deployDocument{Revision: r, Apps: appStatuses(result.Statuses, r), Duration: result.Duration.Seconds()}
	return a.view.Answer(doc, []string{"revision/" + strconv.Itoa(r.Number)}, func(out io.Writer) {
		text := fmt.Sprintf("%s is %s", r.Name(), view.State(r.State))
		if r.Restores != 0 {
			text += fmt.Sprintf(": restores r%d", r.Restores)
		}
		fmt.Fprintf(out, "%s (%s)\n", text, view.Seconds(result.Duration))
		if noWait {
			a.view.Say("See how it goes with: psc status, or psc revision wait %d", r.Number)
		}
	})
}
