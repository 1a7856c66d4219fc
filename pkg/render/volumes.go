package render

import (
	"fmt"
	"maps"
	"slices"

	apply "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// volumes are the files and disks of an app. Configs and secrets are mounted under names that depend on their content, so
// that new content restarts the app and a rollback restores the same bytes.
func volumes(a *pod.App, spec pod.Spec) (volumes []*apply.VolumeApplyConfiguration, mounts []*apply.VolumeMountApplyConfiguration) {
	for i, f := range a.Files {
		name := fmt.Sprintf("files-%d", i)
		volumes = append(volumes, apply.Volume().WithName(name).
			WithProjected(apply.ProjectedVolumeSource().WithSources(sources(f, spec)...)))
		mount := apply.VolumeMount().WithName(name).WithMountPath(f.Path).WithReadOnly(true)
		if f.File != "" {
			mount.WithSubPath(f.File)
		}
		mounts = append(mounts, mount)
	}
	for i, d := range a.Disks {
		name := fmt.Sprintf("disk-%d", i)
		volumes = append(volumes, apply.Volume().WithName(name).
			WithPersistentVolumeClaim(apply.PersistentVolumeClaimVolumeSource().WithClaimName(d.Disk)))
		mounts = append(mounts, apply.VolumeMount().WithName(name).WithMountPath(d.Path))
	}
	return volumes, mounts
}

// sources are the objects that hold the files of a mount, one per file.
func sources(f pod.FileMount, spec pod.Spec) []*apply.VolumeProjectionApplyConfiguration {
	var out []*apply.VolumeProjectionApplyConfiguration
	wanted := func(file string) bool { return f.File == "" || f.File == file }
	if config := spec.Config(f.Config); config != nil {
		for _, file := range slices.Sorted(maps.Keys(config.Files)) {
			if wanted(file) {
				out = append(out, apply.VolumeProjection().WithConfigMap(apply.ConfigMapProjection().
					WithName(config.Files[file].Object(f.Config, file)).
					WithItems(apply.KeyToPath().WithKey(file).WithPath(file))))
			}
		}
	}
	if secret := spec.Secret(f.Secret); secret != nil {
		for _, key := range slices.Sorted(maps.Keys(secret.Keys)) {
			if wanted(key) {
				out = append(out, apply.VolumeProjection().WithSecret(apply.SecretProjection().
					WithName(secret.Object(f.Secret, secret.Keys[key])).
					WithItems(apply.KeyToPath().WithKey(key).WithPath(key))))
			}
		}
	}
	return out
}
