package cli

import (
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newJob(s *session) *cobra.Command {
	return noun("job", "Manage jobs: what runs to its end, at times or before a deploy",
		newJobCreate(s), newJobSet(s), newJobList(s), newShow(s, pod.KindJob), newJobRun(s), newJobHistory(s), newDelete(s, pod.KindJob))
}

// jobFlags are the fields of a job as flags: see appFlags.
type jobFlags struct {
	programFlags
	app, schedule, timeZone, concurrency, before, timeLimit, retries, history string
	paused                                                                    bool
}

func (f *jobFlags) add(cmd *cobra.Command, o *options) {
	section(cmd, sectionImage, func(flags *pflag.FlagSet) {
		flags.StringVar(&f.app, "app", "", "run in the image of an `APP`, with its variables, files, user and size")
		f.addImage(flags)
		o.addNoPin(flags)
	})
	section(cmd, "When", func(flags *pflag.FlagSet) {
		flags.StringVar(&f.before, "before", "", "run before each `STEP` that changes what it runs: deploy")
		flags.StringVar(&f.schedule, "schedule", "", "run at times, as cron has them: a `SCHEDULE` such as '0 3 * * *' or @daily")
		flags.StringVar(&f.timeZone, "time-zone", "", "time `ZONE` of the schedule, such as Europe/Amsterdam; by default UTC")
		flags.StringVar(&f.concurrency, "concurrency", "", "`WAY` to treat a run that is due while another one runs: forbid (the default), allow or replace")
		flags.BoolVar(&f.paused, "paused", false, "pause the schedule; --paused=false goes on")
	})
	section(cmd, "Run", func(flags *pflag.FlagSet) {
		f.addCommand(flags)
		flags.StringVar(&f.timeLimit, "time-limit", "", "`TIME` that one attempt may take, such as 30m; by default 1h")
		flags.StringVar(&f.retries, "retries", "", "try a run that failed `N` times again; by default never")
		flags.StringVar(&f.history, "history", "", "keep `N` runs that succeeded and as many that failed; by default 3")
	})
	f.addEnvironment(cmd)
	section(cmd, sectionScale, f.addSize)
	f.addMounts(cmd)
	o.addChange(cmd)
}

// edit returns the edit of a job that the flags and the words after -- describe.
func (f *jobFlags) edit(cmd *cobra.Command, verb pod.Verb, args []string) (pod.Edit, error) {
	name, words, err := argsBefore(cmd, args, "NAME", cmd.UseLine())
	fields := pod.Fields{}
	if err == nil {
		err = f.set(cmd, fields, verb == pod.Create)
	}
	setTexts(cmd, fields, map[string]string{
		"app": f.app, "schedule": f.schedule, "time-zone": f.timeZone, "concurrency": f.concurrency, "before": f.before,
	})
	changed := cmd.Flags().Changed
	switch {
	case changed("app") && changed("image"):
		return pod.Edit{}, fault.New(fault.Usage, "--app and --image cannot be combined").WithHint("a job with an app runs the image of the app")
	case verb == pod.Create:
	case changed("app"): // which replaces an image, and the other way round
		fields["image"], fields["imageUser"] = nil, nil
	case changed("image"):
		fields["app"] = nil
	}
	if changed("time-limit") {
		fields["timeout"] = orRemove(f.timeLimit)
	}
	if changed("paused") {
		if fields["paused"] = nil; f.paused {
			fields["paused"] = true
		}
	}
	for flag, text := range map[string]string{"retries": f.retries, "history": f.history} {
		if !changed(flag) || err != nil {
			continue
		}
		if fields[flag] = nil; text != "-" {
			if fields[flag], err = strconv.Atoi(text); err != nil {
				err = fault.New(fault.Usage, "--%s %q is not a whole number", flag, text)
			}
		}
	}
	if len(words) > 0 {
		if changed("command") || changed("arg") {
			return pod.Edit{}, fault.New(fault.Usage, "the command is given twice").WithHint("leave out --command and --arg, or the words after --")
		}
		fields["command"], fields["args"] = words, nil
	}
	return editOf(cmd, pod.Edit{Verb: verb, Kind: pod.KindJob, Name: name, Fields: fields}, err)
}

func newJobCreate(s *session) *cobra.Command {
	var (
		f jobFlags
		o options
	)
	cmd := &cobra.Command{
		Use:   "create NAME [-- COMMAND...]",
		Short: "Create a job",
		Long: "Create a job: a command that runs to its end, in the image of an app or in one of its own. With --schedule it runs at times.\n" +
			"With --before deploy it runs before the apps are deployed, in each deploy that changes what it runs; if it fails, the deploy\n" +
			"fails, and the apps stay as they are. Without both it runs when someone starts it.",
		Example: "  psc job create migrate --app web --before deploy -- bin/migrate --all\n" +
			"  psc job create report --app web --schedule '0 3 * * 1-5' -- bin/report\n" +
			"  psc job create backup --image ghcr.io/acme/worker:2 --schedule @daily",
		RunE: func(cmd *cobra.Command, args []string) error {
			edit, err := f.edit(cmd, pod.Create, args)
			if err != nil {
				return err
			}
			if f.app == "" && f.image == "" {
				return fault.New(fault.Usage, "--app or --image is missing").WithHint("psc job create %s --app APP -- COMMAND", edit.Name)
			}
			return s.change(cmd.Context(), &o, edit)
		},
	}
	f.add(cmd, &o)
	return cmd
}

func newJobSet(s *session) *cobra.Command {
	var (
		f jobFlags
		o options
	)
	cmd := &cobra.Command{
		Use:   "set NAME [-- COMMAND...]",
		Short: "Change a job: only the fields given as flags",
		Long:  "Change a job: only the fields given as flags, and the command after --. A run that has begun goes on as it is.",
		Example: "  psc job set web --schedule '30 4 * * 1-5' --deploy\n" +
			"  psc job set web --paused\n" +
			"  psc job set web --retries 3 -- bin/report --long",
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindJob)),
		RunE: func(cmd *cobra.Command, args []string) error {
			edit, err := f.edit(cmd, pod.Set, args)
			if err != nil {
				return err
			}
			return s.change(cmd.Context(), &o, edit)
		},
	}
	f.add(cmd, &o)
	return cmd
}

func newJobList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the jobs, including those of drafts",
		Example: "  psc job list\n  psc job list -o json",
	}, "has no jobs", "psc job create NAME --app APP -- COMMAND", (*workspace.Workspace).Jobs, view.Jobs)
}
