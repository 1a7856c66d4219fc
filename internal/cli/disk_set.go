package cli

import (
	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/pkg/pod"
)

func newDiskSet(a *app) *cobra.Command {
	var (
		c    changeFlags
		size string
	)
	cmd := &cobra.Command{
		Use:     "set NAME --size SIZE",
		Short:   "Let a disk grow",
		Long:    "Let a disk grow, where its class allows it. A disk cannot shrink.",
		Example: "  psc disk set data --size 20Gi --deploy",
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if size == "" {
				return fault.New(fault.Usage, "--size is missing").WithHint("%s", cmd.UseLine())
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			if err := (&rollout.Rollout{Kube: w.kube, Pod: w.pod}).Shrinks(cmd.Context(), pod.Spec{{Kind: pod.KindDisk, Name: args[0]}: &pod.Disk{Size: size}}); err != nil {
				return invalid(err)
			}
			return a.change(cmd.Context(), &c, pod.Edit{
				Verb: pod.Set, Kind: pod.KindDisk, Name: args[0], Fields: pod.Fields{"size": size},
			})
		},
	}
	cmd.Flags().StringVar(&size, "size", "", "how much it holds, such as `20Gi`")
	c.add(cmd)
	return cmd
}
