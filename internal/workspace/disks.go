package workspace

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
)

// Disks returns the disks of the newest revision, and after them those that were kept.
func (rd *Reader) Disks(ctx context.Context) ([]report.Disk, error) {
	spec, err := rd.Spec(ctx)
	if err != nil {
		return nil, err
	}
	claims, err := rd.claims(ctx)
	if err != nil {
		return nil, err
	}
	docs := []report.Disk{}
	for name, disk := range spec.Disks() {
		doc := report.Disk{Name: name, Size: disk.Size, Class: disk.Class, State: "draft", Users: users(spec, pod.KindDisk, name)}
		if claim, ok := claims[name]; ok {
			doc.State = diskState(claim)
		}
		delete(claims, name)
		docs = append(docs, doc)
	}
	for _, name := range slices.Sorted(maps.Keys(claims)) {
		size := claims[name].Spec.Resources.Requests[corev1.ResourceStorage]
		docs = append(docs, report.Disk{Name: name, Size: size.String(), State: "kept"})
	}
	return docs, nil
}

// diskState reports whether the disk has storage. Some classes provide it only when an instance first uses the disk.
func diskState(claim *corev1.PersistentVolumeClaim) string {
	if claim.Status.Phase == corev1.ClaimBound {
		return "ready"
	}
	return "pending"
}

// claims returns the disks in the cluster, by name.
func (rd *Reader) claims(ctx context.Context) (map[string]*corev1.PersistentVolumeClaim, error) {
	claims, err := kube.ListAs[corev1.PersistentVolumeClaim](ctx, rd.kube, object.PersistentVolumeClaim, rd.Pod, object.LabelDisk)
	out := map[string]*corev1.PersistentVolumeClaim{}
	for _, claim := range claims {
		out[claim.Name] = claim
	}
	return out, err
}

// GrowDisk sets the size of a disk. The error is pod.Problems if the disk is larger in the cluster.
func (w *Workspace) GrowDisk(ctx context.Context, name, size string, o Options) (Outcome, error) {
	spec, err := w.Spec(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if disk := spec.Disk(name); disk != nil {
		grown := pod.Spec{{Kind: pod.KindDisk, Name: name}: &pod.Disk{Size: size, Shared: disk.Shared}}
		if err := w.observer(render.Cluster{}).Unchangeable(ctx, grown); err != nil {
			return Outcome{}, err
		}
	}
	return w.Change(ctx, []pod.Edit{{Verb: pod.Set, Kind: pod.KindDisk, Name: name, Fields: pod.Fields{"size": size}}}, o)
}

// Disk is a disk of the pod, and its data in the cluster.
type Disk struct {
	// Used says that the newest revision has the disk, and Data that the cluster has its data.
	Used, Data bool
	// Size is the capacity of its data: "10Gi".
	Size string

	name string
	uid  types.UID
}

// Disk finds a disk by its name. The error is a *DiskError if there is none, or if the live revision has it and the newest
// does not.
func (rd *Reader) Disk(ctx context.Context, name string) (Disk, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return Disk{}, err
	}
	head, err := rd.get(ctx, h.Tip())
	if err != nil {
		return Disk{}, err
	}
	claims, err := rd.claims(ctx)
	if err != nil {
		return Disk{}, err
	}
	d := Disk{Used: head.Spec.Disk(name) != nil, name: name}
	if claim, ok := claims[name]; ok {
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		d.Data, d.uid, d.Size = true, claim.UID, size.String()
	}
	if d.Used {
		return d, nil
	}
	if !d.Data {
		return d, &DiskError{Name: name}
	}
	live, err := rd.get(ctx, h.Live)
	if err != nil {
		return d, err
	}
	if live.Spec.Disk(name) != nil {
		return d, &DiskError{Name: name, Live: live.Number}
	}
	return d, nil
}

// DeleteData deletes the data of a disk. This cannot be undone.
func (w *Workspace) DeleteData(ctx context.Context, d Disk) error {
	return w.kube.Delete(ctx, object.PersistentVolumeClaim, w.Pod, d.name, d.uid)
}
