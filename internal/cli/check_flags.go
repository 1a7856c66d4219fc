package cli

import (
	"maps"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// checkFlags are the fields of a check of an instance as flags: --NAME, --NAME-command and so on. The name is also that of
// the app's field.
type checkFlags struct {
	name                  string
	check, timeout, every string
	port                  int
	command, headers      []string
}

func (f *checkFlags) add(flags *pflag.FlagSet, name, help string) {
	f.name = name
	flags.StringVar(&f.check, name, "", help)
	flags.StringArrayVar(&f.command, name+"-command", nil, name+" check: a command, one flag for each `WORD`")
	flags.StringArrayVar(&f.headers, name+"-header", nil, name+" check: HTTP header `NAME=VALUE`, such as Host=shop.example.com; NAME- removes it")
	flags.IntVar(&f.port, name+"-port", 0, name+" check: number of the `PORT`; 0 for the main port")
	flags.StringVar(&f.timeout, name+"-timeout", "", name+" check: `TIME` that the answer may take, such as 10s")
	flags.StringVar(&f.every, name+"-every", "", name+" check: `TIME` between two checks, such as 15s")
}

// set adds the patch of the check. A check of another kind replaces the old one, so that nothing of that remains.
func (f *checkFlags) set(cmd *cobra.Command, fields pod.Fields) error {
	given := func(suffix string) bool { return cmd.Flags().Changed(f.name + suffix) }
	patch := map[string]any{}
	switch {
	case given("") && given("-command"):
		return fault.New(fault.Usage, "--%s and --%s-command cannot be combined", f.name, f.name)
	case given("-command"):
		patch = f.only("command", f.command)
	case !given(""):
	case f.check == "-" || f.check == "off" && f.name == "liveness": // which is off unless it is set
		fields[f.name] = nil
		return nil
	case f.check == "tcp" || f.check == "grpc" || f.check == "off":
		patch = f.only(f.check, true)
	case strings.HasPrefix(f.check, "/"):
		patch = f.only("path", f.check)
		delete(patch, "headers")
	default:
		return fault.New(fault.Usage, "--%s %q is not a path such as /healthz, tcp, grpc, or off", f.name, f.check)
	}
	headers, err := namedValues(f.name+"-header", f.headers)
	if err != nil {
		return err
	}
	if len(headers) > 0 {
		patch["headers"] = headers
	}
	for suffix, value := range map[string]any{"port": f.port, "timeout": orRemove(f.timeout), "every": orRemove(f.every)} {
		if given("-" + suffix) {
			patch[suffix] = value
		}
	}
	if len(patch) > 0 {
		fields[f.name] = patch
	}
	return nil
}

// only returns the patch that makes a check one of a kind.
func (f *checkFlags) only(kind string, value any) map[string]any {
	patch := map[string]any{"path": nil, "command": nil, "tcp": nil, "grpc": nil, "off": nil, "headers": nil}
	if kind == "off" {
		maps.Copy(patch, map[string]any{"port": nil, "timeout": nil, "every": nil})
	}
	patch[kind] = value
	return patch
}

// parsePort reads 8080, NAME=8080, and both with /PROTOCOL.
func parsePort(text string) (pod.Port, error) {
	number, protocol, _ := strings.Cut(text, "/")
	name, number, named := strings.Cut(number, "=")
	if !named {
		number = name
		name = map[string]string{"udp": "udp", "h2c": "grpc"}[strings.ToLower(protocol)]
	}
	port := pod.Port{Name: name, Protocol: protocol}
	for _, known := range pod.Protocols() {
		if strings.EqualFold(known, protocol) {
			port.Protocol = known
		}
	}
	var err error
	port.Port, err = strconv.Atoi(number)
	return port, err
}
