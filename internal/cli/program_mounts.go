package cli

import (
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// setMounts reads /PATH=SOURCE and /PATH-. A mount replaces the one at its path as a whole, whatever kind that was.
func (f *programFlags) setMounts(fields pod.Fields) error {
	files, disks, scratch := map[string]any{}, map[string]any{}, map[string]any{}
	for _, text := range f.mounts {
		path, source, set := strings.Cut(text, "=")
		if name, remove := strings.CutSuffix(text, "-"); remove && !set {
			files[name], disks[name], scratch[name] = nil, nil, nil
			continue
		}
		files[path], disks[path], scratch[path] = nil, nil, nil
		kind, of, _ := strings.Cut(source, "/")
		of, option, _ := strings.Cut(of, ":")
		name, file, single := strings.Cut(of, "/")
		switch {
		case name == "" || single && file == "":
			return mountUsage(text)
		case kind == "config" || kind == "secret":
			mount := map[string]any{"path": path, "config": nil, "secret": nil, "file": nil, "mode": nil, kind: name}
			if single {
				mount["file"] = file
			}
			if option != "" && option != "ro" { // psc mounts them for reading only
				mount["mode"] = option
			}
			files[path] = mount
		case kind == "disk" && !single && (option == "" || option == "ro" || option == "rw"):
			mount := map[string]any{"path": path, "disk": name, "readOnly": nil}
			if option == "ro" {
				mount["readOnly"] = true
			}
			disks[path] = mount
		case kind == "scratch" && !single && option == "":
			scratch[path] = map[string]any{"path": path, "size": name}
		default:
			return mountUsage(text)
		}
	}
	if len(f.mounts) > 0 {
		fields["files"], fields["disks"], fields["scratch"] = files, disks, scratch
	}
	return nil
}

func mountUsage(text string) error {
	return fault.New(fault.Usage, "--mount %q is not /PATH=SOURCE or /PATH-", text).
		WithHint("a SOURCE is config/NAME[/FILE][:MODE], secret/NAME[/KEY][:MODE], disk/NAME[:ro] or scratch/SIZE")
}
