package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/object"
)

func newPodDelete(a *app) *cobra.Command {
	var (
		noWait  bool
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a pod with everything in it, its history included",
		Example: "  psc pod delete shop",
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.openNamed(args)
			if err != nil {
				return err
			}
			o, err := w.namespace(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.confirm(fmt.Sprintf("Deleting pod %s on %s with everything in it", w.pod, w.kube.Context), w.pod); err != nil {
				return err
			}
			if err := w.kube.Delete(cmd.Context(), object.Namespace, "", w.pod, o.GetUID()); err != nil {
				return err
			}
			if a.settings.CurrentPod(w.kube.Context) == w.pod {
				if err := a.settings.UsePod(w.kube.Context, ""); err != nil {
					return err
				}
			}
			if !noWait {
				ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
				defer cancel()
				if err := w.kube.WaitGone(ctx, object.Namespace, "", w.pod, o.GetUID()); err != nil && !apierrors.IsForbidden(err) {
					if ctx.Err() == context.DeadlineExceeded {
						return fault.New(fault.Pending, "pod %s is still being deleted after %s", w.pod, timeout)
					}
					return err
				}
			}
			return a.view.Answer(podDocument{Name: w.pod, Context: w.kube.Context}, []string{"pod/" + w.pod}, func(out io.Writer) {
				fmt.Fprintf(out, "Pod %s is deleted\n", w.pod)
			})
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return when the deletion has begun")
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "how long to wait until everything is gone")
	return cmd
}
