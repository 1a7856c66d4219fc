package render

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// disks renders each disk as a claim.
func disks(podName string, spec pod.Spec, _ Cluster) ([]*unstructured.Unstructured, pod.Problems) {
	var objects []*unstructured.Unstructured
	for name, d := range spec.Disks() {
		objects = append(objects, withSpec(object.PersistentVolumeClaim, podName, name, labels(podName, object.LabelDisk, name), claim(d)))
	}
	return objects, nil
}

func claim(d *pod.Disk) corev1.PersistentVolumeClaimSpec {
	mode := corev1.ReadWriteOnce
	if d.Shared {
		mode = corev1.ReadWriteMany
	}
	spec := corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{mode},
		Resources: corev1.VolumeResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(d.Size)},
		},
	}
	if d.Class != "" {
		spec.StorageClassName = &d.Class
	}
	return spec
}
