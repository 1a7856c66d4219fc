package cli

import (
	"github.com/spf13/cobra"
)

func newRevisionDiff(a *app) *cobra.Command {
	var exitCode bool
	cmd := &cobra.Command{
		Use:     "diff A [B]",
		Short:   "Show how two revisions differ",
		Long:    "Show what changed from A to B; without B, what changed from A to the newest revision.",
		Example: "  psc revision diff 2 3\n  psc revision diff 2 -o json",
		Args:    between(1, "A", "B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := parseRevision(args[0])
			if err != nil {
				return err
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			var to int
			if len(args) > 1 {
				to, err = parseRevision(args[1])
			} else {
				var h history
				h, err = w.history(cmd.Context())
				to = h.Tip()
			}
			if err != nil {
				return err
			}
			return a.diffRevisions(cmd.Context(), w, from, to, exitCode)
		},
	}
	cmd.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when there are differences")
	return cmd
}
