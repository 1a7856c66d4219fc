package cli

import (
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/pod"
)

func newAppSet(a *app) *cobra.Command {
	var (
		f appFlags
		c changeFlags
	)
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change an app: only what is named",
		Example: "  psc app set web --image ghcr.io/acme/web:1.5 --deploy\n" +
			"  psc app set web --env LOG_LEVEL=debug --env OLD-",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.changeApp(cmd, pod.Set, args[0], &f, &c) },
	}
	f.add(cmd)
	c.add(cmd)
	return cmd
}
