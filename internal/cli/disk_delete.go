package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

func newDiskDelete(a *app) *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Take a disk out of the pod, or delete its data for good",
		Long: "Take a disk out of the pod. Its data stays in the cluster, and a rollback finds it again. Of a disk that is in no\n" +
			"revision which is live or waits, delete the data: that cannot be undone.",
		Example: "  psc disk delete data --deploy    its data stays\n" +
			"  psc disk delete data             now its data goes too",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			return a.deleteDisk(cmd, w, args[0], &c)
		},
	}
	c.add(cmd)
	return cmd
}

func (a *app) deleteDisk(cmd *cobra.Command, w *workspace, name string, c *changeFlags) error {
	ctx := cmd.Context()
	spec, err := w.headSpec(ctx)
	if err != nil {
		return err
	}
	there, err := w.claims(ctx)
	if err != nil {
		return err
	}
	claim, ok := there[name]
	if spec.Disk(name) != nil {
		if err := a.change(ctx, c, pod.Edit{Verb: pod.Delete, Kind: pod.KindDisk, Name: name}); err != nil {
			return err
		}
		switch {
		case !ok:
			a.view.Say("Disk %s has no data in the cluster", name)
		case c.deploy:
			a.view.Say("The data of disk %s stays in the cluster. psc disk delete %s deletes it", name, name)
		default:
			a.view.Say("The data of disk %s stays in the cluster. Once this is deployed, psc disk delete %s deletes it", name, name)
		}
		return nil
	}
	if !ok {
		return fault.New(fault.Usage, "disk %q does not exist", name).WithHint("psc disk list")
	}
	h, err := w.history(ctx)
	if err != nil {
		return err
	}
	live, err := w.store.Get(ctx, h.Live)
	if err != nil {
		return err
	}
	if live.Spec.Disk(name) != nil {
		return fault.New(fault.Conflict, "disk %s is part of %s, which is live", name, live.Name()).WithHint("psc deploy")
	}
	if err := a.confirm(fmt.Sprintf("Deleting disk %s with all its data", name), name); err != nil {
		return err
	}
	if err := w.kube.Delete(ctx, object.PersistentVolumeClaim, w.pod, name, claim.UID); err != nil {
		return err
	}
	a.view.Say("Disk %s and its data are deleted", name)
	return nil
}
