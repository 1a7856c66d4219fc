package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newDisk(s *session) *cobra.Command {
	return noun("disk", "Manage disks: storage that outlives instances",
		newDiskCreate(s), newDiskSet(s), newDiskList(s), newShow(s, pod.KindDisk), newDiskDelete(s))
}

func newDiskCreate(s *session) *cobra.Command {
	var (
		o           options
		size, class string
		shared      bool
	)
	cmd := &cobra.Command{
		Use:   "create NAME --size CAPACITY",
		Short: "Create a disk",
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
			if shared {
				fields["shared"] = true
			}
			return s.change(cmd.Context(), &o, pod.Edit{Verb: pod.Create, Kind: pod.KindDisk, Name: args[0], Fields: fields})
		},
	}
	section(cmd, sectionDisk, func(flags *pflag.FlagSet) {
		flags.StringVar(&size, "size", "", "`CAPACITY` of the disk, such as 10Gi")
		flags.StringVar(&class, "class", "", "`CLASS` of the storage (a StorageClass), by default that of the cluster")
		flags.BoolVar(&shared, "shared", false, "let several apps and instances use it at once, if its class offers that (ReadWriteMany)")
	})
	o.addChange(cmd)
	return cmd
}

func newDiskSet(s *session) *cobra.Command {
	var (
		o    options
		size string
	)
	cmd := &cobra.Command{
		Use:               "set NAME --size CAPACITY",
		Short:             "Grow a disk",
		Long:              "Grow a disk, if its class allows it. A disk cannot shrink.",
		Example:           "  psc disk set data --size 20Gi --deploy",
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindDisk)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if size == "" {
				return fault.New(fault.Usage, "--size is missing").WithHint("%s", cmd.UseLine())
			}
			return s.do(cmd.Context(), &o, func(w *workspace.Workspace) (workspace.Outcome, error) {
				return w.GrowDisk(cmd.Context(), args[0], size, o.Options)
			})
		},
	}
	section(cmd, sectionDisk, func(flags *pflag.FlagSet) {
		flags.StringVar(&size, "size", "", "`CAPACITY` of the disk, such as 20Gi")
	})
	o.addChange(cmd)
	return cmd
}

func newDiskList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the disks, including those of drafts and those that were kept",
		Example: "  psc disk list",
	}, "has no disks", "psc disk create NAME --size 10Gi", (*workspace.Workspace).Disks, view.Disks)
}

func newDiskDelete(s *session) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Remove a disk from the pod, or delete its data",
		Long: "Remove a disk from the pod. Its data stays in the cluster, and a rollback uses it again. For a disk that is neither in\n" +
			"the live revision nor in a draft, delete the data: this cannot be undone.",
		Example: "  psc disk delete data --deploy    keeps the data\n" +
			"  psc disk delete data             deletes the data",
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindDisk)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.deleteDisk(cmd.Context(), &o, args[0])
		},
	}
	o.addChange(cmd)
	return cmd
}

// deleteDisk removes a disk from the spec, or deletes the data of one that is no longer in it.
func (s *session) deleteDisk(ctx context.Context, o *options, name string) error {
	if err := o.check(); err != nil {
		return err
	}
	w, err := s.open()
	if err != nil {
		return err
	}
	disk, err := w.Disk(ctx, name)
	if err != nil {
		return err
	}
	if disk.Used {
		out, err := w.Change(ctx, []pod.Edit{{Verb: pod.Delete, Kind: pod.KindDisk, Name: name}}, o.Options)
		if err := s.show(ctx, w, o, out, err); err != nil {
			return err
		}
		switch {
		case !disk.Data:
			s.view.Say("Disk %s has no data in the cluster", name)
		case o.Alone:
			s.view.Say("The data of disk %s stays in the cluster", name)
			s.view.Next("psc disk delete %s deletes it", name)
		default:
			s.view.Say("The data of disk %s stays in the cluster", name)
			s.view.Next("psc disk delete %s deletes it, after the deploy", name)
		}
		return nil
	}
	if err := s.confirm(fmt.Sprintf("Deleting disk %s in pod %s on %s with all its data (%s)", name, w.Pod, w.Context, disk.Size), name); err != nil {
		return err
	}
	if err := w.DeleteData(ctx, disk); err != nil {
		return err
	}
	s.view.Say("Disk %s and its data are deleted", name)
	return nil
}
