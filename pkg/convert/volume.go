package convert

import (
	"fmt"
	"path"

	"github.com/pscdev/psc/pkg/pod"
)

// scratchSize is the size of an empty folder that has none: psc needs one.
const scratchSize = "1Gi"

// volumes are the volumes of an instance, and the paths at which its containers mount them.
type volumes struct {
	c      *conversion
	a      *app
	byName map[string]node
	paths  map[string]string // of empty folders, by name
	used   map[string]bool
}

func (c *conversion) volumes(a *app, instance node) *volumes {
	v := &volumes{c, a, map[string]node{}, map[string]string{}, map[string]bool{}}
	for _, n := range instance.list("volumes") {
		name, _ := n.fields["name"].(string)
		v.byName[name] = n
	}
	return v
}

// mount takes the mounts that psc can express.
func (v *volumes) mount(container node, x *pod.Process) {
	for _, m := range container.list("volumeMounts") {
		name, _ := m.fields["name"].(string)
		n, ok := v.byName[name]
		at, _ := m.fields["mountPath"].(string)
		if !ok || at == "" {
			continue
		}
		at = path.Clean(at)
		sub, _ := m.fields["subPath"].(string)
		m.usual("recursiveReadOnly", "Disabled")
		took := false
		switch {
		case n.has("configMap"):
			took = v.files(n.child("configMap"), "name", at, sub, x)
		case n.has("secret"):
			took = v.files(n.child("secret"), "secretName", at, sub, x)
		case n.has("persistentVolumeClaim") && sub == "":
			took = v.disk(n.child("persistentVolumeClaim"), m, at, x)
		case n.has("emptyDir") && sub == "":
			took = v.scratch(n.child("emptyDir"), name, at, x)
		}
		if took {
			v.used[name] = true
			m.ignore("name", "mountPath", "subPath", "readOnly")
		}
	}
}

// files mounts a ConfigMap or a Secret: as a whole, one of its files, or the files that it lists.
func (v *volumes) files(source node, key, at, sub string, x *pod.Process) bool {
	name, _ := source.fields[key].(string)
	mount := pod.FileMount{Path: at}
	var known func(string) bool
	if config := v.c.Spec.Config(name); key == "name" && config != nil {
		mount.Config, known = name, func(file string) bool { return has(config.Files, file) }
	} else if secret := v.c.Spec.Secret(name); key == "secretName" && secret != nil {
		mount.Secret, known = name, func(file string) bool { return has(secret.Keys, file) }
	} else {
		return false
	}
	if mode, ok := source.fields["defaultMode"]; ok {
		if n, is := (node{fields: map[string]any{"m": mode}}).number("m"); is && n != 0o644 {
			mount.Mode = fmt.Sprintf("%04o", n)
		}
	}
	items := map[string]string{} // by the path in the folder: the file
	for _, item := range source.list("items") {
		file, _ := item.fields["key"].(string)
		to, _ := item.fields["path"].(string)
		if !known(file) || item.has("mode") {
			return false
		}
		items[to] = file
	}
	switch {
	case len(items) == 0 && sub == "":
		x.Files = append(x.Files, mount)
	case len(items) == 0 && known(sub):
		mount.File = sub
		x.Files = append(x.Files, mount)
	case sub != "" && items[sub] != "":
		mount.File = items[sub]
		x.Files = append(x.Files, mount)
	case sub == "" && len(items) > 0:
		for _, to := range sorted(items) {
			one := mount
			one.Path, one.File = path.Join(at, to), items[to]
			x.Files = append(x.Files, one)
		}
	default:
		return false
	}
	return true
}

func (v *volumes) disk(source, m node, at string, x *pod.Process) bool {
	name, _ := source.fields["claimName"].(string)
	if v.c.Spec.Disk(name) == nil {
		return false
	}
	readOnly, _ := m.fields["readOnly"].(bool)
	always, _ := source.fields["readOnly"].(bool)
	x.Disks = append(x.Disks, pod.DiskMount{Path: at, Disk: name, ReadOnly: readOnly || always})
	return true
}

func (v *volumes) scratch(source node, name, at string, x *pod.Process) bool {
	if first, again := v.paths[name]; again && first != at {
		return false // psc shares such a folder at one path only
	}
	v.paths[name] = at
	size, _ := source.fields["sizeLimit"].(string)
	if size == "" {
		size = scratchSize
		if !v.used[name] {
			v.c.leave(v.a.source, source.path, "no size is set, so psc allows %s: an instance that writes more is replaced", size)
		}
	}
	x.Scratch = append(x.Scratch, pod.Scratch{Path: at, Size: size})
	return true
}

// rest takes the volumes that were mounted.
func (v *volumes) rest() {
	for name := range v.used {
		n := v.byName[name]
		if medium, _ := n.child("emptyDir").fields["medium"].(string); medium != "" {
			v.c.leave(v.a.source, n.at("emptyDir.medium"), "%s: psc puts such folders on the disk of the node", medium)
		}
		n.ignore("name", "configMap", "secret", "persistentVolumeClaim", "emptyDir")
	}
}
