package cli

import (
	"errors"

	"github.com/spf13/cobra"
)

func newRevisionDiscard(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "discard [REVISION...]",
		Short: "Discard waiting drafts",
		Long: "Discard the named drafts, by default all of your own. The history keeps them as discarded. psc rebases the drafts\n" +
			"above them.",
		Example:           "  psc revision discard\n  psc revision discard 12 14",
		ValidArgsFunction: s.completeAll(s.draftNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			numbers := make([]int, len(args))
			for i, arg := range args {
				var err error
				if numbers[i], err = parseRevision(arg); err != nil {
					return err
				}
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			discarded, err := w.Discard(cmd.Context(), numbers)
			if len(discarded) == 0 {
				return err
			}
			return errors.Join(err, s.view.Discarded(discarded))
		},
	}
}
