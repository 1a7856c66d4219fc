package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newJobRun(s *session) *cobra.Command {
	var (
		o      workspace.RunOptions
		env    []string
		detach bool
	)
	cmd := &cobra.Command{
		Use:   "run NAME [-- ARGS...]",
		Short: "Run a job now, and follow it to its end",
		Long: "Run a job of the live revision now. psc prints the lines of the job and ends with its exit code. After Ctrl-C the job goes\n" +
			"on; psc run delete ends it. Words after -- replace the arguments of the job, and follow its command.",
		Example:           "  psc job run web\n  psc job run web --detach\n  psc job run web --env DAY=monday -- /tmp",
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindJob)),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, words, err := argsBefore(cmd, args, "NAME", "psc job list")
			if err == nil {
				o.Command = words
				o.Env, err = variables(env)
			}
			switch {
			case err != nil:
				return err
			case s.view.Document() && !detach:
				return fault.New(fault.Usage, "-o needs --detach: else the answer is what the job prints")
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			r, err := w.Run(cmd.Context(), pod.Ref{Kind: pod.KindJob, Name: name}, o)
			switch {
			case err != nil:
				return err
			case detach:
				return s.started(r)
			}
			return s.followJob(cmd.Context(), w, r.Name)
		},
	}
	cmd.Flags().BoolVarP(&detach, "detach", "d", false, "print the name of the run and return")
	cmd.Flags().StringArrayVarP(&env, "env", "e", nil, "environment variable `NAME=VALUE` in addition to those of the job")
	return cmd
}

// followJob prints the lines of a run of a job until it has ended. The run goes on if that is interrupted.
func (s *session) followJob(ctx context.Context, w *workspace.Workspace, name string) error {
	err := w.Instances().Follow(ctx, name, s.Out, func(reason string) { s.view.Say("%s: %s", name, reason) })
	if err != nil && ctx.Err() != nil {
		s.view.Say("%s goes on", name)
		s.view.Next("psc run logs %s --follow, or psc run delete %s ends it", name, name)
	}
	return err
}

func newJobHistory(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "history [NAME]",
		Short: "List the runs of a job, and who or what started them",
		Long: "List the runs of a job that are kept, or those of all jobs: the newest first, each with who or what started it, and how it\n" +
			"ended. psc run logs shows what a run has printed.",
		Example:           "  psc job history\n  psc job history web -o jsonpath={.items[*].by}",
		Args:              between(0, "NAME"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindJob)),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			runs, err := w.JobHistory(cmd.Context(), name)
			if err != nil {
				return err
			}
			empty := "No job has run yet"
			if name != "" {
				empty = "Job " + name + " has no run yet"
			}
			return view.List(s.view, runs, empty, "psc job run "+cmp.Or(name, "NAME"), view.JobRuns)
		},
	}
}
