package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/report"
)

func newRevisionList(s *session) *cobra.Command {
	var most int
	var watch bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the revisions: what changed, when and by whom",
		Example: "  psc revision list\n  psc revision list -o json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			if watch {
				return s.watch(cmd.Context(), w.Follow, func(ctx context.Context, live *view.Live) error {
					return showRevisions(ctx, w, most, live.Revisions)
				})
			}
			return showRevisions(cmd.Context(), w, most, s.view.Revisions)
		},
	}
	cmd.Flags().IntVar(&most, "limit", 20, "show at most `N` revisions; 0 for all")
	watchFlag(cmd, &watch)
	return cmd
}

// showRevisions shows the newest revisions, or all of them if most is 0.
func showRevisions(ctx context.Context, w *workspace.Workspace, most int, show func(view.Revisions) error) error {
	h, err := w.History(ctx)
	if err != nil {
		return err
	}
	return show(view.Revisions{
		History: report.History{Items: h.All, Limit: h.Limit, Missing: h.Missing()}, Most: most,
		Empty: fmt.Sprintf("Pod %s has no revisions", w.Pod), Next: "psc app create NAME --image IMAGE", More: "psc revision list --limit 0",
	})
}
