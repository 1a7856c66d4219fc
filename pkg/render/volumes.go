package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/pscdev/psc/pkg/pod"
)

// volumes are the files, disks and scratch folders of an app and its processes. Configs and secrets are mounted under names that
// depend on their content, so that new content restarts the app and a rollback restores the same bytes.
type volumes struct {
	all   []corev1.Volume
	names map[string]string // by what they hold
	count map[string]int    // of each kind
}

// name returns the name of the volume that holds something, and adds it if it is new.
func (v *volumes) name(kind, holds string, source corev1.VolumeSource) string {
	holds = kind + " " + holds
	if v.names[holds] == "" {
		name := fmt.Sprintf("%s-%d", kind, v.count[kind])
		v.count[kind]++
		v.names[holds] = name
		v.all = append(v.all, corev1.Volume{Name: name, VolumeSource: source})
	}
	return v.names[holds]
}

// mounts returns the mounts of a program, and adds the volumes that it needs. Programs with a scratch folder at the same path, or
// with the same disk, share it.
func (v *volumes) mounts(a *pod.App, spec pod.Spec) []corev1.VolumeMount {
	var mounts []corev1.VolumeMount
	for _, f := range a.Files {
		holds := fmt.Sprintf("%s %s %s %s", f.Config, f.Secret, f.File, f.Mode)
		name := v.name("files", holds, corev1.VolumeSource{Projected: projected(f, spec)})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: f.Path, SubPath: f.File, ReadOnly: true})
	}
	for _, d := range a.Disks {
		name := v.name("disk", d.Disk, corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: d.Disk},
		})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: d.Path, ReadOnly: d.ReadOnly})
	}
	for _, s := range a.Scratch {
		name := v.name("scratch", s.Path, corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse(s.Size))},
		})
		mounts = append(mounts, corev1.VolumeMount{Name: name, MountPath: s.Path})
	}
	return mounts
}

func projected(f pod.FileMount, spec pod.Spec) *corev1.ProjectedVolumeSource {
	source := &corev1.ProjectedVolumeSource{Sources: sources(f, spec)}
	if f.Mode != "" {
		source.DefaultMode = new(mode(f.Mode))
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
