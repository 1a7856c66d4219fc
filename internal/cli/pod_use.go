package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func newPodUse(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "use NAME",
		Short:   "Work in a pod from now on, in this context",
		Example: "  psc pod use shop",
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.openNamed(args)
			if err != nil {
				return err
			}
			// Somebody with rights in the pod alone may not be able to read its namespace: that is no reason to refuse.
			if _, err := w.namespace(cmd.Context()); err != nil && !apierrors.IsForbidden(err) {
				return err
			}
			if err := a.settings.UsePod(w.kube.Context, w.pod); err != nil {
				return err
			}
			doc := podDocument{Name: w.pod, Context: w.kube.Context, Current: true}
			return a.view.Answer(doc, []string{"pod/" + w.pod}, func(out io.Writer) {
				fmt.Fprintf(out, "Pod %s is now your pod in context %s\n", w.pod, w.kube.Context)
			})
		},
	}
}
