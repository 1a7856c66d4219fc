package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apply "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// disks renders each disk as a claim.
func disks(podName string, spec pod.Spec, _ Cluster) ([]*unstructured.Unstructured, pod.Problems) {
	var objects []*unstructured.Unstructured
	for name, d := range spec.Disks() {
		objects = append(objects, rendered(claim(podName, name, d)))
	}
	return objects, nil
}

func claim(podName, name string, d *pod.Disk) *apply.PersistentVolumeClaimApplyConfiguration {
	mode := corev1.ReadWriteOnce
	if d.Shared {
		mode = corev1.ReadWriteMany
	}
	spec := apply.PersistentVolumeClaimSpec().
		WithAccessModes(mode).
		WithResources(apply.VolumeResourceRequirements().
			WithRequests(corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(d.Size)}))
	if d.Class != "" {
		spec.WithStorageClassName(d.Class)
	}
	return apply.PersistentVolumeClaim(name, podName).WithLabels(labels(podName, object.LabelDisk, name)).WithSpec(spec)
}
