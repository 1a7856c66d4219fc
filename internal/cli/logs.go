package cli

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// lastLines is how many lines of each instance psc logs shows by default.
const lastLines = 20

func newLogs(s *session) *cobra.Command {
	var o instance.LogOptions
	var grep string
	var timestamps bool
	cmd := &cobra.Command{
		Use:   "logs [APP|INSTANCE|RUN|JOB...]",
		Short: "Show what apps print",
		Long: "Show the last lines that apps print, of all their instances, ordered by time. Without a name, show all apps.\n" +
			"With --follow, show new lines too, across restarts and deploys. If an instance has printed nothing since it crashed,\n" +
			"its lines from before the crash are shown. A job, or job/NAME, stands for the runs of the job that are kept.",
		Example: "  psc logs web\n  psc logs web -f\n  psc logs web --since 10m --grep 'error|warn'\n  psc logs web --previous\n  psc logs --tail 100 -o json",
		Args:    cobra.ArbitraryArgs,
		ValidArgsFunction: s.completeAll(func(args []string) []string {
			return slices.Concat(s.resourceNames(pod.KindApp)(args), s.resourceNames(pod.KindJob)(args), s.names("instances"), s.names("runs"))
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Of = args
			if err := checkLogs(cmd, &o); err != nil {
				return err
			}
			log, err := s.view.Log()
			if err != nil {
				return err
			}
			log.Timestamps = timestamps
			if grep != "" {
				if log.Match, err = regexp.Compile(grep); err != nil {
					return fault.New(fault.Usage, "--grep: %w", err).WithHint("a plain text is a regular expression too, if its special characters have a backslash before them: \\[")
				}
				o.Keep = log.Match.Match
			}
			return s.logs(cmd.Context(), o, log)
		},
	}
	section(cmd, "Lines", func(flags *pflag.FlagSet) {
		flags.BoolVarP(&o.Follow, "follow", "f", false, "show new lines too, across restarts and new instances, until Ctrl-C")
		flags.IntVar(&o.Tail, "tail", lastLines, "last `N` lines of each instance, -1 for all; all with --since or --grep if not set")
		flags.DurationVar(&o.Since, "since", 0, "lines that are younger than a `TIME` such as 10m")
		flags.StringVar(&grep, "grep", "", "lines that match a regular `EXPRESSION`")
		flags.BoolVar(&o.Previous, "previous", false, "lines of the runs before the last restart")
		flags.StringVarP(&o.Container, "container", "c", "", "only this `CONTAINER`: the name of the app, of a process or of a sidecar")
	})
	section(cmd, "Output", func(flags *pflag.FlagSet) {
		flags.BoolVar(&timestamps, "timestamps", false, "print the time of each line")
	})
	cmd.MarkFlagsMutuallyExclusive("follow", "previous")
	return cmd
}

// checkLogs checks the flags, and sets the default of --tail.
func checkLogs(cmd *cobra.Command, o *instance.LogOptions) error {
	switch {
	case o.Tail < -1:
		return fault.New(fault.Usage, "--tail %d is less than -1", o.Tail).WithHint("--tail -1 shows all lines")
	case !cmd.Flags().Changed("tail") && (cmd.Flags().Changed("since") || cmd.Flags().Changed("grep")):
		o.Tail = -1
	}
	return checkSince(o.Since)
}

// checkSince checks the value of --since.
func checkSince(since time.Duration) error {
	if since < 0 {
		return fault.New(fault.Usage, "--since %s is in the future", since).WithHint("--since 10m shows the last ten minutes")
	}
	return nil
}

func (s *session) logs(ctx context.Context, o instance.LogOptions, log *view.Log) error {
	w, err := s.open()
	if err != nil {
		return err
	}
	ctx, cancel := s.whileRead(ctx)
	defer cancel()
	shown := false
	rolling, read := 0, time.Time{} // of many new instances not each asks for it
	o.Tell = func(n instance.LogNote) {
		log.Several = log.Several || n.Several
		if n.Started && s.Now().Sub(read) > rollingWait {
			asking, cancel := context.WithTimeout(ctx, rollingWait)
			rolling, read = w.Rolling(asking), s.Now()
			cancel()
		}
		s.tellLog(n, rolling)
	}
	o.Show = func(lines []report.LogLine) error {
		shown = true
		if err := log.Write(lines); err != nil {
			return err
		}
		if s.outputEnded() {
			return errReaderGone
		}
		return nil
	}
	err = w.Instances().Logs(ctx, o)
	switch {
	case errors.Is(err, errReaderGone), errors.Is(context.Cause(ctx), errReaderGone):
		return nil
	case err != nil && ctx.Err() != nil && o.Follow:
		return usualEnd(ctx)
	case shown || err != nil && !errors.As(err, new(*pod.RefError)):
		return err
	}
	if wrong := w.Check(ctx); wrong != nil || err != nil || s.view.Document() {
		return cmp.Or(wrong, err)
	}
	of := "pod " + w.Pod
	if len(o.Of) > 0 {
		of = strings.Join(o.Of, ", ")
	}
	switch {
	case o.Previous:
		s.view.Say("No earlier run of %s has a log", of)
	case o.Keep != nil:
		s.view.Say("No line of %s matches", of)
	default:
		s.view.Say("No lines of %s", of)
	}
	return nil
}

// rollingWait is how long a new instance waits for the number of its revision, which is then known for as long.
const rollingWait = time.Second

// tellLog writes a remark for a note about logs. rolling is the revision of new instances, or 0 if that is not known.
func (s *session) tellLog(n instance.LogNote, rolling int) {
	name := view.SourceName(n.App, n.Instance, n.Container)
	switch {
	case n.Started && rolling > 0:
		s.view.Remark("%s started (r%d)", name, rolling)
	case n.Started:
		s.view.Remark("%s started", name)
	case n.Restarted:
		s.view.Remark("%s restarted", name)
	case n.Gone:
		s.view.Remark("%s is gone", name)
	case n.Earlier:
		s.view.Remark("%s has printed nothing since it restarted: these are the lines from before", name)
	case n.Broken != nil:
		s.view.Warn("%v; trying again", n.Broken)
	case n.LeftOut != nil:
		s.view.Warn("only %d logs are read at once. Left out: %s", instance.MaxLogs, strings.Join(n.LeftOut, ", "))
	case n.Waiting != nil:
		s.view.Remark("%v; waiting for it", n.Waiting)
	}
}
