package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
)

func newDiff(s *session) *cobra.Command {
	var live, exitCode bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what a deploy would change",
		Long: "Compare the newest revision with the one that is live, or with --live the one that is live with what\n" +
			"is in the cluster.",
		Example: "  psc diff\n  psc diff --exit-code     exit with 3 when there is something to deploy\n" +
			"  psc diff --live          show what was changed by hand, by whom and when",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			if live {
				return s.diffLive(cmd.Context(), w, exitCode)
			}
			doc, waiting, err := w.DiffWaiting(cmd.Context(), !s.view.Document())
			if err != nil {
				return err
			}
			if waiting.Others {
				s.tell(workspace.Note{Includes: waiting.Includes})
			}
			if n := len(waiting.Loose); n > 0 {
				s.view.Warn("%s will be put on top by the next change or deploy: r%d is not among these", view.Count(n, "waiting draft"), waiting.Loose[0].Number)
			}
			return s.showDiff(doc, exitCode)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "compare what is live with what is in the cluster")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when there are differences")
	return cmd
}

// diffLive shows how the cluster differs from the live revision: what, by whom and when.
func (s *session) diffLive(ctx context.Context, w *workspace.Workspace, exitCode bool) error {
	doc, err := w.Drift(ctx)
	if err != nil {
		return err
	}
	if err := s.view.Drift(doc, "Put it right with: psc deploy --redeploy"); err != nil {
		return err
	}
	return differences(len(doc.Drift), exitCode)
}
