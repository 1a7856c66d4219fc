package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/resource"
	apply "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// volumes are the files, disks and scratch folders of an app. Configs and secrets are mounted under names that depend on their content, so
// that new content restarts the app and a rollback restores the same bytes.
func volumes(a *pod.App, spec pod.Spec) (volumes []*apply.VolumeApplyConfiguration, mounts []*apply.VolumeMountApplyConfiguration) {
	for i, f := range a.Files {
		name := fmt.Sprintf("files-%d", i)
		volumes = append(volumes, apply.Volume().WithName(name).
			WithProjected(projected(f, spec)))
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
		mount := apply.VolumeMount().WithName(name).WithMountPath(d.Path)
		if d.ReadOnly {
			mount.WithReadOnly(true)
		}
		mounts = append(mounts, mount)
	}
	for i, s := range a.Scratch {
		name := fmt.Sprintf("scratch-%d", i)
		volumes = append(volumes, apply.Volume().WithName(name).
			WithEmptyDir(apply.EmptyDirVolumeSource().WithSizeLimit(resource.MustParse(s.Size))))
		mounts = append(mounts, apply.VolumeMount().WithName(name).WithMountPath(s.Path))
	}
	return volumes, mounts
}

func projected(f pod.FileMount, spec pod.Spec) *apply.ProjectedVolumeSourceApplyConfiguration {
	source := apply.ProjectedVolumeSource().WithSources(sources(f, spec)...)
	if f.Mode != "" {
		source.WithDefaultMode(mode(f.Mode))
	}
	return source
}

// mode parses permissions that were validated.
func mode(text string) int32 {
	bits, _ := strconv.ParseInt(text, 8, 32)
	return int32(bits)
}

// grouped reports whether the user of an app needs a group to use its mounts: a new disk belongs to root, and so do files, which
// a mode may hide from others.
func grouped(a *pod.App) bool {
	return len(a.Disks) > 0 || slices.ContainsFunc(a.Files, func(f pod.FileMount) bool { return f.Mode != "" && mode(f.Mode)&0o004 == 0 })
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
