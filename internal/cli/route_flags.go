package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newRoute(a *app) *cobra.Command {
	return noun("route", "Routes: where apps are reached",
		newRouteCreate(a), newRouteSet(a), newRouteList(a), newShow(a, pod.KindRoute), newDelete(a, pod.KindRoute))
}

// routeFlags are the fields of a route as flags.
type routeFlags struct {
	to, hosts []string
	path, tls string
}

func (f *routeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.to, "to", nil, "`APP` it leads to, or shares of the traffic: web=90,web-next=10; PATH:APP for a path")
	flags.StringSliceVar(&f.hosts, "host", nil, "`HOST` it answers to; none for <route>-<pod>.<domain>, - removes all")
	flags.StringVar(&f.path, "path", "/", "`PATH` that --to speaks of; --to - removes it")
	flags.StringVar(&f.tls, "tls", "", "`auto` (https), off (http), or secret/NAME with a certificate of its own")
}

// fields turns the flags that were named into a patch of the route's spec. A path's targets are set as a whole: shares
// only make sense together.
func (f *routeFlags) fields(cmd *cobra.Command) (pod.Fields, error) {
	fields := pod.Fields{}
	if cmd.Flags().Changed("host") {
		fields["hosts"] = orRemoveList(f.hosts)
	}
	if cmd.Flags().Changed("tls") {
		fields["tls"] = orRemove(f.tls)
		if secret, own := strings.CutPrefix(f.tls, "secret/"); own {
			fields["tls"] = map[string]any{"secret": secret}
		}
	}
	rules := map[string]any{}
	for _, text := range f.to {
		path, targets := f.path, text
		if strings.HasPrefix(text, "/") {
			at, rest, found := strings.Cut(text, ":")
			if !found {
				return nil, fault.New(fault.Usage, "--to %q names a path but no app", text).WithHint("--to %s:APP", text)
			}
			path, targets = at, rest
		}
		if targets == "-" {
			rules[path] = nil
			continue
		}
		to, err := parseTargets(targets)
		if err != nil {
			return nil, err
		}
		rules[path] = map[string]any{"path": path, "to": to}
	}
	if len(rules) > 0 {
		fields["rules"] = rules
	}
	return fields, nil
}

// parseTargets reads web, and web=90,web-next=10.
func parseTargets(text string) ([]any, error) {
	var to []any
	for part := range strings.SplitSeq(text, ",") {
		app, weight, weighted := strings.Cut(strings.TrimSuffix(part, "%"), "=")
		target := map[string]any{"app": app}
		if weighted {
			n, err := strconv.Atoi(weight)
			if err != nil {
				return nil, fault.New(fault.Usage, "--to %q: the share %q is not a whole number", text, weight)
			}
			target["weight"] = n
		}
		to = append(to, target)
	}
	return to, nil
}

func (a *app) changeRoute(cmd *cobra.Command, verb pod.Verb, name string, f *routeFlags, c *changeFlags) error {
	fields, err := f.fields(cmd)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return fault.New(fault.Usage, "nothing to set is named").WithHint("%s --help", cmd.CommandPath())
	}
	return a.change(cmd.Context(), c, pod.Edit{Verb: verb, Kind: pod.KindRoute, Name: name, Fields: fields})
}
