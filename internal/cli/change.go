package cli

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/convert"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// defaultTimeout is how long a deploy may take to become ready.
const defaultTimeout = 10 * time.Minute

// options are the flags of every command that makes or deploys a revision.
type options struct {
	workspace.Options
	exitCode bool
	// left is what an import left out.
	left []convert.Left
	// unchanged says why there is no change, if there is none.
	unchanged string
}

// addDeploy adds the flags of a command that deploys.
func (o *options) addDeploy(cmd *cobra.Command) { section(cmd, sectionDeploy, o.deployFlags) }

// addChange adds the flags of a command that changes the spec.
func (o *options) addChange(cmd *cobra.Command) {
	section(cmd, sectionDeploy, func(flags *pflag.FlagSet) {
		flags.BoolVar(&o.Alone, "deploy", false, "deploy the change at once, with those of your drafts that it refers to")
		o.deployFlags(flags)
	})
}

func (o *options) deployFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&o.Message, "message", "m", "", "`TEXT` for the history")
	flags.BoolVar(&o.DryRun, "dry-run", false, "show what would change without writing anything")
	flags.BoolVar(&o.exitCode, "exit-code", false, "with --dry-run: exit with 3 if there are differences")
	flags.DurationVar(&o.Deploy.Timeout, "timeout", defaultTimeout, "`TIME` to wait until it is ready")
	flags.BoolVar(&o.Deploy.NoWait, "no-wait", false, "return when everything is written")
	waitFlag(flags, &o.Deploy.NoWait)
	flags.BoolVar(&o.RollbackOnFailure, "rollback-on-failure", false, "after a failure, roll back to the last revision that was ready")
	flags.DurationVar(&o.Deploy.LockWait, "lock-wait", defaultTimeout, "`TIME` to wait for another deploy")
	flags.BoolVar(&o.Deploy.TakeOver, "take-over", false, "take over existing objects with the names of new ones that psc did not create")
	flags.BoolVar(&o.Deploy.Supersede, "supersede", false, "stop a running deploy of an older revision")
}

// waitFlag accepts --wait, which other tools need, and --wait=false.
func waitFlag(flags *pflag.FlagSet, noWait *bool) {
	flags.BoolFunc("wait", "", func(text string) error {
		wait, err := strconv.ParseBool(text)
		*noWait = !wait
		return err
	})
	flags.Lookup("wait").Hidden = true
}

// addNoPin adds the flag of a command that sets images.
func (o *options) addNoPin(flags *pflag.FlagSet) {
	flags.BoolVar(&o.NoPin, "no-pin", false, "keep image tags instead of resolving them to digests")
}

func (o *options) check() error {
	switch {
	case o.Deploy.Timeout <= 0:
		return fault.New(fault.Usage, "--timeout must be more than 0, is %s", o.Deploy.Timeout)
	case o.Deploy.LockWait < 0:
		return fault.New(fault.Usage, "--lock-wait must be 0 or more, is %s", o.Deploy.LockWait)
	}
	return nil
}

// change creates a revision from edits, and shows or deploys it as the flags say.
func (s *session) change(ctx context.Context, o *options, edits ...pod.Edit) error {
	return s.do(ctx, o, func(w *workspace.Workspace) (workspace.Outcome, error) { return w.Change(ctx, edits, o.Options) })
}

// do opens the pod, calls the engine and shows the outcome.
func (s *session) do(ctx context.Context, o *options, call func(*workspace.Workspace) (workspace.Outcome, error)) error {
	if err := o.check(); err != nil {
		return err
	}
	w, err := s.open()
	if err != nil {
		return err
	}
	out, err := call(w)
	return s.show(ctx, w, o, out, err)
}

