package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// setInstances sets a number of instances or the bounds of the autoscaler: each takes the place of the other.
func (f *appFlags) setInstances(cmd *cobra.Command, fields pod.Fields) error {
	fixed, scaled := cmd.Flags().Changed("instances"), cmd.Flags().Changed("autoscale")
	switch {
	case fixed && scaled:
		return fault.New(fault.Usage, "--instances and --autoscale exclude each other")
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
				WithHint("--instances N hands the number back")
		default:
			out[field] = n
		}
	}
	return out, nil
}

// setHealth replaces the check as a whole: what another kind of check left behind goes.
func (f *appFlags) setHealth(cmd *cobra.Command, fields pod.Fields) error {
	health := map[string]any{"path": nil, "command": nil, "tcp": nil, "off": nil}
	switch {
	case cmd.Flags().Changed("health") && cmd.Flags().Changed("health-command"):
		return fault.New(fault.Usage, "--health and --health-command exclude each other")
	case cmd.Flags().Changed("health-command"):
		health["command"] = f.healthCommand
	case !cmd.Flags().Changed("health"):
		return nil
	case f.health == "-":
		fields["health"] = nil
		return nil
	case f.health == "tcp" || f.health == "off":
		health[f.health] = true
	case strings.HasPrefix(f.health, "/"):
		health["path"] = f.health
	default:
		return fault.New(fault.Usage, "--health %q is not a path such as /healthz, tcp, or off", f.health)
	}
	fields["health"] = health
	return nil
}

// setPorts reads 8080, NAME=8080 and NAME-. A port without a name is called http. For a new app they are a list, whose
// order counts; for one that exists a patch by name.
func (f *appFlags) setPorts(fields pod.Fields, create bool) error {
	ports := map[string]any{}
	var ordered []any
	for _, text := range f.ports {
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
			return fault.New(fault.Usage, "--port %q is not a port such as 8080 or metrics=9090", text)
		}
		if _, twice := ports[name]; twice {
			return fault.New(fault.Usage, "--port %q: there is already a port named %q", text, name).
				WithHint("name it: --port NAME=%d", n)
		}
		ports[name] = map[string]any{"name": name, "port": n}
		ordered = append(ordered, ports[name])
	}
	switch {
	case len(f.ports) == 0:
	case create:
		fields["ports"] = ordered
	default:
		fields["ports"] = ports
	}
	return nil
}
