package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
		Short: "Deploy the newest revision, or the named one",
		Long: "Deploy the newest revision with all drafts below it, or the named one. The command waits until everything is\n" +
			"ready. If it is interrupted, run it again: it resumes. If the revision includes drafts of others, psc asks\n" +
			"first, unless --all or --mine is given.",
		Example: "  psc deploy -m \"first version\"\n  psc deploy --mine\n  psc deploy 12 --timeout 2m\n" +
			"  psc deploy --redeploy     revert changes that were made by hand",
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.deployNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if mine && (all || len(args) > 0) {
				return fault.New(fault.Usage, "--mine cannot be combined with --all or REVISION")
			}
			if redeploy && (mine || all || len(args) > 0) {
				return fault.New(fault.Usage, "--redeploy cannot be combined with --mine, --all or REVISION")
			}
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			if redeploy && o.DryRun {
				if err := o.check(); err != nil {
					return err
				}
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
	section(cmd, "Drafts", func(flags *pflag.FlagSet) {
		flags.BoolVar(&mine, "mine", false, "deploy only your own drafts, and rebase those of others onto them")
		flags.BoolVar(&all, "all", false, "include the drafts of others")
		flags.BoolVar(&redeploy, "redeploy", false, "deploy the live revision again, without the waiting drafts")
	})
	o.addDeploy(cmd)
	return cmd
}

// deploy asks before it includes the drafts of others.
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
		return out, fault.New(fault.Failed, "nothing was deployed").WithHint("psc deploy --mine deploys only your own drafts")
	}
	w.Tell = func(n workspace.Note) {
		if n.Includes == nil { // they were listed before the question
			s.tell(n)
		}
	}
	// The revision that the answer is about: there may be newer drafts by now.
	return w.Deploy(ctx, others.Number, true, o)
}
