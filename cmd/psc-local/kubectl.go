package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
)

func newKubectl(open func() (cluster, error)) *cobra.Command {
	return &cobra.Command{
		Use:                "kubectl ARGS...",
		Short:              "Run kubectl as the cluster's administrator",
		Example:            "  psc-local kubectl get pods -A",
		DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			if _, err := c.plan(); err != nil {
				return err
			}
			// Its cache also belongs to the cluster: `down` must not leave it in the user's home.
			if err := errors.Join(os.Setenv("KUBECONFIG", c.path(adminFile)), os.Setenv("KUBECACHEDIR", c.path("kubectl"))); err != nil {
				return err
			}
			os.Args = append([]string{"kubectl"}, args...) // kubectl looks for its plugins there
			if code := cli.Run(kubectl.NewDefaultKubectlCommand()); code != 0 {
				return exitCode(code)
			}
			return nil
		},
	}
}