// show shows the outcome of a call, and returns its error. A deploy that was rolled back has both an outcome and an error.
func (s *session) show(ctx context.Context, w *workspace.Workspace, o *options, out workspace.Outcome, err error) error {
	switch {
	case out.Deployed != nil:
		s.sayApps(out)
		keepNames(w, out.Revision.Spec)
		shown := s.view.Deployed(*out.Deployed, out.Duration)
		if shown == nil && o.Deploy.NoWait {
			s.view.Next("psc status, or psc revision wait %d", out.Revision.Number)
		}
		return errors.Join(err, shown)
	case err != nil:
		return err
	case o.DryRun:
		doc, err := w.Diff(ctx, out, !s.view.Document())
		if err != nil {
			return err
		}
		if out.Revision.State == revision.Draft { // it does not exist yet
			doc.Restarts = out.Revision.Restarts
		}
		s.nextAfter(out.Revision.Spec)
		return s.showDiff(doc, o.exitCode)
	case out.Unchanged:
		s.nextAfter(out.Base.Spec)
		return s.unchanged(o.unchanged)
	}
	keepNames(w, out.Revision.Spec)
	if err := s.view.Draft(out.Revision, o.left); err != nil {
		return err
	}
	s.sayApps(out)
	s.nextAfter(out.Revision.Spec, "psc deploy")
	return nil
}

// nextAfter writes what to do after a change: set the values of secrets without which the spec cannot be deployed, and then more.
func (s *session) nextAfter(spec pod.Spec, more ...string) {
	var unset pod.Problems
	errors.As(spec.Unset(), &unset)
	var commands []string
	for _, p := range unset {
		s.view.Say("secret %s: %s", p.Next.Name, p.Message)
		commands = append(commands, nextWords(p.Next))
	}
	if commands = append(commands, more...); len(commands) > 0 {
		s.view.Next("%s", strings.Join(commands, ", then "))
	}
}

// sayApps says what follows from a change of apps and is not obvious.
func (s *session) sayApps(out workspace.Outcome) {
	s.sayUDP(out)
	s.sayStopped(out)
}

// sayUDP says of the new UDP ports who reaches them, which differs from what a route does for other ports.
func (s *session) sayUDP(out workspace.Outcome) {
	for name, app := range out.Revision.Spec.Apps() {
		before := out.Base.Spec.App(name)
		for _, port := range app.Ports {
			if port.UDP() && (before == nil || !slices.Contains(before.Ports, port)) {
				s.view.Say("Other apps reach port %s of %s at %s:%d over UDP; routes do not lead to it", port.Name, name, name, port.Port)
			}
		}
	}
}

// sayStopped says of the stopped apps that got another number of instances that they stay stopped.
func (s *session) sayStopped(out workspace.Outcome) {
	for _, e := range out.Revision.Edits.Edits {
		app := out.Revision.Spec.App(e.Name)
		_, counted := e.Fields["instances"]
		_, stops := e.Fields["stopped"]
		if e.Kind == pod.KindApp && app != nil && app.Stopped && counted && !stops {
			s.view.Say("App %s stays stopped: psc app start %s starts it", e.Name, e.Name)
		}
	}
}

// unchanged reports a change without effect, which is not an error. why may be empty.
func (s *session) unchanged(why string) error {
	return s.view.Nothing("No change: %s", cmp.Or(why, "the pod already looks like this"))
}

// showDiff shows how two revisions differ.
func (s *session) showDiff(doc report.Diff, exitCode bool) error {
	if err := s.view.Diff(doc); err != nil {
		return err
	}
	return differences(len(doc.Entries)+len(doc.Restarts), exitCode)
}

// differences returns the exit code for n differences, if exitCode asks for one.
func differences(n int, exitCode bool) error {
	if !exitCode || n == 0 {
		return nil
	}
	return &fault.Error{Code: fault.Differences, Err: errors.New(pod.Count(n, "difference")), Silent: true}
}

// parseRevision reads 12 and r12.
func parseRevision(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(text, "r"))
	if err != nil || n < 1 {
		return 0, fault.New(fault.Usage, "%q is not a revision number", text).WithHint("psc revision list")
	}
	return n, nil
}

// optionalRevision returns the number in an optional argument, or 0 if there is none.
func optionalRevision(args []string) (int, error) {
	if len(args) == 0 {
		return 0, nil
	}
	return parseRevision(args[0])
}
