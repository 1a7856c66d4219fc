package cli

import "github.com/spf13/cobra"

func newRevisionDiff(s *session) *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:               "diff A [B]",
		Short:             "Compare two revisions",
		Long:              "Show what changed from A to B, by default the newest revision.",
		Example:           "  psc revision diff 2 3\n  psc revision diff 2 -o json",
		Args:              between(1, "A", "B"),
		ValidArgsFunction: s.complete(s.revisionNames, s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := parseRevision(args[0])
			if err != nil {
				return err
			}
			to, err := optionalRevision(args[1:])
			if err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			doc, err := w.DiffRevisions(cmd.Context(), from, to, !s.view.Document())
			if err != nil {
				return err
			}
			return s.showDiff(doc, exitCode)
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 if there are differences")
	return cmd
}
