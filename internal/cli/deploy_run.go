package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/revision"
)

// deploy brings r to the cluster and tells how it goes. again makes r again when it has to build on another one.
func (a *app) deploy(ctx context.Context, w *workspace, user string, r revision.Revision,
	again func(context.Context, revision.Revision) (revision.Revision, error), f *deployFlags,
) error {
	cluster, err := w.cluster(ctx, r.Spec)
	if err != nil {
		return err
	}
	a.view.Say("Deploying %s to %s on %s as %s", r.Name(), w.pod, w.kube.Context, user)
	progress := a.view.Progress()
	a.progress.Store(progress)
	run := &rollout.Rollout{
		Kube: w.kube, Store: w.store, Pod: w.pod, Cluster: cluster, User: user, Holder: a.runID(user), Now: a.Now,
		Emit: func(e rollout.Event) { show(progress, e) },
	}
	result, err := run.Deploy(ctx, r, rollout.Options{
		Timeout: f.timeout, LockWait: f.lockWait, Supersede: f.supersede, Message: f.message, NoWait: f.noWait, Again: again,
	})
	a.progress.Store(nil)
	progress.Close()
	if again != nil && errors.Is(err, rollout.ErrNotBegun) && result.Revision.State == revision.Draft {
		err = errors.Join(err, a.givenUp(ctx, w, result.Revision))
	}
	result.Revision.Live = err == nil || errors.Is(err, rollout.ErrPending)
	var rest error // of tidying up, which whoever comes next does otherwise
	if ctx.Err() == nil && !errors.Is(err, store.ErrLost) && !apierrors.IsUnauthorized(err) {
		rest = a.restack(ctx, w)
	}
	if err == nil {
		return errors.Join(a.showDeployed(result, f.noWait), rest)
	}
	failed := errors.Is(err, rollout.ErrFailed) && !errors.Is(err, rollout.ErrSuperseded) && ctx.Err() == nil
	err = a.ended(ctx, w, result, errors.Join(err, rest))
	if f.rollbackOnFailure && failed {
		return a.rollbackFailed(ctx, w, user, err, f)
	}
	return err
}

// givenUp says what becomes of a revision that was made to be deployed at once, and was not: a change waits as a draft, and
// nobody is to come across a way back that was not taken.
func (a *app) givenUp(ctx context.Context, w *workspace, r revision.Revision) error {
	if r.Restores == 0 {
		a.view.Say("%s waits as a draft", r.Name())
		return nil
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return w.discard(end, r, "it was given up")
}

// rollbackFailed goes back to the last revision that was ready. The deploy has failed all the same.
func (a *app) rollbackFailed(ctx context.Context, w *workspace, user string, failure error, f *deployFlags) error {
	h, err := w.history(ctx)
	if err != nil {
		return errors.Join(failure, err)
	}
	number, err := w.toRestore(ctx, h, nil)
	if err != nil {
		return errors.Join(failure, err)
	}
	a.view.Error(failure)
	back := *f
	back.rollbackOnFailure, back.message = false, ""
	if err := a.rollback(ctx, w, user, number, &back); err != nil {
		return err
	}
	return &fault.Error{Code: fault.Of(failure).Code, Err: failure, Silent: true}
}

// show hands an event of a deploy to the person who watches.
func show(p *view.Progress, e rollout.Event) {
	switch {
	case e.Queued != nil:
		text := fmt.Sprintf("  waiting: %s has been deploying r%d since %s", e.Queued.ID, e.Queued.Target, e.Queued.Since.Local().Format(time.TimeOnly))
		if e.Queued.Next != 0 {
			text += fmt.Sprintf(", and is asked to give way to r%d", e.Queued.Next)
		}
		p.Say("%s", text)
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

// parseRevision takes 12 and r12.
func parseRevision(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "r"))
	if err != nil || n < 1 {
		return 0, fault.New(fault.Usage, "%q is not the number of a revision", text).WithHint("psc revision list")
	}
	return n, nil
}
