package cli

import (
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// setProcesses reads NAME=COMMAND and NAME-, and NAME=IMAGE. The other fields of a process have no flags.
func (f *appFlags) setProcesses(fields pod.Fields) error {
	processes := map[string]any{}
	for _, text := range f.processes {
		name, command, set := strings.Cut(text, "=")
		words := strings.Fields(command)
		switch {
		case set && name != "" && len(words) > 0:
			processes[name] = map[string]any{"name": name, "command": words}
		case !set && strings.HasSuffix(name, "-"):
			processes[strings.TrimSuffix(name, "-")] = nil
		default:
			return fault.New(fault.Usage, "--process %q is neither NAME=COMMAND nor NAME-", text)
		}
	}
	for _, text := range f.processImages {
		name, image, _ := strings.Cut(text, "=")
		if name == "" || image == "" {
			return fault.New(fault.Usage, "--process-image %q is not NAME=IMAGE", text)
		}
		process, ok := processes[name].(map[string]any)
		if !ok {
			process = map[string]any{"name": name}
		}
		process["image"] = image
		processes[name] = process
	}
	if len(processes) > 0 {
		fields["processes"] = processes
	}
	return nil
}
