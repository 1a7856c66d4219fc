package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/pkg/revision"
)

func newRollback(a *app) *cobra.Command {
	var f revisionFlags
	cmd := &cobra.Command{
		Use:   "rollback [REVISION]",
		Short: "Go back to the last revision that was ready, or to the one that is named",
		Long: "Make a new revision with the content of an old one, and deploy it. Without a number that is the\n" +
			"last revision before the live one that was ready. Drafts that wait are put on top of it.",
		Example: "  psc rollback\n  psc rollback 7 -m \"checkout is broken\"",
		Args:    between(0, "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if err := f.check(); err != nil {
				return err
			}
			w, h, err := a.openHistory(ctx)
			if err != nil {
				return err
			}
			number, err := w.toRestore(ctx, h, args)
			if err != nil {
				return err
			}
			if f.dryRun {
				return a.diffRevisions(ctx, w, h.Live, number, f.exitCode)
			}
			user, err := w.kube.Whoami(ctx)
			if err != nil {
				return err
			}
			return a.rollback(ctx, w, user.Name, number, &f.deployFlags)
		},
	}
	f.add(cmd)
	return cmd
}

// toRestore chooses the revision to go back to.
func (w *workspace) toRestore(ctx context.Context, h history, args []string) (int, error) {
	if len(args) > 0 {
		return parseRevision(args[0])
	}
	live, err := w.store.Get(ctx, h.Live)
	if err != nil {
		return 0, err
	}
	for _, r := range h.All {
		if r.Number >= h.Live || r.State != revision.Ready {
			continue
		}
		old, err := w.store.Get(ctx, r.Number)
		if err != nil {
			return 0, err
		}
		if live.State != revision.Ready || len(revision.Diff(live.Spec, old.Spec)) > 0 {
			return r.Number, nil
		}
	}
	return 0, fault.New(fault.Failed, "there is no earlier revision that was ready").WithHint("psc revision list")
}

// rollback makes a revision with the content of an old one and deploys it.
func (a *app) rollback(ctx context.Context, w *workspace, user string, number int, f *deployFlags) error {
	old, err := w.revision(ctx, number)
	if err != nil {
		return err
	}
	if err := w.store.Verify(ctx, old.Spec); err != nil {
		return fault.New(fault.Failed, "r%d cannot be brought back: %w", number, err).WithHint("psc revision verify")
	}
	if old.Spec, err = (&rollout.Rollout{Kube: w.kube, Pod: w.pod}).Grown(ctx, old.Spec); err != nil {
		return err
	}
	make := func(number int, live revision.Revision) (revision.Revision, error) {
		r := revision.Restore(number, live, old)
		r.Message = f.message
		if len(r.Edits.Edits) == 0 && live.State == revision.Ready {
			return r, errUnchanged
		}
		return r, nil
	}
	// Going back must not fail because somebody has a draft of the same field: those are discarded afterwards.
	r, err := a.alone(ctx, w, user, true, make)
	if errors.Is(err, errUnchanged) {
		return a.redeploy(ctx, w, f) // what was changed by hand is put back all the same
	}
	if err != nil {
		return err
	}
	return a.deploy(ctx, w, user, r, a.again(w, make), f)
}

func (a *app) diffRevisions(ctx context.Context, w *workspace, from, to int, exitCode bool) error {
	older, err := w.store.Get(ctx, from)
	if err != nil {
		return w.missing(err)
	}
	newer, err := w.store.Get(ctx, to)
	if err != nil {
		return w.missing(err)
	}
	return a.showDiff(ctx, w, diffDocument{From: from, To: to}, older.Spec, newer.Spec, exitCode)
}
