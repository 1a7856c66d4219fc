package cli

import (
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newDisk(a *app) *cobra.Command {
	return noun("disk", "Disks: storage that outlives instances",
		newDiskCreate(a), newDiskSet(a), newDiskList(a), newShow(a, pod.KindDisk), newDiskDelete(a))
}

func newDiskCreate(a *app) *cobra.Command {
	var (
		c           changeFlags
		size, class string
	)
	cmd := &cobra.Command{
		Use:   "create NAME --size SIZE",
		Short: "Make a disk",
		Example: "  psc disk create data --size 10Gi\n" +
			"  psc app set db --mount /var/lib/db=disk/data --deploy",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if size == "" {
				return fault.New(fault.Usage, "--size is missing").WithHint("%s", cmd.UseLine())
			}
			fields := pod.Fields{"size": size}
			if class != "" {
				fields["class"] = class
			}
			return a.change(cmd.Context(), &c, pod.Edit{Verb: pod.Create, Kind: pod.KindDisk, Name: args[0], Fields: fields})
		},
	}
	cmd.Flags().StringVar(&size, "size", "", "how much it holds, such as `10Gi`")
	cmd.Flags().StringVar(&class, "class", "", "StorageClass of the cluster, `NAME`; its default one when it is not set")
	c.add(cmd)
	return cmd
}
