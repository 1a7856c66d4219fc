package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// list is how lists are answered to scripts.
type list[T any] struct {
	Items []T `json:"items"`
}

// lister makes the command that lists something of the pod: read finds it, name is what -o name writes of one, and show
// writes what people see, or empty is what they hear of the pod where there is none.
func lister[T any](
	a *app, cmd *cobra.Command, empty string,
	read func(context.Context, *workspace) ([]T, error), name func(T) string, show func(io.Writer, []T),
) *cobra.Command {
	cmd.Use, cmd.Args = "list", exactly()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		w, err := a.open()
		if err != nil {
			return err
		}
		all, err := read(cmd.Context(), w)
		if err != nil {
			return err
		}
		names := make([]string, len(all))
		for i, item := range all {
			names[i] = name(item)
		}
		return a.view.Answer(list[T]{all}, names, func(out io.Writer) {
			if len(all) == 0 {
				a.view.Say("Pod %s %s", w.pod, empty)
				return
			}
			show(out, all)
		})
	}
	return cmd
}

// count is a number of things in words.
func count(n int, word string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}
