package cli

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newEvents(s *session) *cobra.Command {
	var o instance.EventOptions
	cmd := &cobra.Command{
		Use:   "events [APP]",
		Short: "Show what happened to apps, and what went wrong",
		Long: "Show what the cluster did with an app and its instances, disks and routes, and what went wrong. Without APP, show the whole pod.\n" +
			"The newest events come last. Events that say the same are one line with their count. Kubernetes keeps events for an hour.",
		Example:           "  psc events web\n  psc events --since 10m\n  psc events web --watch\n  psc events -o json",
		Args:              between(0, "APP"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindApp)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkSince(o.Since); err != nil {
				return err
			}
			if len(args) > 0 {
				o.App = args[0]
			}
			return s.events(cmd.Context(), o)
		},
	}
	cmd.Flags().DurationVar(&o.Since, "since", 0, "events that were seen in the last `TIME`, such as 10m")
	cmd.Flags().BoolVarP(&o.Follow, "watch", "w", false, "show new events too, until Ctrl-C")
	return cmd
}

func (s *session) events(ctx context.Context, o instance.EventOptions) error {
	w, err := s.open()
	if err != nil {
		return err
	}
	ctx, cancel := s.whileRead(ctx)
	defer cancel()
	write := s.view.Events
	if o.Follow {
		feed, err := s.view.Feed()
		if err != nil {
			return err
		}
		write = feed.Write
	}
	empty := "No events of " + cmp.Or(o.App, "pod "+w.Pod)
	if o.Since > 0 {
		empty += " in that time"
	}
	empty += ". Kubernetes keeps events for an hour"
	o.Show = func(all []report.Event) error {
		if len(all) == 0 {
			if err := w.Check(ctx); err != nil {
				return err
			}
		}
		if err := write(all, empty); err != nil {
			return err
		}
		if s.outputEnded() {
			return errReaderGone
		}
		return nil
	}
	err = w.Instances().Events(ctx, o)
	switch {
	case errors.Is(err, errReaderGone), errors.Is(context.Cause(ctx), errReaderGone):
		return nil
	case err != nil && ctx.Err() != nil && o.Follow:
		return usualEnd(ctx)
	case errors.As(err, new(*pod.RefError)):
		return cmp.Or(w.Check(ctx), err)
	}
	return err
}
