package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/revision"
)

// deployFlags are the flags of every command that deploys.
type deployFlags struct {
	timeout, lockWait         time.Duration
	noWait, rollbackOnFailure bool
}

func (f *deployFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.DurationVar(&f.timeout, "timeout", defaultTimeout, "how long it may take to become ready")
	flags.DurationVar(&f.lockWait, "lock-wait", defaultTimeout, "how long to wait while someone else deploys")
	flags.BoolVar(&f.noWait, "no-wait", false, "return when everything is written")
	flags.BoolVar(&f.rollbackOnFailure, "rollback-on-failure", false, "go back to what was live when it fails")
}

func newDeploy(a *app) *cobra.Command {
	var (
		f                deployFlags
		message          string
		dryRun, exitCode bool
	)
	cmd := &cobra.Command{
		Use:   "deploy [REVISION]",
		Short: "Bring the newest revision, or the one that is named, to the cluster",
		Long: "Deploy the newest revision with all drafts below it, or the one that is named. It waits until\n" +
			"everything is ready. When it is interrupted, run it again: it goes on where it was.",
		Example: "  psc deploy -m \"first version\"\n  psc deploy 12 --timeout 2m\n  psc deploy --dry-run",
		Args:    between(0, "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			w, err := a.open()
			if err != nil {
				return err
			}
			h, r, err := a.toDeploy(ctx, w, args)
			if err != nil {
				return err
			}
			if dryRun {
				live, err := w.store.Get(ctx, h.live)
				if err != nil {
					return err
				}
				return a.showDiff(ctx, w, diffDocument{From: live.Number, To: r.Number}, live.Spec, r.Spec, exitCode)
			}
			user, err := w.kube.Whoami(ctx)
			if err != nil {
				return err
			}
			if message != "" {
				r.Message = message
			}
			return a.deploy(ctx, w, user.Name, r, &f)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&message, "message", "m", "", "what to say of the revision in the history")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would change, write nothing")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "with --dry-run: exit with 3 when something would change")
	return cmd
}

// toDeploy chooses the revision: the one that is named, or the newest.
func (a *app) toDeploy(ctx context.Context, w *workspace, args []string) (history, revision.Revision, error) {
	h, err := w.history(ctx)
	if err != nil {
		return h, revision.Revision{}, err
	}
	number := h.head()
	if len(args) > 0 {
		if number, err = parseRevision(args[0]); err != nil {
			return h, revision.Revision{}, err
		}
	}
	switch {
	case number == 0:
		return h, revision.Revision{}, fault.New(fault.Usage, "pod %s has no revision to deploy", w.pod).
			WithHint("psc app create NAME --image IMAGE makes the first")
	case number < h.live:
		return h, revision.Revision{}, fault.New(fault.Usage, "r%d is older than r%d, which is live", number, h.live).
			WithHint("psc rollback %d goes back to it", number)
	}
	r, err := w.revision(ctx, number)
	return h, r, err
}

// deploy brings r to the cluster and tells how it goes.
func (a *app) deploy(ctx context.Context, w *workspace, user string, r revision.Revision, f *deployFlags) error {
	cluster, err := w.cluster(ctx, r.Spec)
	if err != nil {
		return err
	}
	previous, _, err := w.store.Live(ctx)
	if err != nil {
		return w.named(err)
	}
	a.view.Say("Deploying %s to %s on %s as %s", r.Name(), w.pod, w.kube.Context, user)
	progress := a.view.Progress()
	run := &rollout.Rollout{
		Kube: w.kube, Store: w.store, Pod: w.pod, Cluster: cluster, User: user, Holder: a.runID(user), Now: a.Now,
		Emit: func(e rollout.Event) { show(progress, e) },
	}
	result, err := run.Deploy(ctx, r, rollout.Options{Timeout: f.timeout, LockWait: f.lockWait, NoWait: f.noWait})
	progress.Close()
	result.Revision.Live = err == nil || errors.Is(err, rollout.ErrPending)
	if err == nil {
		return a.showDeployed(result, f.noWait)
	}
	failed := errors.Is(err, rollout.ErrFailed) && ctx.Err() == nil
	err = a.explain(result, err)
	if f.rollbackOnFailure && failed && previous != 0 && previous != r.Number {
		a.view.Error(err)
		back := *f
		back.rollbackOnFailure = false
		if backErr := a.rollback(ctx, w, user, previous, "", &back); backErr != nil {
			return backErr
		}
		return &fault.Error{Code: fault.Failed, Err: err, Silent: true}
	}
	return err
}

// show hands an event of a deploy to the person who watches.
func show(p *view.Progress, e rollout.Event) {
	switch {
	case e.Queued != nil:
		p.Say("  waiting: %s has been deploying r%d since %s", e.Queued.ID, e.Queued.Target, e.Queued.Since.Local().Format(time.TimeOnly))
	case e.Plan != nil:
		p.Say("  %s", planWords(e.Plan))
	case e.Status != nil:
		p.Show(view.Line{Ref: e.Status.Ref, Status: e.Status.Status, URLs: e.Status.URLs, Since: e.Status.Since})
	}
}

// planWords counts what will be written: "3 to create, 1 to update, 5 unchanged".
func planWords(steps []plan.Step) string {
	counts := map[plan.Action]int{}
	for _, s := range steps {
		counts[s.Action]++
	}
	var words []string
	for _, action := range []plan.Action{plan.Create, plan.Update, plan.Delete} {
		if n := counts[action]; n > 0 {
			words = append(words, fmt.Sprintf("%d to %s", n, action))
		}
	}
	if n := counts[plan.Keep]; n > 0 {
		words = append(words, fmt.Sprintf("%d unchanged", n))
	}
	if len(words) == 0 {
		return "nothing to write"
	}
	return strings.Join(words, ", ")
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

// explain gives the end of a deploy its exit code and the next step.
func (a *app) explain(result rollout.Result, err error) error {
	name := result.Revision.Name()
	switch {
	case errors.Is(err, rollout.ErrLocked), errors.Is(err, rollout.ErrSuperseded), errors.Is(err, store.ErrLost):
		return &fault.Error{Code: fault.Conflict, Err: fmt.Errorf("%s was not deployed: %w", name, err), Hint: "psc status"}
	case errors.Is(err, rollout.ErrPending):
		return &fault.Error{
			Code: fault.Pending, Err: fmt.Errorf("%s is %w%s", name, err, openWords(result.Statuses)),
			Hint: "psc deploy goes on waiting, psc rollback goes back",
		}
	case errors.Is(err, rollout.ErrFailed):
		err = invalid(err)
		return &fault.Error{Code: fault.Of(err).Code, Err: fmt.Errorf("%s %w", name, err), Hint: "psc rollback goes back to what was ready before"}
	}
	return err
}

func openWords(statuses []rollout.Status) string {
	var words []string
	for _, s := range statuses {
		if s.State != "ready" && s.State != "stopped" {
			words = append(words, fmt.Sprintf("%s %s", s.Ref, view.StatusWords(s.Status, nil)))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, "; ")
}

// parseRevision takes 12 and r12.
func parseRevision(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "r"))
	if err != nil || n < 1 {
		return 0, fault.New(fault.Usage, "%q is not the number of a revision", text).WithHint("psc revision list")
	}
	return n, nil
}
