package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newRoot is the command line of psc-local.
func newRoot() *cobra.Command {
	name := "psc-local"
	open := func() (cluster, error) { return openCluster(name) }
	root := &cobra.Command{
		Use:   "psc-local",
		Short: "A real Kubernetes on this machine, for trying psc",
		Long: `A real Kubernetes on this machine, for trying psc: control plane, registry and gateway, with a
real node (Linux, as root, with nft) or with simulated ones (anywhere). 'down' removes
everything, and no packet leaves the machine.`,
		Example: `  psc-local up                       # start it, and add the context psc-local to your kubeconfig
  psc-local push web:1 ./web         # make an image from a static binary: localhost:5000/web:1
  psc-local status
  psc-local logs kubelet
  psc-local down

  psc-local --name test up --nodes simulated`,
		Args:             noArgs,
		SilenceErrors:    true,
		SilenceUsage:     true,
		TraverseChildren: true,
		RunE:             func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&name, "name", name, "name of the cluster")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newUp(open), newDown(open), newStatus(open), newKubeconfig(open), newLogs(open), newPush(open), newKubectl(open))
	root.AddCommand(&cobra.Command{
		Use: "_supervise", Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			return supervise(cmd.Context(), c)
		},
	}, &cobra.Command{
		Use: "_node", Hidden: true, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := open()
			if err != nil {
				return err
			}
			return runNode(cmd.Context(), c)
		},
	})
	return root
}

// noArgs is cobra.NoArgs with a usageError.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s: unexpected %q", cmd.CommandPath(), args[0])}
	}
	return nil
}

// exactArgs is cobra.ExactArgs with a usageError.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Errorf("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}
