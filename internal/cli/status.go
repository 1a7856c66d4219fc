package cli

import "github.com/spf13/cobra"

func newStatus(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show what is live, how it fares, and what waits",
		Example: "  psc status\n  psc status -o jsonpath={.live.state}",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			doc, err := w.Status(cmd.Context())
			if err != nil {
				return err
			}
			return s.view.Status(doc, "See what a deploy would change with: psc diff",
				"See what and by whom with: psc diff --live; put it right with: psc deploy --redeploy")
		},
	}
}
