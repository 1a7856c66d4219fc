package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// diskDocument is a disk for scripts.
type diskDocument struct {
	Name  string `json:"name"`
	Size  string `json:"size"`
	Class string `json:"class,omitempty"`
	// State is draft, pending, ready, or kept for one that the spec no longer has.
	State string   `json:"state"`
	Users []string `json:"users,omitempty"`
}

func newDiskList(a *app) *cobra.Command {
	return lister(a, &cobra.Command{
		Short:   "List the disks: those of the pod, drafts included, and those that were kept",
		Example: "  psc disk list",
	}, "has no disks. Make one with: psc disk create NAME --size 10Gi",
		func(ctx context.Context, w *workspace) ([]diskDocument, error) { return w.disks(ctx) },
		func(d diskDocument) string { return "disk/" + d.Name },
		func(out io.Writer, docs []diskDocument) {
			rows := make([][]string, len(docs))
			for i, d := range docs {
				rows[i] = []string{d.Name, d.State, d.Size, d.Class, strings.Join(d.Users, ", ")}
			}
			a.view.Table(out, []string{"DISK", "STATE", "SIZE", "CLASS", "USED BY"}, rows)
		})
}

// disks are those of the newest revision, and after them those that were kept.
func (w *workspace) disks(ctx context.Context) ([]diskDocument, error) {
	spec, err := w.headSpec(ctx)
	if err != nil {
		return nil, err
	}
	there, err := w.claims(ctx)
	if err != nil {
		return nil, err
	}
	docs := []diskDocument{}
	for name, disk := range spec.Disks() {
		doc := diskDocument{Name: name, Size: disk.Size, Class: disk.Class, State: "draft", Users: users(spec, pod.KindDisk, name)}
		if claim, ok := there[name]; ok {
			doc.State = diskState(claim)
		}
		delete(there, name)
		docs = append(docs, doc)
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		size := there[name].Spec.Resources.Requests[corev1.ResourceStorage]
		docs = append(docs, diskDocument{Name: name, Size: size.String(), State: "kept"})
	}
	return docs, nil
}

// diskState says whether storage was found. Some classes look for it only when an instance first uses the disk.
func diskState(claim *corev1.PersistentVolumeClaim) string {
	if claim.Status.Phase == corev1.ClaimBound {
		return "ready"
	}
	return "pending"
}

// claims are the disks in the cluster, by name.
func (w *workspace) claims(ctx context.Context) (map[string]*corev1.PersistentVolumeClaim, error) {
	items, err := w.kube.List(ctx, object.PersistentVolumeClaim, w.pod, object.LabelDisk)
	if err != nil {
		return nil, err
	}
	out := map[string]*corev1.PersistentVolumeClaim{}
	for i := range items {
		claim, err := kube.As[corev1.PersistentVolumeClaim](&items[i])
		if err != nil {
			return nil, err
		}
		out[claim.Name] = claim
	}
	return out, nil
}
