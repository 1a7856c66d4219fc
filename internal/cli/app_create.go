package cli

import (
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newAppCreate(a *app) *cobra.Command {
	var (
		f appFlags
		c changeFlags
	)
	cmd := &cobra.Command{
		Use:   "create NAME --image IMAGE",
		Short: "Make an app",
		Example: "  psc app create web --image ghcr.io/acme/web:1.4 --port 8080 --health /healthz\n" +
			"  psc app create worker --image ghcr.io/acme/worker:2 --env QUEUE=mail --deploy",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.image == "" {
				return fault.New(fault.Usage, "--image is missing").WithHint("%s", cmd.UseLine())
			}
			return a.changeApp(cmd, pod.Create, args[0], &f, &c)
		},
	}
	f.add(cmd)
	c.add(cmd)
	return cmd
}

func (a *app) changeApp(cmd *cobra.Command, verb pod.Verb, name string, f *appFlags, c *changeFlags) error {
	fields, err := f.fields(cmd, verb == pod.Create)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return fault.New(fault.Usage, "nothing to set is named").WithHint("%s --help", cmd.CommandPath())
	}
	a.pin(cmd.Context(), fields, f.noPin)
	return a.change(cmd.Context(), c, pod.Edit{Verb: verb, Kind: pod.KindApp, Name: name, Fields: fields})
}
