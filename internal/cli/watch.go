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
	cmd.Flags().BoolVarP(watch, "watch", "w", false, "show changes until Ctrl-C")
}

// errReaderGone ends what goes on until Ctrl-C when nobody reads it any more.
var errReaderGone = errors.New("the reader has gone")

// whileRead returns a context that ends with errReaderGone when the reader of stdout goes.
func (s *session) whileRead(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if out, ok := s.Out.(*view.Output); ok {
		go func() {
			out.WaitGone(ctx)
			cancel(errReaderGone)
		}()
	}
	return ctx, func() { cancel(nil) }
}

// outputEnded reports whether stdout takes nothing more.
func (s *session) outputEnded() bool {
	out, ok := s.Out.(*view.Output)
	return ok && (out.Gone() || out.Err() != nil)
}

// A watcher calls show at once and after each change until ctx ends, such as Follow of a pod.
type watcher func(ctx context.Context, show func(context.Context) error, away func(error)) error

// watch shows something until Ctrl-C, which is the usual end.
func (s *session) watch(ctx context.Context, follow watcher, show func(context.Context, *view.Live) error) error {
	ctx, cancel := s.whileRead(ctx)
	defer cancel()
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
		return usualEnd(ctx)
	}
	return err
}

// usualEnd returns the error of a command that goes on until a signal ends it: only the exit code says so.
func usualEnd(ctx context.Context) error {
	return &fault.Error{Code: fault.Of(context.Cause(ctx)).Code, Err: context.Cause(ctx), Silent: true}
}
