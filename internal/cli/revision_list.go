package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/report"
)

func newRevisionList(s *session) *cobra.Command {
	var most int
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
			h, err := w.History(cmd.Context())
			if err != nil {
				return err
			}
			all := h.All
			if !s.view.Document() && most > 0 && len(all) > most {
				all = all[:most]
			}
			doc := report.History{Items: all, Limit: h.Limit, Missing: h.Missing()}
			return s.view.Revisions(doc, fmt.Sprintf("Pod %s has no revisions", w.Pod), "psc app create NAME --image IMAGE",
				len(h.All)-len(all), "psc revision list --limit 0")
		},
	}
	cmd.Flags().IntVar(&most, "limit", 20, "show at most `N` revisions; 0 for all")
	return cmd
}
