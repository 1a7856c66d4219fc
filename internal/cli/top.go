package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newTop(s *session) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "top [APP]",
		Short: "Show the CPU and memory of apps and their instances",
		Long: "Show the CPU and memory that apps and their instances use, beside what they request and their limits. A bar shows how\n" +
			"much of the limit is used, or of the request if there is no limit. An instance uses more than its request while its node has\n" +
			"more, and is stopped if it needs more memory than its limit (OOMKilled). Restarts are those of the instances that run now.",
		Example:           "  psc top\n  psc top --watch\n  psc top web -o jsonpath={.items[0].memory.used}",
		Args:              between(0, "APP"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindApp)),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			app, empty := "", "Pod "+w.Pod+" has no instances"
			if len(args) > 0 {
				app = args[0]
			}
			top := func(ctx context.Context, show func([]report.AppUsage, error, string) error) error {
				all, unmeasured, err := w.Usage(ctx, app)
				var none *instance.Error
				if errors.As(err, &none) { // there is nothing to measure, which is no failure
					return show(nil, nil, none.Error())
				}
				if err != nil {
					return err
				}
				return show(all, unmeasured, empty)
			}
			if watch {
				return s.watch(cmd.Context(), w.Follow, func(ctx context.Context, live *view.Live) error { return top(ctx, live.Usage) })
			}
			return top(cmd.Context(), s.view.Usage)
		},
	}
	watchFlag(cmd, &watch)
	return cmd
}
