package cli

import (
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/workspace"
)

func newRollback(s *session) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "rollback [REVISION]",
		Short: "Restore the last revision that was ready, or the named one",
		Long: "Create a revision with the content of an old one, and deploy it. The default is the last revision before the live one\n" +
			"that was ready. psc rebases the waiting drafts onto the new revision.",
		Example:           "  psc rollback\n  psc rollback 7 -m \"checkout is broken\"",
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.readyNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			return s.do(cmd.Context(), &o, func(w *workspace.Workspace) (workspace.Outcome, error) {
				return w.Rollback(cmd.Context(), number, o.Options)
			})
		},
	}
	o.addDeploy(cmd)
	return cmd
}
