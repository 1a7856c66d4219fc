package cli

import (
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newRouteCreate(a *app) *cobra.Command {
	var (
		f routeFlags
		c changeFlags
	)
	cmd := &cobra.Command{
		Use:   "create NAME --to APP",
		Short: "Make a route",
		Example: "  psc route create web --to web\n" +
			"  psc route create shop --host shop.example.com --to web --to /api:api",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(f.to) == 0 {
				return fault.New(fault.Usage, "--to is missing").WithHint("%s", cmd.UseLine())
			}
			return a.changeRoute(cmd, pod.Create, args[0], &f, &c)
		},
	}
	f.add(cmd)
	c.add(cmd)
	return cmd
}
