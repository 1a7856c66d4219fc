package cli

import (
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/pod"
)

func newRouteSet(a *app) *cobra.Command {
	var (
		f routeFlags
		c changeFlags
	)
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a route: only what is named",
		Example: "  psc route set web --to web=90,web-next=10 --deploy\n" +
			"  psc route set web --to /api:-          the path /api is no longer led anywhere of its own",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.changeRoute(cmd, pod.Set, args[0], &f, &c) },
	}
	f.add(cmd)
	c.add(cmd)
	return cmd
}
