package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/pod"
)

// newDelete makes the command that takes a resource out of the spec. Nothing is lost: the history still has it.
func newDelete(a *app, kind pod.Kind) *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:     "delete NAME...",
		Short:   fmt.Sprintf("Take %s out of the pod", withArticle(kind)),
		Example: fmt.Sprintf("  psc %s delete web --deploy", kind.Word()),
		Args:    atLeast("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			edits := make([]pod.Edit, 0, len(args))
			for _, name := range args {
				edits = append(edits, pod.Edit{Verb: pod.Delete, Kind: kind, Name: name})
			}
			return a.change(cmd.Context(), &c, edits...)
		},
	}
	c.add(cmd)
	return cmd
}

func withArticle(kind pod.Kind) string {
	if kind == pod.KindApp {
		return "an app"
	}
	return "a " + kind.Word()
}
