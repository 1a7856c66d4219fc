package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newAppScale(a *app) *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:     "scale NAME INSTANCES",
		Short:   "Change how many instances run; 0 stops the app",
		Example: "  psc app scale web 4 --deploy",
		Args:    exactly("NAME", "INSTANCES"),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil {
				return fault.New(fault.Usage, "%q is not a number of instances", args[1])
			}
			return a.change(cmd.Context(), &c, pod.Edit{
				Verb: pod.Set, Kind: pod.KindApp, Name: args[0], Fields: pod.Fields{"instances": n, "autoscale": nil},
			})
		},
	}
	c.add(cmd)
	return cmd
}
