package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

const (
	// runTime is how long a run may take.
	runTime = time.Hour
	// The cluster keeps a run after its end for one of these times: long enough to read its log, or only because psc was killed.
	keptDetached, keptAttached = 24 * time.Hour, time.Minute
	// endTime is how long psc tries to remove a run when it is interrupted.
	endTime = 10 * time.Second
)

func newRun(s *session) *cobra.Command {
	var (
		o      workspace.RunOptions
		env    []string
		detach bool
		tty    bool
	)
	cmd := &cobra.Command{
		Use:   "run APP [-- COMMAND...]",
		Short: "Run a command once, in an instance of its own",
		Long: "Run a command once, in a new instance with the image, variables, files, secrets, user and size of the live app, but\n" +
			"without its ports, checks, disks and other processes. Without a command, it runs the command of the app. psc prints the lines of\n" +
			"the command and ends with its exit code; then the instance is deleted, and also after Ctrl-C.\n\n" +
			"A command gets a terminal if stdin and stdout are terminals; the image needs a shell for that. It reads stdin, as with\n" +
			"ssh: in a loop that reads a file or a pipe, --stdin=false leaves that to the loop.\n\n" +
			"With --detach the command runs on its own. Its log is kept for a day after its end.\n\n" +
			"An app that is called list, logs or delete is app/list, app/logs or app/delete here.",
		Example: "  psc run web -- rake db:migrate\n" +
			"  psc run web -- sh < migrate.sh\n" +
			"  psc run web --env BATCH=100 --timeout 4h --detach -- import\n" +
			"  psc run list",
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindApp)),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, words, err := argsBefore(cmd, args, "APP", "psc app list")
			if err == nil {
				app, o.Command = strings.TrimPrefix(app, pod.KindApp.Word()+"/"), words
				o.Env, err = variables(env)
			}
			switch {
			case err != nil:
				return err
			case o.Timeout < time.Second:
				return fault.New(fault.Usage, "--timeout must be 1s or more, is %s", o.Timeout)
			case s.view.Document() && !detach:
				return fault.New(fault.Usage, "-o needs --detach: else the answer is what the command prints")
			}
			if o.Kept = keptAttached; detach {
				o.Kept, o.Stdin = keptDetached, false
			}
			if o.TTY = o.Stdin && tty && len(words) > 0 && s.onTerminal(); o.TTY {
				o.Command = instance.Gated(words)
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			r, err := w.Run(cmd.Context(), pod.Ref{Kind: pod.KindApp, Name: app}, o)
			switch {
			case err != nil:
				return err
			case detach:
				return s.started(r)
			}
			return s.follow(cmd.Context(), w.Instances(), r.Name, o)
		},
	}
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "print the name of the run and return")
	cmd.Flags().StringArrayVarP(&env, "env", "e", nil, "environment variable `NAME=VALUE` in addition to those of the app")
	cmd.Flags().BoolVarP(&o.Stdin, "stdin", "i", true, "let the command read stdin")
	cmd.Flags().BoolVarP(&tty, "tty", "t", true, "give the command a terminal if psc has one")
	cmd.Flags().DurationVar(&o.Timeout, "timeout", runTime, "`TIME` after which the command is ended")
	cmd.AddCommand(newRunList(s), newRunLogs(s), newRunDelete(s))
	return cmd
}

// argsBefore returns the argument before --, which the usage calls what, and the words after it. hint is for a missing argument.
func argsBefore(cmd *cobra.Command, args []string, what, hint string) (name string, words []string, err error) {
	at := cmd.ArgsLenAtDash()
	if at < 0 {
		at = len(args)
	}
	switch {
	case at == 0:
		return "", nil, fault.New(fault.Usage, "%s is missing", what).WithHint("%s", hint)
	case at > 1:
		return "", nil, fault.New(fault.Usage, "the command has to follow --").WithHint("%s %s -- %s", cmd.CommandPath(), args[0], strings.Join(args[1:], " "))
	}
	return args[0], args[1:], nil
}

// variables reads NAME=VALUE.
func variables(texts []string) (map[string]any, error) {
	out := map[string]any{}
	for _, text := range texts {
		name, value, set := strings.Cut(text, "=")
		if !set {
			return nil, fault.New(fault.Usage, "--env %q is not NAME=VALUE", text)
		}
		out[name] = value
	}
	return out, nil
}

// started says how a run that goes on is followed.
func (s *session) started(r report.Run) error {
	if err := s.view.Run(r); err != nil {
		return err
	}
	s.view.Next("psc run logs %s --follow", r.Name)
	return nil
}

// follow prints the lines of a run until it has ended, passes stdin on to it, and deletes it.
func (s *session) follow(ctx context.Context, all *instance.Instances, name string, o workspace.RunOptions) error {
	waiting := func(reason string) { s.view.Say("%s: %s", name, reason) }
	var err error
	switch {
	case o.TTY:
		err = all.FollowTerminal(ctx, name, waiting, func(run func(context.Context, instance.Streams) error) error {
			return s.attached(ctx, true, true, run)
		})
	case o.Stdin:
		err = all.FollowInput(ctx, name, s.In, s.Out, waiting, func(why error) { s.view.Warn("stdin does not reach %s: %v", name, why) })
	default:
		err = all.Follow(ctx, name, s.Out, waiting)
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	if gone := all.DeleteRun(end, name); gone != nil && err == nil {
		s.view.Warn("the run was not deleted: %v", gone)
	}
	return err
}

func newRunList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the runs, including those that ended in the last day",
		Example: "  psc run list\n  psc run list -o json",
	}, "has no runs", "psc run APP -- COMMAND", func(w *workspace.Workspace, ctx context.Context) ([]report.Run, error) {
		all, err := w.Instances().Runs(ctx)
		out := make([]report.Run, len(all))
		for i, r := range all {
			out[i] = r.Report()
		}
		return out, err
	}, view.Runs)
}

func newRunLogs(s *session) *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:               "logs RUN",
		Short:             "Print the output of a run",
		Long:              "Print the output of a run. With --follow, go on until it has ended, and end with its exit code.",
		Example:           "  psc run logs web-run-k3x9q2ab --follow",
		Args:              exactly("RUN"),
		ValidArgsFunction: s.complete(s.runNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			if follow {
				return w.Instances().Follow(cmd.Context(), args[0], s.Out, func(reason string) { s.view.Say("%s: %s", args[0], reason) })
			}
			return w.Instances().Log(cmd.Context(), args[0], s.Out)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the run has ended")
	return cmd
}

func newRunDelete(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "delete RUN...",
		Short:             "End runs, and delete them with their logs",
		Example:           "  psc run delete web-run-k3x9q2ab",
		Args:              atLeast("RUN"),
		ValidArgsFunction: s.completeAll(s.runNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := w.Instances().DeleteRun(cmd.Context(), name); err != nil {
					return err
				}
				s.view.Say("Deleted run %s", name)
			}
			return nil
		},
	}
}

// runNames lists the runs of the pod.
func (s *session) runNames([]string) []string { return s.names("runs") }
