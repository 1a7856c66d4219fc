package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/credential"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
)

// session is one run of psc: its environment, flags and settings.
type session struct {
	Env
	settings    *config.Settings
	credentials *credential.Store
	view        *view.View

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
	s.credentials = &credential.Store{Settings: settings, Now: s.Now, Waits: s.waits}
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
	c.Kubeconfig, c.UserAgent, c.Credentials = s.kubeconfig, "psc/"+s.Version, s.credentials
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
