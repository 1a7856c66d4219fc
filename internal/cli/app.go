package cli

import (
	"context"
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

func newApp(s *session) *cobra.Command {
	return noun("app", "Manage apps: what runs",
		newAppCreate(s), newAppSet(s), newAppList(s), newShow(s, pod.KindApp), newAppScale(s),
		newAppRestart(s), newAppStop(s), newAppStart(s), newDelete(s, pod.KindApp))
}

func newAppCreate(s *session) *cobra.Command {
	var (
		f     appFlags
		route string
		o     options
	)
	cmd := &cobra.Command{
		Use:   "create NAME --image IMAGE",
		Short: "Create an app",
		Example: "  psc app create web --image ghcr.io/acme/web:1.4 --port 8080 --route --deploy\n" +
			"  psc app create worker --image ghcr.io/acme/worker:2 --env QUEUE=mail --deploy",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 && route == defaultHost {
				return fault.New(fault.Usage, "unexpected argument %q", args[1]).WithHint("a host follows --route after an equals sign: --route=HOST")
			}
			return exactly("NAME")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.image == "" {
				return fault.New(fault.Usage, "--image is missing").WithHint("%s", cmd.UseLine())
			}
			edit, err := f.edit(cmd, pod.Create, args[0])
			if err != nil {
				return err
			}
			edits := []pod.Edit{edit}
			if cmd.Flags().Changed("route") {
				if len(f.ports) == 0 {
					return fault.New(fault.Usage, "--route needs the port that the app listens on").WithHint("add --port PORT")
				}
				edits, o.Served = append(edits, routeTo(args[0], route)), true
			}
			return s.change(cmd.Context(), &o, edits...)
		},
	}
	f.add(cmd, &o)
	section(cmd, sectionRouting, func(flags *pflag.FlagSet) {
		flags.StringVar(&route, "route", "", "create a route to the app too, at <app>-<pod>.<domain> or at `HOST`")
		flags.Lookup("route").NoOptDefVal = defaultHost
	})
	return cmd
}

// defaultHost is the value of --route without a host.
const defaultHost = "<app>-<pod>.<domain>"

// routeTo returns the edit that creates a route to an app, under the same name and with some hosts.
func routeTo(app, hosts string) pod.Edit {
	fields := pod.Fields{"rules": map[string]any{"/": map[string]any{"path": "/", "to": []any{map[string]any{"app": app}}}}}
	if hosts != defaultHost {
		fields["hosts"] = strings.Split(hosts, ",")
	}
	return pod.Edit{Verb: pod.Create, Kind: pod.KindRoute, Name: app, Fields: fields}
}

func newAppSet(s *session) *cobra.Command {
	var (
		f appFlags
		o options
	)
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change an app: only the fields given as flags",
		Example: "  psc app set web --image ghcr.io/acme/web:1.5 --deploy\n" +
			"  psc app set web --env LOG_LEVEL=debug --env OLD-",
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindApp)),
		RunE: func(cmd *cobra.Command, args []string) error {
			edit, err := f.edit(cmd, pod.Set, args[0])
			if err != nil {
				return err
			}
			return s.change(cmd.Context(), &o, edit)
		},
	}
	f.add(cmd, &o)
	return cmd
}

func newAppList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the apps, including those of drafts",
		Example: "  psc app list\n  psc app list --watch\n  psc app list -o json",
	}, "has no apps", "psc app create NAME --image IMAGE",
		func(w *workspace.Workspace, ctx context.Context) ([]report.App, error) {
			apps, _, err := w.Resources(ctx)
			return apps, err
		}, view.Apps)
}

func newAppScale(s *session) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:               "scale NAME INSTANCES",
		Short:             "Set the number of instances of an app",
		Example:           "  psc app scale web 4 --deploy",
		Args:              exactly("NAME", "INSTANCES"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindApp)),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil {
				return fault.New(fault.Usage, "%q is not a number of instances", args[1])
			}
			return s.change(cmd.Context(), &o, pod.Edit{
				Verb: pod.Set, Kind: pod.KindApp, Name: args[0], Fields: pod.Fields{"instances": n, "autoscale": nil},
			})
		},
	}
	o.addChange(cmd)
	return cmd
}
