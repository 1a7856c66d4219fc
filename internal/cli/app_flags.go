package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

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
	autoscale, startGrace, stopGrace           string
	instances                                  int
	command, args, healthCommand, ports        []string
	env, envSecret, envApp, mounts             []string
	noPin                                      bool
}

const noPinUsage = "keep the tags of images, do not ask registries what they stand for"

func (f *appFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.image, "image", "", "`IMAGE` to run, such as ghcr.io/acme/web:1.4")
	flags.IntVar(&f.instances, "instances", 1, "how many copies run, `N`")
	flags.StringVar(&f.autoscale, "autoscale", "", "let the cluster choose how many run: `MIN-MAX`, or MIN-MAX@CPU in percent")
	flags.StringArrayVar(&f.ports, "port", nil, "`PORT` it listens on, 8080 or NAME=8080; the first gets the traffic")
	flags.StringArrayVar(&f.env, "env", nil, "environment variable `NAME=VALUE`; NAME- removes it")
	flags.StringArrayVar(&f.envSecret, "env-secret", nil, "environment variable with a secret's value: `NAME=SECRET/KEY`")
	flags.StringArrayVar(&f.envApp, "env-app", nil, "environment variable with an app's address: `NAME=APP`, or NAME=APP/PORT")
	flags.StringArrayVar(&f.mounts, "mount", nil, "files or a disk: `PATH=config/NAME`, secret/NAME or disk/NAME; NAME/FILE for one file; PATH- removes it")
	flags.StringVar(&f.health, "health", "", "`/PATH` to ask with HTTP, tcp, or off")
	flags.StringArrayVar(&f.healthCommand, "health-command", nil, "command to ask with, once for each `WORD`")
	flags.StringVar(&f.startGrace, "start-grace", "", "how long it may take to be healthy at first, such as `90s`")
	flags.StringVar(&f.stopGrace, "stop-grace", "", "how long it may take to stop, such as `60s`")
	flags.StringVar(&f.size, "size", "", "`SIZE`: "+strings.Join(pod.Sizes(), ", "))
	flags.StringVar(&f.cpu, "cpu", "", "processor for one instance, such as `500m`")
	flags.StringVar(&f.memory, "memory", "", "memory for one instance, such as `512Mi`")
	flags.StringVar(&f.strategy, "strategy", "", "`rolling` or recreate")
	flags.StringArrayVar(&f.command, "command", nil, "entrypoint instead of the image's, once for each `WORD`")
	flags.StringArrayVar(&f.args, "arg", nil, "arguments instead of the image's, once for each `WORD`")
	flags.BoolVar(&f.noPin, "no-pin", false, noPinUsage)
}

// fields turns the flags that were named into a patch of the app's spec.
func (f *appFlags) fields(cmd *cobra.Command, create bool) (pod.Fields, error) {
	fields := pod.Fields{}
	for name, set := range map[string]struct{ field, value string }{
		"image": {"image", f.image}, "size": {"size", f.size}, "cpu": {"cpu", f.cpu}, "memory": {"memory", f.memory},
		"strategy": {"strategy", f.strategy}, "start-grace": {"startGrace", f.startGrace}, "stop-grace": {"stopGrace", f.stopGrace},
	} {
		if cmd.Flags().Changed(name) {
			fields[set.field] = orRemove(set.value)
		}
	}
	if cmd.Flags().Changed("command") {
		fields["command"] = orRemoveList(f.command)
	}
	if cmd.Flags().Changed("arg") {
		fields["args"] = orRemoveList(f.args)
	}
	return fields, errors.Join(f.setInstances(cmd, fields), f.setHealth(cmd, fields),
		f.setPorts(fields, create), f.setEnv(fields), f.setMounts(fields))
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

// pin replaces the image in a patch by what it stands for now, so that a tag that moves changes nothing later. A
// registry that does not answer is no reason to stop: the history then shows the tag alone.
func (a *app) pin(ctx context.Context, fields pod.Fields, noPin bool) {
	name, ok := fields["image"].(string)
	if !ok || noPin || !pod.ValidImage(name) {
		return
	}
	found, known := a.pinned[name]
	if !known {
		var err error
		if found, err = image.Resolve(ctx, name, func() image.Logins { return a.podLogins(ctx) }); err != nil && !image.Pinned(name) {
			a.view.Warn("%s is not pinned: %v", name, err)
		}
		if a.pinned == nil {
			a.pinned = map[string]image.Image{}
		}
		a.pinned[name] = found // many apps may run the same
	}
	if found.Reference == "" {
		return
	}
	fields["image"] = found.Reference
	fields["user"] = nil
	if found.User != nil {
		fields["user"] = *found.User
	}
}
