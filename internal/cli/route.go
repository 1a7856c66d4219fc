package cli

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newRoute(s *session) *cobra.Command {
	return noun("route", "Manage routes: how to reach apps",
		newRouteCreate(s), newRouteSet(s), newRouteList(s), newShow(s, pod.KindRoute), newOpen(s, "route "), newDelete(s, pod.KindRoute))
}

func newRouteCreate(s *session) *cobra.Command {
	var (
		f routeFlags
		o options
	)
	cmd := &cobra.Command{
		Use:   "create NAME --to APP",
		Short: "Create a route",
		Example: "  psc route create web --to web\n" +
			"  psc route create shop --host shop.example.com --to web --to /api:api",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(f.to) == 0 {
				return fault.New(fault.Usage, "--to is missing").WithHint("%s", cmd.UseLine())
			}
			return s.changeRoute(cmd, pod.Create, args[0], &f, &o)
		},
	}
	f.add(cmd, &o)
	return cmd
}

func newRouteSet(s *session) *cobra.Command {
	var (
		f routeFlags
		o options
	)
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a route: only the fields given as flags",
		Example: "  psc route set web --to web=90,web-next=10 --deploy\n" +
			"  psc route set web --to /api:-          remove the path /api",
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindRoute)),
		RunE:              func(cmd *cobra.Command, args []string) error { return s.changeRoute(cmd, pod.Set, args[0], &f, &o) },
	}
	f.add(cmd, &o)
	return cmd
}

func newRouteList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the routes, including those of drafts",
		Example: "  psc route list\n  psc route list -o json",
	}, "has no routes", "psc route create NAME --to APP",
		func(w *workspace.Workspace, ctx context.Context) ([]report.Route, error) {
			_, routes, err := w.Resources(ctx)
			return routes, err
		}, view.Routes)
}

// routeFlags are the fields of a route as flags.
type routeFlags struct {
	to, hosts []string
	path, tls string
}

func (f *routeFlags) add(cmd *cobra.Command, o *options) {
	section(cmd, sectionRouting, func(flags *pflag.FlagSet) {
		flags.StringArrayVar(&f.to, "to", nil, "target `APP`, or traffic shares: web=90,web-next=10; PATH:APP for a path")
		flags.StringSliceVar(&f.hosts, "host", nil, "`HOST` of the route, by default <route>-<pod>.<domain>; - removes all")
		flags.StringVar(&f.path, "path", "", "`PATH` for --to, / if not given; --to - removes it")
		flags.StringVar(&f.tls, "tls", "", "`TLS` of the route: auto (https), off (http), or secret/NAME with your own certificate")
	})
	o.addChange(cmd)
}

// fields returns a patch of the route's spec with the flags that were given. It replaces all targets of a path, because
// shares only make sense together.
func (f *routeFlags) fields(cmd *cobra.Command) (pod.Fields, error) {
	fields := pod.Fields{}
	if cmd.Flags().Changed("host") {
		fields["hosts"] = orRemoveList(f.hosts)
	}
	if cmd.Flags().Changed("tls") {
		secret, own := strings.CutPrefix(f.tls, "secret/")
		switch {
		case own:
			fields["tls"] = map[string]any{"secret": secret}
		case slices.Contains([]string{"auto", "off", "-"}, f.tls):
			fields["tls"] = orRemove(f.tls)
		default:
			return nil, fault.New(fault.Usage, "--tls %q must be auto, off or secret/NAME", f.tls)
		}
	}
	rules := map[string]any{}
	for _, text := range f.to {
		path, targets := cmp.Or(f.path, "/"), text
		if strings.HasPrefix(text, "/") {
			at, rest, found := strings.Cut(text, ":")
			without, removes := strings.CutSuffix(text, "-")
			switch {
			case !found && removes:
				return nil, fault.New(fault.Usage, "--to %q has a path but no app", text).WithHint("--to %s:- removes the path", without)
			case !found:
				return nil, fault.New(fault.Usage, "--to %q has a path but no app", text).WithHint("--to %s:APP", text)
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

func (s *session) changeRoute(cmd *cobra.Command, verb pod.Verb, name string, f *routeFlags, o *options) error {
	fields, err := f.fields(cmd)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return fault.New(fault.Usage, "no field to set: give at least one flag").WithHint("%s --help", cmd.CommandPath())
	}
	return s.change(cmd.Context(), o, pod.Edit{Verb: verb, Kind: pod.KindRoute, Name: name, Fields: fields})
}
