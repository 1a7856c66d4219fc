package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Unchangeable returns pod.Problems for the disks of a spec that would have to shrink, or to become shared or not shared. Kubernetes
// allows neither. It returns nil if there are none.
func (o Observer) Unchangeable(ctx context.Context, spec pod.Spec) error {
	there, err := o.disks(ctx, spec)
	if err != nil {
		return err
	}
	var problems pod.Problems
	for name, disk := range there.Disks() {
		wanted := spec.Disk(name)
		if wanted.Smaller(disk) {
			problems = append(problems, pod.Problem{
				Path:    "disk/" + name + " spec.size",
				Message: fmt.Sprintf("is %s in the cluster and cannot shrink to %s", disk.Size, wanted.Size),
				Next:    pod.Next{Do: pod.DoSet, Kind: pod.KindDisk, Name: name, Set: map[string]string{"size": disk.Size}},
			})
		}
		if wanted.Shared != disk.Shared {
			problems = append(problems, pod.Problem{
				Path:    "disk/" + name + " spec.shared",
				Message: fmt.Sprintf("is %t in the cluster and cannot become %t: create another disk, and copy the data", disk.Shared, wanted.Shared),
			})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// Grown returns a spec whose disks are at least as large as they are in the cluster, so that a rollback can restore it.
func (o Observer) Grown(ctx context.Context, spec pod.Spec) (pod.Spec, error) {
	there, err := o.disks(ctx, spec)
	out := maps.Clone(spec)
	for name, disk := range there.Disks() {
		if wanted := *spec.Disk(name); wanted.Smaller(disk) {
			wanted.Size = disk.Size
			out[pod.Ref{Kind: pod.KindDisk, Name: name}] = &wanted
		}
	}
	return out, err
}

// disks returns the disks of a spec that the cluster has, as they are there.
func (o Observer) disks(ctx context.Context, spec pod.Spec) (pod.Spec, error) {
	if len(spec.Names(pod.KindDisk)) == 0 {
		return nil, nil
	}
	claims, err := kube.ListAs[corev1.PersistentVolumeClaim](ctx, o.Kube, object.PersistentVolumeClaim, o.Pod, object.LabelDisk)
	if err != nil {
		return nil, err
	}
	out := pod.Spec{}
	for _, claim := range claims {
		if spec.Disk(claim.Name) == nil {
			continue
		}
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		out[pod.Ref{Kind: pod.KindDisk, Name: claim.Name}] = &pod.Disk{
			Size: size.String(), Shared: slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteMany),
		}
	}
	return out, nil
}
