package cli

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// appFlags are the fields of an app as flags. A change has only the fields whose flags are given. The value "-" removes the
// field, and a trailing "-" removes an item.
type appFlags struct {
	programFlags
	strategy, autoscale, startGrace, stopGrace, mainPort string
	instances                                            int
	ports, capabilities, processes, processImages        []string
	health, liveness                                     checkFlags
}

func (f *appFlags) add(cmd *cobra.Command, o *options) {
	section(cmd, sectionImage, func(flags *pflag.FlagSet) {
		f.addImage(flags)
		o.addNoPin(flags)
	})
	section(cmd, sectionRouting, func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&f.ports, "port", nil, "`PORT` that the app listens on: 8080, NAME=8080, 53/UDP, or 9000/h2c for gRPC (HTTP/2 without TLS); NAME- removes it")
		flags.StringVar(&f.mainPort, "main-port", "", "`NAME` of the port for routes and other apps; by default port 80, or else the first one")
	})
	f.addEnvironment(cmd)
	section(cmd, sectionScale, func(flags *pflag.FlagSet) {
		flags.IntVar(&f.instances, "instances", 0, "run `N` instances; a new app runs 1")
		flags.StringVar(&f.autoscale, "autoscale", "", "let the cluster choose the number of instances: `MIN-MAX`, or MIN-MAX@PERCENT of the CPU")
		f.addSize(flags)
	})
	section(cmd, sectionHealth, func(flags *pflag.FlagSet) {
		f.health.add(flags, "health", "`CHECK` that says whether an instance can serve: /PATH for HTTP, tcp, grpc, or off")
		f.liveness.add(flags, "liveness", "`CHECK` that restarts an instance that fails it: /PATH for HTTP, tcp, grpc, or off")
	})
	f.addMounts(cmd)
	section(cmd, sectionProcesses, func(flags *pflag.FlagSet) {
		f.addCommand(flags)
		flags.StringArrayVar(&f.capabilities, "capability", nil, "Linux `CAPABILITY` that the app needs, such as NET_ADMIN, one flag for each")
		flags.StringArrayVar(&f.processes, "process", nil, "another program to run in each instance, with its arguments: `NAME=COMMAND`; NAME- removes it")
		flags.StringArrayVar(&f.processImages, "process-image", nil, "image of such a program instead of the app's: `NAME=IMAGE`")
	})
	section(cmd, sectionStop, func(flags *pflag.FlagSet) {
		flags.StringVar(&f.startGrace, "start-grace", "", "`TIME` that an instance may take to become healthy, such as 90s")
		flags.StringVar(&f.stopGrace, "stop-grace", "", "`TIME` that an instance may take to stop, such as 60s")
		flags.StringVar(&f.strategy, "strategy", "", "`STRATEGY` for replacing instances in a deploy: rolling or recreate")
	})
	o.addChange(cmd)
}

// edit returns the edit of an app that the flags describe.
func (f *appFlags) edit(cmd *cobra.Command, verb pod.Verb, name string) (pod.Edit, error) {
	fields, err := f.fields(cmd, verb == pod.Create)
	return editOf(cmd, pod.Edit{Verb: verb, Kind: pod.KindApp, Name: name, Fields: fields}, err)
}

// fields returns a patch of the app's spec with the flags that were given.
func (f *appFlags) fields(cmd *cobra.Command, create bool) (pod.Fields, error) {
	fields := pod.Fields{}
	setTexts(cmd, fields, map[string]string{"strategy": f.strategy, "start-grace": f.startGrace, "stop-grace": f.stopGrace, "main-port": f.mainPort})
	if cmd.Flags().Changed("capability") {
		fields["capabilities"] = orRemoveList(f.capabilities)
	}
	return fields, errors.Join(f.set(cmd, fields, create), f.setInstances(cmd, fields), f.health.set(cmd, fields), f.liveness.set(cmd, fields),
		f.setPorts(fields, create), f.setProcesses(fields))
}

// setInstances sets the number of instances or the bounds of the autoscaler, and removes the other.
func (f *appFlags) setInstances(cmd *cobra.Command, fields pod.Fields) error {
	fixed, scaled := cmd.Flags().Changed("instances"), cmd.Flags().Changed("autoscale")
	switch {
	case fixed && scaled:
		return fault.New(fault.Usage, "--instances and --autoscale cannot be combined")
	case fixed:
		fields["instances"], fields["autoscale"] = f.instances, nil
	case scaled:
		bounds, err := parseAutoscale(f.autoscale)
		if err != nil {
			return err
		}
		fields["autoscale"], fields["instances"] = bounds, nil
	}
	return nil
}

// parseAutoscale reads MIN-MAX and MIN-MAX@CPU.
func parseAutoscale(text string) (map[string]any, error) {
	bounds, target, aimed := strings.Cut(text, "@")
	least, most, ranged := strings.Cut(bounds, "-")
	out := map[string]any{"cpu": nil}
	for field, number := range map[string]string{"min": least, "max": most, "cpu": strings.TrimSuffix(target, "%")} {
		n, err := strconv.Atoi(number)
		switch {
		case field == "cpu" && !aimed:
		case err != nil || !ranged || n < 1:
			return nil, fault.New(fault.Usage, "--autoscale %q is not MIN-MAX such as 2-10, or 2-10@70", text).
				WithHint("--instances N sets a fixed number")
		default:
			out[field] = n
		}
	}
	return out, nil
}

// setPorts reads ports and NAME-. A port without a name is called http.
func (f *appFlags) setPorts(fields pod.Fields, create bool) error {
	ports := map[string]any{}
	var ordered []any
	for _, text := range f.ports {
		if name, remove := strings.CutSuffix(text, "-"); remove {
			ports[name] = nil
			continue
		}
		port, err := parsePort(text)
		if err != nil {
			return fault.New(fault.Usage, "--port %q is not a port such as 8080, metrics=9090 or 53/UDP", text)
		}
		name := cmp.Or(port.Name, "http")
		if _, twice := ports[name]; twice {
			return fault.New(fault.Usage, "--port %q: there is already a port named %q", text, name).
				WithHint("name it: --port NAME=%s", port)
		}
		ports[name] = map[string]any{"name": name, "port": port.Port, "protocol": orNone(port.Protocol)}
		ordered = append(ordered, ports[name])
	}
	setItems(fields, "ports", create, ordered, ports)
	return nil
}

// setItems sets a list: of a new app the items, whose order matters, and of an existing app a patch by key, if there is one.
func setItems(fields pod.Fields, field string, create bool, items []any, patch map[string]any) {
	switch {
	case len(patch) == 0:
	case create:
		fields[field] = items
	default:
		fields[field] = patch
	}
}

// orNone returns nil for an empty value, which removes the field.
func orNone(value string) any {
	if value == "" {
		return nil
	}
	return value
}
