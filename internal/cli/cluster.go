package cli

import (
	"github.com/spf13/cobra"
)

func newCluster(s *session) *cobra.Command {
	return noun("cluster", "See what a cluster has for psc, and set it up", newClusterInfo(s), newClusterSetup(s))
}

func newClusterInfo(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "info",
		Short: "Show what the cluster has for the users of psc, and what it lacks",
		Long: "Show what the cluster has for the users of psc: routes, certificates, disks, metrics, roles, audit. For everything that is\n" +
			"missing there is the command that adds it. What you may not look at is unknown.",
		Example: "  psc cluster info\n  psc cluster info -o json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			doc, err := cluster.Info(cmd.Context())
			if err != nil {
				return err
			}
			return s.view.Cluster(doc)
		},
	}
}
