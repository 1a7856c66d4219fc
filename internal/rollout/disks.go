package rollout

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Shrinks returns pod.Problems for the disks of a spec that are larger in the cluster, or nil. A disk cannot shrink in
// Kubernetes.
func (o Observer) Shrinks(ctx context.Context, spec pod.Spec) error {
	there, err := o.larger(ctx, spec)
	if err != nil {
		return err
	}
	var problems pod.Problems
	for name, disk := range there.Disks() {
		problems = append(problems, pod.Problem{
			Path:    "disk/" + name + " spec.size",
			Message: fmt.Sprintf("is %s in the cluster and cannot shrink to %s", disk.Size, spec.Disk(name).Size),
			Next:    pod.Next{Do: pod.DoSet, Kind: pod.KindDisk, Name: name, Set: map[string]string{"size": disk.Size}},
		})
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// Grown returns a spec whose disks are at least as large as they are in the cluster, so that a rollback can restore it.
func (o Observer) Grown(ctx context.Context, spec pod.Spec) (pod.Spec, error) {
	there, err := o.larger(ctx, spec)
	out := maps.Clone(spec)
	maps.Copy(out, there)
	return out, err
}

// larger returns the disks of a spec that are larger in the cluster, with their size there.
func (o Observer) larger(ctx context.Context, spec pod.Spec) (pod.Spec, error) {
	if len(spec.Names(pod.KindDisk)) == 0 {
		return nil, nil
	}
	items, err := o.Kube.List(ctx, object.PersistentVolumeClaim, o.Pod, object.LabelDisk)
	if err != nil {
		return nil, err
	}
	out := pod.Spec{}
	for i := range items {
		claim, err := kube.As[corev1.PersistentVolumeClaim](&items[i])
		if err != nil {
			return nil, err
		}
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		if disk := spec.Disk(claim.Name); disk != nil {
			there := &pod.Disk{Size: size.String(), Class: disk.Class}
			if disk.Smaller(there) {
				out[pod.Ref{Kind: pod.KindDisk, Name: claim.Name}] = there
			}
		}
	}
	return out, nil
}
