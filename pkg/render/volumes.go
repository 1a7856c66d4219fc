package render

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// volumes are the files and disks of an app. Configs and secrets are mounted under names that depend on their content, so
// that new content restarts the app and a rollback restores the same bytes.
func volumes(a *pod.App, spec pod.Spec) (volumes []corev1.Volume, mounts []corev1.VolumeMount) {
	for i, f := range a.Files {
		name := fmt.Sprintf("files-%d", i)
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			Projected: &corev1.ProjectedVolumeSource{Sources: sources(f, spec)},
		}})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: f.Path, SubPath: f.File, ReadOnly: true})
	}
	for i, d := range a.Disks {
		name := fmt.Sprintf("disk-%d", i)
		volumes = append(volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: d.Disk},
		}})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: d.Path})
	}
	return volumes, mounts
}

// sources are the objects that hold the files of a mount, one per file.
func sources(f pod.FileMount, spec pod.Spec) []corev1.VolumeProjection {
	var out []corev1.VolumeProjection
	wanted := func(file string) bool { return f.File == "" || f.File == file }
	if config := spec.Config(f.Config); config != nil {
		for _, file := range slices.Sorted(maps.Keys(config.Files)) {
			if wanted(file) {
				out = append(out, corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
					LocalObjectReference: corev1.LocalObjectReference{Name: config.Files[file].Object(f.Config, file)},
					Items:                []corev1.KeyToPath{{Key: file, Path: file}},
				}})
			}
		}
	}
	if secret := spec.Secret(f.Secret); secret != nil {
		for _, key := range slices.Sorted(maps.Keys(secret.Keys)) {
			if wanted(key) {
				out = append(out, corev1.VolumeProjection{Secret: &corev1.SecretProjection{
					LocalObjectReference: corev1.LocalObjectReference{Name: secret.Object(f.Secret, secret.Keys[key])},
					Items:                []corev1.KeyToPath{{Key: key, Path: key}},
				}})
			}
		}
	}
	return out
}
