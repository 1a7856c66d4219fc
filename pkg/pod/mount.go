package pod

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
)

// FileMount mounts a config or a secret into the file system of an app. Exactly one of Config and Secret is set.
type FileMount struct {
	// Path is the folder for the files, or the path of the file when file is set.
	Path string `json:"path" psc:"key"`
	// Config is the name of a config of this pod.
	Config string `json:"config,omitempty"`
	// Secret is the name of a secret of this pod. Each key is a file.
	Secret string `json:"secret,omitempty"`
	// File is the name of a file of the config, or of a key of the secret. Only this file is mounted.
	File string `json:"file,omitempty"`
	// Mode has the permissions of the files, as chmod takes them: 0755 for scripts, 0400 for keys. The default is 0644. The
	// files belong to root. A mode that only lets the owner read them lets the user of the app read them too.
	Mode string `json:"mode,omitempty"`
}

// DiskMount mounts a disk into the file system of an app.
type DiskMount struct {
	// Path is the folder where the disk is mounted.
	Path string `json:"path" psc:"key"`
	// Disk is the name of a disk of this pod.
	Disk string `json:"disk"`
	// ReadOnly mounts the disk so that nothing can be written to it.
	ReadOnly bool `json:"readOnly,omitempty"`
}

// Scratch is an empty folder that every instance gets. Its content ends with the instance.
type Scratch struct {
	// Path is the path of the folder.
	Path string `json:"path" psc:"key"`
	// Size is how much the folder may hold, such as 1Gi. An instance that writes more is replaced.
	Size string `json:"size"`
}

func (m FileMount) refs(add func(Kind, string)) {
	add(KindConfig, m.Config)
	add(KindSecret, m.Secret)
}

func (m DiskMount) refs(add func(Kind, string)) { add(KindDisk, m.Disk) }

// Words implements Part. An example is "mount /etc/web" and "config/web/web.conf:0400".
func (m FileMount) Words() (name, text string) {
	source := "config/" + m.Config
	if m.Secret != "" {
		source = "secret/" + m.Secret
	}
	return "mount " + m.Path, withOption(strings.TrimSuffix(source+"/"+m.File, "/"), m.Mode)
}

// Words implements Part. An example is "mount /data" and "disk/data:ro".
func (m DiskMount) Words() (name, text string) {
	option := ""
	if m.ReadOnly {
		option = "ro"
	}
	return "mount " + m.Path, withOption("disk/"+m.Disk, option)
}

// Words implements Part. An example is "mount /tmp" and "scratch/1Gi".
func (m Scratch) Words() (name, text string) { return "mount " + m.Path, "scratch/" + m.Size }

func withOption(source, option string) string {
	if option == "" {
		return source
	}
	return source + ":" + option
}

// attached reports whether an app mounts a disk that only the instances on one node can use.
func (s Spec) attached(a *App) bool {
	return slices.ContainsFunc(a.allDisks(), func(m DiskMount) bool {
		disk := s.Disk(m.Disk)
		return disk != nil && !disk.Shared
	})
}

// SharesNode reports whether a program can only run on the node of an app of this spec, because both mount a disk that is not shared.
func (s Spec) SharesNode(program, app *App) bool {
	return slices.ContainsFunc(program.Disks, func(m DiskMount) bool {
		disk := s.Disk(m.Disk)
		return disk != nil && !disk.Shared && slices.ContainsFunc(app.allDisks(), func(m2 DiskMount) bool { return m2.Disk == m.Disk })
	})
}

// modePattern matches permissions in the octal digits of chmod.
var modePattern = pattern(`^0?[0-7]{3}$`)

// files checks mounts of files. taken has the paths that other mounts of the same container use.
func (p *problems) files(path string, files []FileMount, taken map[string]bool, s Spec) {
	for _, f := range files {
		at := fmt.Sprintf("%s[%s]", path, f.Path)
		p.mountPath(at, f.Path, taken)
		switch {
		case (f.Config == "") == (f.Secret == ""):
			p.add(at, "needs exactly one of config and secret")
		case f.Config != "":
			p.configFile(at, f.Config, f.File, s)
		default:
			p.secretKey(at, f.Secret, f.File, s)
		}
		if f.Mode != "" && !modePattern().MatchString(f.Mode) {
			p.add(at+".mode", "%q is not a mode such as 0644, 0755 or 0400", f.Mode)
		}
	}
}

// disks checks mounts of disks in an app.
func (p *problems) disks(path, app string, disks []DiskMount, taken map[string]bool, s Spec) {
	for _, m := range disks {
		at := fmt.Sprintf("%s[%s]", path, m.Path)
		p.mountPath(at, m.Path, taken)
		disk := s.Disk(m.Disk)
		if disk == nil {
			p.missing(at, KindDisk, m.Disk, "", s)
			continue
		}
		for other, o := range s.Apps() {
			if !disk.Shared && other < app && slices.ContainsFunc(o.allDisks(), func(m2 DiskMount) bool { return m2.Disk == m.Disk }) {
				p.add(at, "disk %q is already used by app %q: only a disk with shared: true can be used by several apps, "+
					"if its class offers such disks. A process of app %q can use it without", m.Disk, other, other)
			}
		}
	}
}

// scratch checks empty folders.
func (p *problems) scratch(path string, folders []Scratch, taken map[string]bool) {
	for _, m := range folders {
		at := fmt.Sprintf("%s[%s]", path, m.Path)
		p.mountPath(at, m.Path, taken)
		if m.Size == "" {
			p.add(at+".size", "is missing: set a size such as 1Gi")
		}
		if q, ok := p.quantity(at+".size", m.Size, "1Gi"); ok && q.Cmp(resource.MustParse(minMemory)) < 0 {
			p.add(at+".size", "%q is less than %s: the units are Mi and Gi", m.Size, minMemory)
		}
	}
}

func (p *problems) mountPath(at, text string, taken map[string]bool) {
	clean := path.Clean(text)
	switch {
	case !path.IsAbs(text) || clean != text || strings.Contains(text, ":"):
		p.add(at+".path", "must be an absolute path such as /etc/web, is %q", text)
	case clean == "/":
		p.add(at+".path", "must not be the root of the file system")
	case taken[clean]:
		p.add(at, "is listed twice")
	}
	taken[clean] = true
}
