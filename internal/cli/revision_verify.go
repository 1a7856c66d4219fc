package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
)

func newRevisionVerify(s *session) *cobra.Command {
	var accept bool
	cmd := &cobra.Command{
		Use:   "verify [REVISION]",
		Short: "Find damaged, altered or missing records, files and secret values",
		Long: "Read the named revision, by default all, and the content that they refer to, oldest first. The exit code is 1 if\n" +
			"something is damaged or missing. Each record has a hash of itself and of the record before, so psc finds a record that\n" +
			"was changed by hand, or deleted and created again. psc does not deploy it, or roll back to it, unless --accept says that\n" +
			"it is right as it is now. A draft that one user rebased in the name of another is compared with the draft that it replaces.",
		Example:           "  psc revision verify\n  psc revision verify 7\n  psc revision verify 7 --accept",
		Args:              between(0, "REVISION"),
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := optionalRevision(args)
			if err != nil {
				return err
			}
			if accept && number == 0 {
				return fault.New(fault.Usage, "REVISION is missing").WithHint("psc revision verify REVISION --accept")
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			if accept {
				if err := w.Accept(cmd.Context(), number); err != nil {
					return err
				}
			}
			found, err := w.Verify(cmd.Context(), number)
			if err != nil {
				return err
			}
			if err := s.view.Verification(found); err != nil || len(found.Items) == 0 {
				return err
			}
			return &fault.Error{Code: fault.Failed, Err: errors.New("something is damaged or missing"), Silent: true}
		},
	}
	cmd.Flags().BoolVar(&accept, "accept", false, "accept the record as it is now")
	return cmd
}
