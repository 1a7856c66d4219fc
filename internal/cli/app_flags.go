package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/pkg/pod"
)

func newApp(a *app) *cobra.Command {
	return noun("app", "Apps: what runs",
		newAppCreate(a), newAppSet(a), newAppList(a), newShow(a, pod.KindApp), newAppScale(a), newDelete(a, pod.KindApp))
}

// appFlags are the fields of an app as flags. Only those that are named become part of a change; a value of "-" removes
// the field, and a trailing "-" removes an item.
type appFlags struct {
	image, size, cpu, memory, health, strategy string
	instances                                  int
	command, args, ports, env                  []string
	noPin                                      bool
}

func (f *appFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.image, "image", "", "image to run, such as ghcr.io/acme/web:1.4")
	flags.IntVar(&f.instances, "instances", 1, "how many copies run")
	flags.StringArrayVar(&f.ports, "port", nil, "port it listens on, 8080 or NAME=8080; the first gets the traffic")
	flags.StringArrayVar(&f.env, "env", nil, "environment variable NAME=VALUE; NAME- removes it")
	flags.StringVar(&f.health, "health", "", "/PATH to ask with HTTP, tcp, or off")
	flags.StringVar(&f.size, "size", "", strings.Join(pod.Sizes(), ", "))
	flags.StringVar(&f.cpu, "cpu", "", "processor for one instance, such as 500m")
	flags.StringVar(&f.memory, "memory", "", "memory for one instance, such as 512Mi")
	flags.StringVar(&f.strategy, "strategy", "", "rolling, or recreate")
	flags.StringArrayVar(&f.command, "command", nil, "entrypoint instead of the image's, once for each word")
	flags.StringArrayVar(&f.args, "arg", nil, "arguments instead of the image's, once for each word")
	flags.BoolVar(&f.noPin, "no-pin", false, "keep the tag, do not ask the registry what it stands for")
}

// fields turns the flags that were named into a patch of the app's spec.
func (f *appFlags) fields(cmd *cobra.Command, create bool) (pod.Fields, error) {
	fields := pod.Fields{}
	for name, value := range map[string]string{
		"image": f.image, "size": f.size, "cpu": f.cpu, "memory": f.memory, "strategy": f.strategy,
	} {
		if cmd.Flags().Changed(name) {
			fields[name] = orRemove(value)
		}
	}
	if cmd.Flags().Changed("instances") {
		fields["instances"] = f.instances
	}
	if cmd.Flags().Changed("command") {
		fields["command"] = orRemoveList(f.command)
	}
	if cmd.Flags().Changed("arg") {
		fields["args"] = orRemoveList(f.args)
	}
	if cmd.Flags().Changed("health") {
		health, err := parseHealth(f.health)
		if err != nil {
			return nil, err
		}
		fields["health"] = health
	}
	ports, portErr := parsePorts(f.ports, create)
	env, envErr := parseEnv(f.env)
	if ports != nil {
		fields["ports"] = ports
	}
	if env != nil {
		fields["env"] = env
	}
	return fields, errors.Join(portErr, envErr)
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

// parseHealth replaces the check as a whole: what another kind of check left behind goes.
func parseHealth(text string) (any, error) {
	health := map[string]any{"path": nil, "command": nil, "tcp": nil, "off": nil}
	switch {
	case text == "-":
		return nil, nil
	case text == "tcp" || text == "off":
		health[text] = true
	case strings.HasPrefix(text, "/"):
		health["path"] = text
	default:
		return nil, fault.New(fault.Usage, "--health %q is not a path such as /healthz, tcp, or off", text)
	}
	return health, nil
}

// parsePorts reads 8080, NAME=8080 and NAME-. A port without a name is called http. For a new app
// they are a list, whose order counts; for one that exists a patch by name.
func parsePorts(values []string, create bool) (any, error) {
	if len(values) == 0 {
		return nil, nil
	}
	ports := map[string]any{}
	var ordered []any
	for _, text := range values {
		if name, remove := strings.CutSuffix(text, "-"); remove {
			ports[name] = nil
			continue
		}
		name, number, named := strings.Cut(text, "=")
		if !named {
			name, number = "http", text
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fault.New(fault.Usage, "--port %q is not a port such as 8080 or metrics=9090", text)
		}
		if _, twice := ports[name]; twice {
			return nil, fault.New(fault.Usage, "--port %q: there is already a port named %q", text, name).
				WithHint("name it: --port NAME=%d", n)
		}
		ports[name] = map[string]any{"name": name, "port": n}
		ordered = append(ordered, ports[name])
	}
	if create {
		return ordered, nil
	}
	return ports, nil
}

// parseEnv reads NAME=VALUE and NAME-.
func parseEnv(values []string) (map[string]any, error) {
	if len(values) == 0 {
		return nil, nil
	}
	env := map[string]any{}
	for _, text := range values {
		name, value, set := strings.Cut(text, "=")
		switch {
		case set:
			env[name] = value
		case strings.HasSuffix(text, "-"):
			env[strings.TrimSuffix(text, "-")] = nil
		default:
			return nil, fault.New(fault.Usage, "--env %q is neither NAME=VALUE nor NAME-", text)
		}
	}
	return env, nil
}

// pin replaces the image in a patch by what it stands for now, so that a tag that moves changes nothing later. A
// registry that does not answer is no reason to stop: the history then shows the tag alone.
func (a *app) pin(ctx context.Context, fields pod.Fields, noPin bool) {
	name, ok := fields["image"].(string)
	if !ok || noPin || !pod.ValidImage(name) {
		return
	}
	found, err := image.Resolve(ctx, name)
	if err != nil {
		if !image.Pinned(name) {
			a.view.Warn("%s is not pinned: %v", name, err)
		}
		return
	}
	fields["image"] = found.Reference
	fields["user"] = nil
	if found.User != nil {
		fields["user"] = *found.User
	}
}
