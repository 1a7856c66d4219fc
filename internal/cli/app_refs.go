package cli

import (
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// setEnv reads NAME=VALUE and NAME-, NAME=SECRET/KEY, and NAME=APP or NAME=APP/PORT.
func (f *appFlags) setEnv(fields pod.Fields) error {
	env := map[string]any{}
	for _, text := range f.env {
		name, value, set := strings.Cut(text, "=")
		switch {
		case set:
			env[name] = value
		case strings.HasSuffix(text, "-"):
			env[strings.TrimSuffix(text, "-")] = nil
		default:
			return fault.New(fault.Usage, "--env %q is neither NAME=VALUE nor NAME-", text)
		}
	}
	for _, text := range f.envSecret {
		name, ref, _ := strings.Cut(text, "=")
		secret, key, ok := strings.Cut(ref, "/")
		if !ok || secret == "" || key == "" {
			return fault.New(fault.Usage, "--env-secret %q is not NAME=SECRET/KEY", text)
		}
		env[name] = map[string]any{"secret": secret, "key": key}
	}
	for _, text := range f.envApp {
		name, ref, _ := strings.Cut(text, "=")
		app, port, _ := strings.Cut(ref, "/")
		if app == "" {
			return fault.New(fault.Usage, "--env-app %q is neither NAME=APP nor NAME=APP/PORT", text)
		}
		env[name] = map[string]any{"app": app}
		if port != "" {
			env[name] = map[string]any{"app": app, "port": port}
		}
	}
	if len(env) > 0 {
		fields["env"] = env
	}
	return nil
}

// setMounts reads /PATH=config/NAME, secret/NAME or disk/NAME, the first two with /FILE for one file, and /PATH-. What a
// path held before goes as a whole.
func (f *appFlags) setMounts(fields pod.Fields) error {
	files, disks := map[string]any{}, map[string]any{}
	for _, text := range f.mounts {
		path, source, set := strings.Cut(text, "=")
		if name, remove := strings.CutSuffix(text, "-"); remove && !set {
			files[name], disks[name] = nil, nil
			continue
		}
		kind, name, _ := strings.Cut(source, "/")
		name, file, single := strings.Cut(name, "/")
		mount := map[string]any{"path": path, "config": nil, "secret": nil, "file": nil}
		switch {
		case name == "" || single && (file == "" || kind == "disk"):
			return mountUsage(text)
		case kind == "config" || kind == "secret":
			mount[kind] = name
			if single {
				mount["file"] = file
			}
			files[path], disks[path] = mount, nil
		case kind == "disk":
			files[path], disks[path] = nil, map[string]any{"path": path, "disk": name}
		default:
			return mountUsage(text)
		}
	}
	if len(f.mounts) > 0 {
		fields["files"], fields["disks"] = files, disks
	}
	return nil
}

func mountUsage(text string) error {
	return fault.New(fault.Usage, "--mount %q is not /PATH=config/NAME, /PATH=secret/NAME, /PATH=disk/NAME or /PATH-", text)
}
