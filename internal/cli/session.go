package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// session is one run of psc: its environment, flags and settings.
type session struct {
	Env
	settings *config.Settings
	view     *view.View

	progress            atomic.Pointer[view.Progress] // during a deploy
	live                atomic.Pointer[view.Live]     // with --watch
	stdinRead           bool
	kubeconfig          string
	yes, quiet, verbose bool
}

// configure reads flags, environment and the settings file, before any command runs.
func (s *session) configure(cmd *cobra.Command) error {
	if err := cmd.ValidateFlagGroups(); err != nil {
		return wrongFlags(cmd, err)
	}
	if flags := cmd.Root().PersistentFlags(); flags.Changed(namespaceFlag) {
		flags.Lookup(config.Pod).Changed = true // they have the same value
	}
	settings, err := config.Load(cmd.Root().PersistentFlags())
	if settings == nil {
		return err
	}
	s.settings = settings
	settings.Waits = s.waits
	format, wide := settings.Output(), false
	if format == "wide" && cmd.Annotations[wideOutput] != "" {
		format, wide = "", true
	}
	var wrong error
	if s.view, wrong = view.New(s.Out, s.Err, format, s.quiet, s.Now); wrong != nil {
		return wrong
	}
	s.view.Wide = wide
	switch {
	case err == nil || helps(cmd): // help works even when the settings cannot be read
	case settings.Explicit(config.Context) && settings.Explicit(config.Pod):
		s.view.Warn("%v", err)
	default:
		return err
	}
	return nil
}

// helps reports whether a command needs neither settings nor a cluster.
func helps(cmd *cobra.Command) bool {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return !cmd.HasParent() || cmd.GroupID == groupHelp
}

// connect opens the chosen context. It does not dial.
func (s *session) connect() (*workspace.Cluster, error) {
	return s.connectTo(workspace.Connection{Outage: s.outage})
}

// connectTo opens a connection, by default to the chosen context.
func (s *session) connectTo(c workspace.Connection) (*workspace.Cluster, error) {
	c.Kubeconfig, c.UserAgent = s.kubeconfig, "psc/"+s.Version
	if c.Config == nil && c.Context == "" {
		c.Context = s.settings.Context()
		if err := s.contextGone(c.Context); err != nil {
			return nil, err
		}
	}
	if s.verbose {
		c.Trace = func(r workspace.Request) { s.view.Request(r.Method, r.Path, r.Status, r.Err, r.Duration) }
	}
	return workspace.Connect(c, workspace.Run{ID: s.runID(), Now: s.Now})
}

// runID distinguishes this run from others of the same user, for the pod's lock: host/process-time.
func (s *session) runID() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d-%x", host, os.Getpid(), s.Now().UnixNano()&0xffffff)
}

// open opens the named pod, by default the chosen one, in the chosen context. It does not dial.
func (s *session) open(name ...string) (*workspace.Workspace, error) {
	cluster, err := s.connect()
	if err != nil {
		return nil, err
	}
	if len(name) == 0 {
		chosen := s.settings.Pod(cluster.Context)
		if chosen == "" {
			return nil, fault.New(fault.Usage, "no current pod in context %s", cluster.Context).
				WithHint("psc pod use NAME, psc new-pod NAME, or --pod NAME")
		}
		if err := workspace.CheckName(chosen); err != nil {
			return nil, err
		}
		name = []string{chosen}
	}
	w := cluster.Open(name[0])
	w.Tell = s.tell
	return w, nil
}

// outage reports that psc waits for the API server, and why.
func (s *session) outage(why error) {
	s.say("  waiting: the API server does not answer (%v); trying again", why)
}

// say writes a message, above the progress of a deploy if there is one.
func (s *session) say(format string, args ...any) {
	if p := s.progress.Load(); p != nil {
		p.Say(format, args...)
		return
	}
	if l := s.live.Load(); l != nil {
		l.Say(format, args...)
		return
	}
	s.view.Say(format, args...)
}

