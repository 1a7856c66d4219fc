package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newDiff(s *session) *cobra.Command {
	var live, exitCode bool
	cmd := &cobra.Command{
		Use:   "diff",
		Short: "Show what a deploy would change",
		Long:  "Compare the newest revision with the live one. With --live, compare the live one with the cluster.",
		Example: "  psc diff\n  psc diff --exit-code     exit with 3 if there is something to deploy\n" +
			"  psc diff --live          show changes by hand, with the tool and the time",
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
				s.view.Warn("this diff does not include %s, which the next change or deploy rebases: the first is r%d", pod.Count(n, "waiting draft"), waiting.Loose[0].Number)
			}
			return s.showDiff(doc, exitCode)
		},
	}
	cmd.Flags().BoolVar(&live, "live", false, "compare the live revision with the cluster")
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 if there are differences")
	return cmd
}

// diffLive shows how the cluster differs from the live revision.
func (s *session) diffLive(ctx context.Context, w *workspace.Workspace, exitCode bool) error {
	doc, err := w.Drift(ctx)
	if err != nil {
		return err
	}
	if err := s.view.Drift(doc, "psc deploy --redeploy reverts it"); err != nil {
		return err
	}
	return differences(len(doc.Drift), exitCode)
}
