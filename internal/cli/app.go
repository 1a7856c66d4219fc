package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newApp(s *session) *cobra.Command {
	return noun("app", "Manage apps: what runs",
		newAppCreate(s), newAppSet(s), newAppList(s), newShow(s, pod.KindApp), newAppScale(s), newDelete(s, pod.KindApp))
}

func newAppCreate(s *session) *cobra.Command {
	var (
		f appFlags
		o options
	)
	cmd := &cobra.Command{
		Use:   "create NAME --image IMAGE",
		Short: "Create an app",
		Example: "  psc app create web --image ghcr.io/acme/web:1.4 --port 8080 --health /healthz\n" +
			"  psc app create worker --image ghcr.io/acme/worker:2 --env QUEUE=mail --deploy",
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.image == "" {
				return fault.New(fault.Usage, "--image is missing").WithHint("%s", cmd.UseLine())
			}
			return s.changeApp(cmd, pod.Create, args[0], &f, &o)
		},
	}
	f.add(cmd, &o)
	return cmd
}

func (s *session) changeApp(cmd *cobra.Command, verb pod.Verb, name string, f *appFlags, o *options) error {
	fields, err := f.fields(cmd, verb == pod.Create)
	if err != nil {
		return err
	}
	if len(fields) == 0 {
		return fault.New(fault.Usage, "no field to set: give at least one flag").WithHint("%s --help", cmd.CommandPath())
	}
	return s.change(cmd.Context(), o, pod.Edit{Verb: verb, Kind: pod.KindApp, Name: name, Fields: fields})
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
		RunE:              func(cmd *cobra.Command, args []string) error { return s.changeApp(cmd, pod.Set, args[0], &f, &o) },
	}
	f.add(cmd, &o)
	return cmd
}

func newAppList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the apps, including those of drafts",
		Example: "  psc app list\n  psc app list -o json",
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
		Short:             "Set the number of instances of an app; 0 stops it",
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
