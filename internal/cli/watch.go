package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
)

// watchFlag adds --watch to a command.
func watchFlag(cmd *cobra.Command, watch *bool) {
	cmd.Flags().BoolVarP(watch, "watch", "w", false, "go on and show changes until Ctrl-C")
}

// A watcher calls show at once and after each change until ctx ends, such as Follow of a pod.
type watcher func(ctx context.Context, show func(context.Context) error, away func(error)) error

// watch shows something until Ctrl-C, which is the usual end.
func (s *session) watch(ctx context.Context, follow watcher, show func(context.Context, *view.Live) error) error {
	live := s.view.Live()
	s.live.Store(live)
	defer live.Close()
	err := follow(ctx, func(ctx context.Context) error {
		if err := show(ctx, live); err != nil {
			return err
		}
		if s.outputEnded() {
			return errReaderGone
		}
		return nil
	}, func(err error) { s.say("  waiting: %v", err) })
	switch {
	case errors.Is(err, errReaderGone):
		return nil
	case err != nil && ctx.Err() != nil:
		return &fault.Error{Code: fault.Of(context.Cause(ctx)).Code, Err: context.Cause(ctx), Silent: true}
	}
	return err
}