// tell writes a message for a note of the engine.
func (s *session) tell(n workspace.Note) {
	switch {
	case n.Includes != nil:
		for _, d := range n.Includes {
			s.say("  %s by %s: %s", d.Name(), d.Author, d.Title())
		}
	case n.Along != nil:
		s.say("Includes your %s: %s", draftNames(n.Along), titles(n.Along))
	case n.Withdrawn != nil:
		s.say("Discarded your %s: nothing of it is left to deploy", draftNames(n.Withdrawn))
	case n.Undoes:
		s.say("No change to deploy. The change becomes a draft, because your other drafts set the same fields")
	case n.Reduced != nil:
		s.say("Draft %s is now %s, without the fields that %s sets", n.Reduced.Draft.Name(), n.Reduced.Now.Name(), n.Reduced.By.Name())
	case n.Deploying != nil:
		s.say("Deploying %s to %s on %s as %s", n.Deploying.Revision.Name(), n.Deploying.Pod, n.Deploying.Context, n.Deploying.User)
		s.progress.Store(s.view.Progress())
	case n.Queued != nil:
		text := fmt.Sprintf("  waiting: %s", n.Queued)
		if n.Queued.Next != 0 {
			text += fmt.Sprintf(", and stops for r%d", n.Queued.Next)
		}
		s.say("%s", text)
	case n.Left != nil:
		s.view.Warn("objects of kind %s are left alone: you may not list them", strings.Join(n.Left, " and "))
	case n.Plan != nil:
		s.say("  %s", view.PlanWords(*n.Plan))
		s.others(*n.Plan)
	case n.Resource != nil:
		if p := s.progress.Load(); p != nil {
			p.Show(*n.Resource)
		}
	case n.Ended:
		s.endProgress()
	case n.Rebased != nil:
		s.say("Rebased %s onto r%d", pod.Count(n.Rebased.Drafts, "waiting draft"), n.Rebased.Onto)
	case n.Discarded != nil:
		s.view.Warn("draft %s by %s is discarded: %v", n.Discarded.Draft.Name(), n.Discarded.Draft.Author, worded(n.Discarded.Why))
	case n.Kept != nil:
		s.say("%s waits as a draft", n.Kept.Name())
	case n.KeptValues != nil:
		s.say("Kept the values of this pod for %s: the file has versions of another pod", strings.Join(n.KeptValues, ", "))
	case n.Restored:
		s.say("Restored content that was missing in the pod")
	case n.Trimmed != nil && n.Trimmed.Limit == 0:
		s.say("Removed %s to make room: a quota of the namespace is full", pod.Count(n.Trimmed.Revisions, "old revision"))
	case n.Trimmed != nil:
		s.say("Removed %s: the history keeps %d (psc revision keep)", pod.Count(n.Trimmed.Revisions, "old revision"), n.Trimmed.Limit)
	case n.NotTrimmed != nil:
		s.view.Warn("old revisions could not be removed: %v", n.NotTrimmed)
	case n.Missing != nil:
		s.view.Warn("%s", view.MissingWords(n.Missing))
	case n.NotPinned != nil:
		text := fmt.Sprintf("%s is not pinned: %v", n.NotPinned.Image, n.NotPinned.Why)
		if hint := fault.Of(n.NotPinned.Why).Hint; hint != "" {
			text += " (" + hint + ")"
		}
		s.view.Warn("%s", text)
	case n.Unavailable != "":
		s.view.Warn("the registry no longer has the image %s: instances start only on nodes that still have it", n.Unavailable)
	case n.RollingBack != nil:
		s.say("%s failed; rolling back to r%d", n.RollingBack.Failed.Name(), n.RollingBack.To)
	case n.NotAdmin != nil:
		s.view.Warn("you are not an admin of the new pod: %v", n.NotAdmin)
	}
}

