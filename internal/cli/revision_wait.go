package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/revision"
)

func newRevisionWait(s *session) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait [REVISION]",
		Short: "Wait until a deploy has ended",
		Long: "Wait for the named revision, by default the live one. The exit code is 0 if it is ready, 1 if it failed, and 8 if it\n" +
			"is still pending at the timeout.",
		Example:           "  psc deploy --no-wait && psc revision wait",
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
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			r, err := w.Wait(ctx, number)
			switch {
			case err != nil && ctx.Err() == context.DeadlineExceeded:
				return fault.New(fault.Pending, "%s is still %s after %s", r.Name(), r.State, timeout).WithHint("psc status")
			case err != nil:
				return err
			case r.State == revision.Discarded:
				return fault.New(fault.Failed, "%s was discarded: %s", r.Name(), r.Reason)
			}
			if err := s.view.Ended(r); err != nil {
				return err
			}
			if r.State == revision.Failed {
				return fault.New(fault.Failed, "%s failed: %s", r.Name(), r.Reason)
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "`TIME` to wait until it has ended")
	return cmd
}
