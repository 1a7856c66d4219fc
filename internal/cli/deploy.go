package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
)

func newDeploy(s *session) *cobra.Command {
	var (
		o                   options
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
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if mine && (all || len(args) > 0) {
				return fault.New(fault.Usage, "--mine chooses what is deployed: leave --all and REVISION out")
			}
			if redeploy && (mine || all || len(args) > 0) {
				return fault.New(fault.Usage, "--redeploy is about what is live: leave --mine, --all and REVISION out")
			}
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			if redeploy && o.DryRun {
				w, err := s.open()
				if err != nil {
					return err
				}
				return s.diffLive(ctx, w, o.exitCode)
			}
			return s.do(ctx, &o, func(w *workspace.Workspace) (workspace.Outcome, error) {
				switch {
				case redeploy:
					return w.Redeploy(ctx, o.Options)
				case mine:
					return w.DeployMine(ctx, o.Options)
				}
				return s.deploy(ctx, w, number, all || s.yes, o.Options)
			})
		},
	}
	o.addDeploy(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&mine, "mine", false, "deploy your own drafts alone; those of others are put on top")
	flags.BoolVar(&all, "all", false, "deploy the drafts of others too")
	flags.BoolVar(&redeploy, "redeploy", false, "deploy what is live again, without the drafts that wait")
	return cmd
}

// deploy asks before it includes drafts of other users.
func (s *session) deploy(ctx context.Context, w *workspace.Workspace, number int, all bool, o workspace.Options) (workspace.Outcome, error) {
	out, err := w.Deploy(ctx, number, all, o)
	var others *workspace.OthersError
	if !errors.As(err, &others) {
		return out, err
	}
	s.tell(workspace.Note{Includes: others.Drafts})
	if !s.interactive() {
		return out, err
	}
	if !s.ask(err.Error() + ". Deploy them too?") {
		return out, fault.New(fault.Failed, "nothing was deployed").WithHint("psc deploy --mine deploys your own drafts")
	}
	w.Tell = func(n workspace.Note) {
		if n.Includes == nil { // they were listed before the question
			s.tell(n)
		}
	}
	return w.Deploy(ctx, number, true, o)
}
