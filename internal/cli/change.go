package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// changeFlags are the flags of every command that changes the spec.
type changeFlags struct {
	message        string
	dryRun, deploy bool
	exitCode       bool
	deployFlags
}

func (f *changeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.message, "message", "m", "", "what to say of it in the history")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would change, write nothing")
	flags.BoolVar(&f.exitCode, "exit-code", false, "with --dry-run: exit with 3 when something would change")
	flags.BoolVar(&f.deploy, "deploy", false, "deploy this change at once, without the drafts that wait")
	f.deployFlags.add(cmd)
}

// change makes a revision out of edits, and shows or deploys it as the flags say.
func (a *app) change(ctx context.Context, f *changeFlags, edits ...pod.Edit) error {
	return a.changeBy(ctx, f, func(pod.Spec) pod.Change { return pod.Change{Edits: edits} })
}

// changeBy is change for what depends on the spec that is changed.
func (a *app) changeBy(ctx context.Context, f *changeFlags, change func(pod.Spec) pod.Change) error {
	w, err := a.open()
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.dryRun(ctx, w, change, f.exitCode)
	}
	user, err := w.kube.Whoami(ctx)
	if err != nil {
		return err
	}
	if f.deploy {
		return a.changeAlone(ctx, w, user.Name, change, f)
	}
	r, err := w.store.Append(ctx, user.Name, func(head revision.Revision) (revision.Revision, error) {
		if head.Number == 0 {
			if _, err := w.namespace(ctx); err != nil {
				return head, err
			}
		}
		return next(head, head, change(head.Spec), f.message)
	})
	if done, err := a.unchanged(err); done {
		return err
	}
	if err != nil {
		return invalid(w.named(err))
	}
	return a.showDraft(r)
}

// errUnchanged ends a change that changes nothing.
var errUnchanged = errors.New("nothing changes")

// next makes the revision of a change to from.
func next(head, from revision.Revision, change pod.Change, message string) (revision.Revision, error) {
	spec, err := pod.Apply(from.Spec, change)
	if err != nil {
		return head, invalid(err)
	}
	r := revision.Next(head, from, spec, change)
	r.Message = message
	if r.Change == "" {
		return head, errUnchanged
	}
	return r, nil
}

// unchanged says that a change changes nothing, which is no error.
func (a *app) unchanged(err error) (bool, error) {
	if !errors.Is(err, errUnchanged) {
		return false, err
	}
	return true, a.view.Answer(struct{}{}, nil, func(io.Writer) { a.view.Say("Nothing changes: it is like that already") })
}

func (a *app) showDraft(r revision.Revision) error {
	err := a.view.Answer(r, []string{"revision/" + fmt.Sprint(r.Number)}, func(out io.Writer) {
		fmt.Fprintf(out, "%s  %s   %s\n", r.Name(), view.State(r.State), r.Change)
	})
	a.view.Say("Deploy with: psc deploy")
	return err
}

// dryRun shows what the change would make of the newest revision.
func (a *app) dryRun(ctx context.Context, w *workspace, change func(pod.Spec) pod.Change, exitCode bool) error {
	head, err := w.store.Head(ctx)
	if err != nil {
		return w.named(err)
	}
	spec, err := pod.Apply(head.Spec, change(head.Spec))
	if err != nil {
		return invalid(err)
	}
	return a.showDiff(ctx, w, diffDocument{From: head.Number, To: head.Number + 1}, head.Spec, spec, exitCode)
}

// changeAlone deploys a change on top of what is live, and makes the drafts that wait again on top of it.
func (a *app) changeAlone(ctx context.Context, w *workspace, user string, change func(pod.Spec) pod.Change, f *changeFlags) error {
	refuse := func(err error) error { return fault.Wrap(fault.Conflict, err) }
	var base revision.Revision
	r, err := a.appendAlone(ctx, w, user, refuse, func(head, live revision.Revision) (revision.Revision, error) {
		base = live
		return next(head, live, change(live.Spec), f.message)
	})
	if errors.Is(err, errUnchanged) && base.Number != 0 && base.State != revision.Ready {
		return a.deploy(ctx, w, user, base, &f.deployFlags) // it is what was asked for, and does not run yet
	}
	if done, err := a.unchanged(err); done {
		return err
	}
	if err != nil {
		return err
	}
	return a.deploy(ctx, w, user, r, &f.deployFlags)
}

// appendAlone stores the revision that onBase makes of the base, and behind it the waiting drafts, made again on top
// of it. What touches the same field in a draft is left to conflict: an error of it ends everything before the first
// write, nil leaves the drafts behind.
func (a *app) appendAlone(ctx context.Context, w *workspace, user string, conflict func(error) error,
	onBase func(head, base revision.Revision) (revision.Revision, error),
) (revision.Revision, error) {
	var rebased []revision.Revision
	alone, err := w.store.Append(ctx, user, func(head revision.Revision) (revision.Revision, error) {
		h, err := w.history(ctx)
		if err != nil {
			return head, err
		}
		base, err := w.store.Get(ctx, h.base())
		if err != nil {
			return head, err
		}
		r, err := onBase(head, base)
		if err != nil {
			return head, err
		}
		r.State = revision.Waiting // from the first moment: it is what the next one has to build on
		drafts, err := w.load(ctx, h.drafts())
		if err != nil {
			return head, err
		}
		rebased, err = revision.Rebase(r, base.Spec, drafts)
		if err != nil {
			return r, conflict(err)
		}
		return r, nil
	})
	if err != nil {
		return alone, err
	}
	for _, draft := range rebased {
		if _, err := w.store.Append(ctx, draft.Author, func(head revision.Revision) (revision.Revision, error) {
			return next(head, head, draft.Edits, draft.Message)
		}); err != nil && !errors.Is(err, errUnchanged) {
			return alone, err
		}
	}
	if len(rebased) > 0 {
		a.view.Say("%s put on top of %s", count(len(rebased), "waiting draft"), alone.Name())
	}
	return alone, nil
}

// load reads revisions with their specs, oldest first.
func (w *workspace) load(ctx context.Context, records []revision.Revision) ([]revision.Revision, error) {
	out := make([]revision.Revision, len(records))
	for i, r := range records {
		full, err := w.store.Get(ctx, r.Number)
		if err != nil {
			return nil, err
		}
		out[len(records)-1-i] = full
	}
	return out, nil
}
