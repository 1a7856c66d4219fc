package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newAppRestart(s *session) *cobra.Command {
	return running(s, &cobra.Command{
		Use:   "restart NAME...",
		Short: "Start new instances of apps, and stop the old ones",
		Long: "Start new instances of apps as they are live, by the strategy of each app: a rolling app serves all the time. The\n" +
			"restart is a revision of its own, without any draft. It changes no field, and no later deploy or rollback repeats it.",
		Example: "  psc app restart web\n  psc app restart web api -m \"new certificates\"",
	}, (*workspace.Workspace).Restart, "restarted")
}

func newAppStop(s *session) *cobra.Command {
	return running(s, &cobra.Command{
		Use:   "stop NAME...",
		Short: "Stop all instances of apps, until psc app start",
		Long: "Stop all instances of apps at once, without deploying any draft. The apps keep their number of instances, or the\n" +
			"bounds of autoscale, for psc app start. No deploy starts them by accident: the field stopped is part of their spec.",
		Example: "  psc app stop web\n  psc app stop web api --no-wait",
	}, (*workspace.Workspace).Stop, "already stopped")
}

func newAppStart(s *session) *cobra.Command {
	return running(s, &cobra.Command{
		Use:     "start NAME...",
		Short:   "Start the instances of stopped apps again",
		Long:    "Start as many instances of stopped apps as they had before, at once and without deploying any draft.",
		Example: "  psc app start web",
	}, (*workspace.Workspace).Start, "not stopped")
}

// running returns a command that changes how apps run, and deploys that at once. unchanged says of the apps why nothing changes.
func running(
	s *session, cmd *cobra.Command,
	call func(*workspace.Workspace, context.Context, []string, workspace.Options) (workspace.Outcome, error), unchanged string,
) *cobra.Command {
	var o options
	cmd.Args, cmd.ValidArgsFunction = atLeast("NAME"), s.completeAll(s.resourceNames(pod.KindApp))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.unchanged = unchanged + ": " + strings.Join(args, ", ")
		return s.do(cmd.Context(), &o, func(w *workspace.Workspace) (workspace.Outcome, error) {
			return call(w, cmd.Context(), args, o.Options)
		})
	}
	o.addDeploy(cmd)
	return cmd
}
