package cli

import "github.com/spf13/cobra"

func newStatus(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show the live revision, the state of its apps, and waiting drafts",
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
			return s.view.Status(doc, "psc diff previews a deploy", "psc diff --live shows details, psc deploy --redeploy reverts it")
		},
	}
}