// draftNames returns "draft r2" or "drafts r2, r3".
func draftNames(drafts []revision.Revision) string {
	names := make([]string, len(drafts))
	for i, d := range drafts {
		names[i] = d.Name()
	}
	if len(names) == 1 {
		return "draft " + names[0]
	}
	return "drafts " + strings.Join(names, ", ")
}

// titles returns what drafts change, in one line.
func titles(drafts []revision.Revision) string {
	words := make([]string, len(drafts))
	for i, d := range drafts {
		words[i] = d.Title()
	}
	return strings.Join(words, "; ")
}

// others says what a deploy takes back from others, and what it leaves to them.
func (s *session) others(p report.Plan) {
	for i, line := range p.TakesBack {
		if i == maxTakesBack {
			s.say("  takes back: %d more", len(p.TakesBack)-i)
			break
		}
		s.say("  takes back: %s", line)
	}
	for _, app := range slices.Sorted(maps.Keys(p.Autoscalers)) {
		s.view.Warn("app %s: HorizontalPodAutoscaler %s owns the number of instances, so psc does not change it", app, p.Autoscalers[app])
	}
}

// maxTakesBack is how many objects others names.
const maxTakesBack = 10

// endProgress ends the lines that a deploy redraws.
func (s *session) endProgress() {
	if p := s.progress.Swap(nil); p != nil {
		p.Close()
	}
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// interactive reports whether a user can answer a question.
func (s *session) interactive() bool {
	f, ok := s.In.(*os.File)
	return ok && s.view.Terminal && isTerminal(f)
}

// ask asks a question. Any answer but y and yes means no.
func (s *session) ask(question string) bool {
	s.view.Prompt("%s [y/N] ", question)
	var answer string
	_, err := fmt.Fscanln(s.In, &answer)
	return err == nil && slices.Contains([]string{"y", "yes"}, strings.ToLower(answer))
}

// confirm asks the user to type name before data is lost. Without a terminal, the error names the flag that confirms.
func (s *session) confirm(what, name string) error {
	if s.yes {
		return nil
	}
	if !s.interactive() {
		return fault.New(fault.Usage, "%s cannot be undone", what).WithHint("add --yes to confirm")
	}
	s.view.Prompt("%s cannot be undone. Type %s to continue: ", what, name)
	var answer string
	if _, err := fmt.Fscanln(s.In, &answer); err != nil || answer != name {
		return fault.New(fault.Failed, "nothing was changed: the answer was not %s", name)
	}
	return nil
}

// askHidden asks for a value that the terminal does not show, such as a password. Without a terminal it returns an error with
// the hint.
func (s *session) askHidden(what, hint string) ([]byte, error) {
	f, ok := s.In.(*os.File)
	if !ok || !isTerminal(f) {
		return nil, fault.New(fault.Usage, "no %s, and no terminal to ask for it", what).WithHint("%s", hint)
	}
	s.view.Prompt("%s%s: ", strings.ToUpper(what[:1]), what[1:])
	answer, err := term.ReadPassword(int(f.Fd()))
	s.view.Prompt("\n")
	return answer, err
}

// read reads a file, or stdin for "-". stdin can be read once. A file with more than limit bytes is an error.
func (s *session) read(path string, limit int64) ([]byte, error) {
	in := s.In
	switch {
	case path != "-":
		f, err := os.Open(path)
		if err != nil {
			return nil, fault.Wrap(fault.Usage, err)
		}
		defer func() { _ = f.Close() }() // no data can be lost
		in = f
	case s.stdinRead:
		return nil, fault.New(fault.Usage, "stdin can be read only once")
	default:
		s.stdinRead = true
	}
	data, err := io.ReadAll(io.LimitReader(in, limit+1))
	var broken *fs.PathError
	switch {
	case errors.As(err, &broken): // for example a folder
		return nil, fault.Wrap(fault.Usage, err)
	case err == nil && int64(len(data)) > limit:
		return nil, fault.New(fault.Usage, "%s has more than %d bytes", path, limit)
	}
	return data, err
}
