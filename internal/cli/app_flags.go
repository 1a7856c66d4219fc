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
	image, size, cpu, cpuLimit, memory, strategy string
	autoscale, startGrace, stopGrace, user       string
	mainPort                                     string
	instances                                    int
	command, args, ports, capabilities           []string
	env, envSecret, envApp, envConfig, envFrom   []string
	envTemplate, envInstance, mounts             []string
	processes, processImages                     []string
	health, liveness                             checkFlags
}

func (f *appFlags) add(cmd *cobra.Command, o *options) {
	section(cmd, sectionImage, func(flags *pflag.FlagSet) {
		flags.StringVar(&f.image, "image", "", "`IMAGE` to run, such as ghcr.io/acme/web:1.4")
		o.addNoPin(flags)
	})
	section(cmd, sectionRouting, func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&f.ports, "port", nil, "`PORT` that the app listens on: 8080, NAME=8080, 53/UDP, or 9000/h2c for gRPC (HTTP/2 without TLS); NAME- removes it")
		flags.StringVar(&f.mainPort, "main-port", "", "`NAME` of the port for routes and other apps; by default port 80, or else the first one")
	})
	section(cmd, sectionEnvironment, func(flags *pflag.FlagSet) {
		flags.StringArrayVarP(&f.env, "env", "e", nil, "environment variable `NAME=VALUE`; NAME- removes it")
		flags.StringArrayVar(&f.envSecret, "env-secret", nil, "environment variable with a secret's value: `NAME=SECRET/KEY`")
		flags.StringArrayVar(&f.envApp, "env-app", nil, "environment variable with an app's address: `NAME=APP`, or NAME=APP/PORT")
		flags.StringArrayVar(&f.envConfig, "env-config", nil, "environment variable with the text of a config's file: `NAME=CONFIG/FILE`")
		flags.StringArrayVar(&f.envTemplate, "env-template", nil, "environment variable with others in it: `NAME=TEMPLATE`, such as 'URL=postgres://u:$(PASSWORD)@db'")
		flags.StringArrayVar(&f.envInstance, "env-instance", nil, "environment variable about the instance, `NAME=WHAT`: name, address or node")
		flags.StringArrayVar(&f.envFrom, "env-from", nil, "all keys of a `SOURCE` as variables: secret/NAME or config/NAME, or secret/NAME:PREFIX; secret/NAME- removes it")
	})
	section(cmd, sectionScale, func(flags *pflag.FlagSet) {
		flags.IntVar(&f.instances, "instances", 0, "run `N` instances; a new app runs 1")
		flags.StringVar(&f.autoscale, "autoscale", "", "let the cluster choose the number of instances: `MIN-MAX`, or MIN-MAX@PERCENT of the CPU")
		flags.StringVar(&f.size, "size", "", "`SIZE` of an instance: "+pod.SizeWords())
		flags.StringVar(&f.cpu, "cpu", "", "`CPU` request of an instance, such as 500m")
		flags.StringVar(&f.cpuLimit, "cpu-limit", "", "most `CPU` that an instance may use, such as 1")
		flags.StringVar(&f.memory, "memory", "", "`MEMORY` of an instance, such as 512Mi")
	})
	section(cmd, sectionHealth, func(flags *pflag.FlagSet) {
		f.health.add(flags, "health", "`CHECK` that says whether an instance can serve: /PATH for HTTP, tcp, grpc, or off")
		f.liveness.add(flags, "liveness", "`CHECK` that restarts an instance that fails it: /PATH for HTTP, tcp, grpc, or off")
	})
	section(cmd, sectionMounts, func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&f.mounts, "mount", nil, "mount a source, `PATH=SOURCE`: config/NAME, secret/NAME, config/NAME/FILE:0755 for one file and its mode, disk/NAME (:ro to only read), scratch/SIZE; PATH- removes it")
	})
	section(cmd, sectionProcesses, func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&f.command, "command", nil, "entrypoint instead of the image's, one flag for each `WORD`")
		flags.StringArrayVar(&f.args, "arg", nil, "arguments instead of the image's, one flag for each `WORD`")
		flags.StringVar(&f.user, "user", "", "numeric user to run as instead of the image's: `UID`")
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
	if err == nil && len(fields) == 0 {
		err = fault.New(fault.Usage, "no field to set: give at least one flag").WithHint("%s --help", cmd.CommandPath())
	}
	return pod.Edit{Verb: verb, Kind: pod.KindApp, Name: name, Fields: fields}, err
}

// fields returns a patch of the app's spec with the flags that were given.
func (f *appFlags) fields(cmd *cobra.Command, create bool) (pod.Fields, error) {
	fields := pod.Fields{}
	for name, set := range map[string]struct{ field, value string }{
		"image": {"image", f.image}, "size": {"size", f.size}, "cpu": {"cpu", f.cpu}, "cpu-limit": {"cpuLimit", f.cpuLimit}, "memory": {"memory", f.memory},
		"strategy": {"strategy", f.strategy}, "start-grace": {"startGrace", f.startGrace}, "stop-grace": {"stopGrace", f.stopGrace},
		"main-port": {"mainPort", f.mainPort},
	} {
		if cmd.Flags().Changed(name) {
			fields[set.field] = orRemove(set.value)
		}
	}
	for name, set := range map[string]struct {
		field  string
		values []string
	}{"command": {"command", f.command}, "arg": {"args", f.args}, "capability": {"capabilities", f.capabilities}} {
		if cmd.Flags().Changed(name) {
			fields[set.field] = orRemoveList(set.values)
		}
	}
	return fields, errors.Join(f.setInstances(cmd, fields), f.health.set(cmd, fields), f.liveness.set(cmd, fields), f.setUser(cmd, fields),
		f.setPorts(fields, create), f.setEnv(fields), f.setEnvFrom(fields, create), f.setMounts(fields), f.setProcesses(fields))
}

func orRemove(value string) any {
	if value == "-" {
		return nil
	}
	return value
}

func orRemoveList(values []string) any {
	if len(values) == 1 && values[0] == "-" {
		return nil
	}
	return values
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

func (f *appFlags) setUser(cmd *cobra.Command, fields pod.Fields) error {
	if !cmd.Flags().Changed("user") {
		return nil
	}
	fields["user"] = nil
	if f.user != "-" {
		uid, err := strconv.ParseInt(f.user, 10, 64)
		if err != nil {
			return fault.New(fault.Usage, "--user %q is not the number of a user such as 1000", f.user)
		}
		fields["user"] = uid
	}
	return nil
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
