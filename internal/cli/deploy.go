package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/revision"
)

func newDeploy(a *app) *cobra.Command {
	var (
		f                   revisionFlags
		mine, all, redeploy bool
	)
	cmd := &cobra.Command{
		Use:   "deploy [REVISION]",
		Short: "Bring the newest revision, or the one that is named, to the cluster",
		Long: "Deploy the newest revision with all drafts below it, or the one that is named. It waits until everything is\n" +
			"ready. When it is interrupted, run it again: it goes on where it was. When there are drafts of others among\n" +
			"them, it asks; --all and --mine answer.",
		Example: "  psc deploy -m \"first version\"\n  psc deploy --mine\n  psc deploy 12 --timeout 2m\n" +
			"  psc deploy --redeploy     put right what was changed by hand",
		Args: between(0, "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if mine && (all || len(args) > 0) {
				return fault.New(fault.Usage, "--mine chooses what is deployed: leave --all and REVISION out")
			}
			if redeploy && (mine || all || len(args) > 0) {
				return fault.New(fault.Usage, "--redeploy is about what is live: leave --mine, --all and REVISION out")
			}
			if err := f.check(); err != nil {
				return err
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			if redeploy && f.dryRun {
				return a.diffLive(ctx, w, f.exitCode)
			}
			if redeploy {
				return a.redeploy(ctx, w, &f.deployFlags)
			}
			if f.dryRun {
				return a.dryRunDeploy(ctx, w, args, f.exitCode)
			}
			user, err := w.kube.Whoami(ctx)
			if err != nil {
				return err
			}
			if err := a.restack(ctx, w); err != nil {
				return err
			}
			h, r, err := a.toDeploy(ctx, w, args)
			if err != nil {
				return err
			}
			var again func(context.Context, revision.Revision) (revision.Revision, error)
			if mine {
				r, again, err = a.onlyMine(ctx, w, h, user.Name)
				if done, err := a.unchanged(err); done {
					return err
				}
			} else {
				err = a.others(h, r.Number, user.Name, all)
			}
			if err != nil {
				return err
			}
			return a.deploy(ctx, w, user.Name, r, again, &f.deployFlags)
		},
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&mine, "mine", false, "deploy your own drafts alone; those of others are put on top")
	flags.BoolVar(&all, "all", false, "deploy the drafts of others too")
	flags.BoolVar(&redeploy, "redeploy", false, "deploy what is live again, without the drafts that wait")
	return cmd
}

func (a *app) dryRunDeploy(ctx context.Context, w *workspace, args []string, exitCode bool) error {
	h, r, err := a.toDeploy(ctx, w, args)
	if err != nil {
		return err
	}
	a.sayDrafts(h.Brings(r.Number))
	return a.diffRevisions(ctx, w, h.Live, r.Number, exitCode)
}

// toDeploy chooses the revision: the one that is named, or the newest.
func (a *app) toDeploy(ctx context.Context, w *workspace, args []string) (history, revision.Revision, error) {
	h, err := w.history(ctx)
	if err != nil {
		return h, revision.Revision{}, err
	}
	number := h.Tip()
	if len(args) > 0 {
		if number, err = parseRevision(args[0]); err != nil {
			return h, revision.Revision{}, err
		}
	}
	r, err := w.revision(ctx, number)
	switch {
	case number == 0:
		return h, r, fault.New(fault.Usage, "pod %s has no revision to deploy", w.pod).
			WithHint("psc app create NAME --image IMAGE makes the first")
	case err != nil:
		return h, r, err
	case r.State == revision.Discarded:
		return h, r, fault.New(fault.Usage, "r%d was discarded: %s", number, r.Reason).WithHint("psc rollback %d goes back to its content", number)
	case h.Follows(number, h.Live):
		return h, r, nil
	case number < h.Live:
		return h, r, fault.New(fault.Usage, "r%d is older than r%d, which is live", number, h.Live).
			WithHint("psc rollback %d goes back to it", number)
	}
	return h, r, fault.New(fault.Conflict, "r%d does not hold what r%d changed, which is live", number, h.Live).WithHint("psc deploy")
}
