package cli

import "github.com/spf13/cobra"

func newRevisionShow(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "show [REVISION]",
		Short:             "Show a revision: its author, time and message, and what it changed",
		Long:              "Show the named revision, by default the live one, and its differences to the revision that it is based on. With -o yaml, print its resources.",
		Example:           "  psc revision show\n  psc revision show 12 -o yaml",
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			if s.view.Document() {
				r, err := w.Show(cmd.Context(), number)
				if err != nil {
					return err
				}
				return s.view.Revision(r, nil)
			}
			r, changes, err := w.Changes(cmd.Context(), number)
			if err != nil {
				return err
			}
			if err := s.view.Revision(r, changes); err != nil || changes != nil {
				return err
			}
			s.view.Say("r%d, which it is based on, was removed", r.Parent)
			s.view.Next("psc revision show %d -o yaml prints its resources", r.Number)
			return nil
		},
	}
}
