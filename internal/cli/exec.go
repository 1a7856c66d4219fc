package cli

import (
	"context"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
)

func newExec(s *session) *cobra.Command {
	var command instance.Command
	var image string
	var stdin, tty bool
	cmd := &cobra.Command{
		Use:   "exec APP|INSTANCE [-- COMMAND...]",
		Short: "Run a command or a shell in an instance",
		Long: "Run a command in a ready instance of an app, or in the instance that is named. Without a command it is a shell: bash if the image has it, else sh.\n\n" +
			"The exit code is the one of the command, and 127 if the image does not have it. Ctrl-C ends the command too.\n\n" +
			"The command gets a terminal if stdin and stdout are terminals. It reads stdin, as with ssh: in a loop that reads a file or a pipe, --stdin=false leaves that to the loop.\n\n" +
			"With --debug the command runs in a new container, beside the app, with the commands of another image. It sees the processes of the app. " +
			"Kubernetes keeps the ended container in the list of the instance until the instance is replaced.",
		Example: "  psc exec web                             a shell\n" +
			"  psc exec web -- ls -l /tmp\n" +
			"  psc exec web -- sh < migrate.sh\n" +
			"  psc exec web --debug                     a shell, for an image without one\n" +
			"  psc exec web --debug=ghcr.io/acme/tools:1",
		ValidArgsFunction: s.complete(s.instanceNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, words, err := execArgs(cmd, args)
			if err != nil {
				return err
			}
			command.Words = words
			w, err := s.open()
			if err != nil {
				return err
			}
			return s.attached(cmd.Context(), stdin, tty, func(ctx context.Context, streams instance.Streams) error {
				chosen := func(i instance.Instance) { s.say("Instance %s", i.Name) }
				if image != "" {
					return w.Instances().Debug(ctx, name, image, command, streams, chosen)
				}
				return w.Instances().Exec(ctx, name, command, streams, chosen)
			})
		},
	}
	cmd.Flags().StringVarP(&command.Container, "container", "c", "", "`CONTAINER` of the instance: a process of the app, or a sidecar (default: the app)")
	cmd.Flags().StringVar(&image, "debug", "", "run it in a new container with this `IMAGE`, which needs a shell: "+debugImage+" if none is given")
	cmd.Flags().Lookup("debug").NoOptDefVal = debugImage
	cmd.Flags().BoolVarP(&stdin, "stdin", "i", true, "let the command read stdin")
	cmd.Flags().BoolVarP(&tty, "tty", "t", true, "give the command a terminal if psc has one")
	return cmd
}

// debugImage is the image of --debug, unless another one is given. It is on Docker Hub.
const debugImage = "busybox:1.37"

// execArgs returns the name of an app or an instance, and the words after --.
func execArgs(cmd *cobra.Command, args []string) (name string, words []string, err error) {
	at := cmd.ArgsLenAtDash()
	if at < 0 {
		at = len(args)
	}
	switch {
	case at == 0:
		return "", nil, fault.New(fault.Usage, "APP is missing").WithHint("psc app list")
	case at == 2 && cmd.Flags().Lookup("debug").Changed:
		return "", nil, fault.New(fault.Usage, "the image of --debug has to follow =").WithHint("psc exec %s --debug=%s", args[0], args[1])
	case at > 1:
		return "", nil, fault.New(fault.Usage, "the command has to follow --").WithHint("psc exec %s -- %s ...", args[0], args[1])
	}
	return args[0], args[1:], nil
}

// attached calls run with the streams of psc. On a terminal these are raw, so that the keys reach the command, from the time when it
// reads them until run returns. Ctrl-C ends psc before that, and its own lines are whole.
func (s *session) attached(ctx context.Context, stdin, tty bool, run func(context.Context, instance.Streams) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	streams := instance.Streams{Out: &piped{s.Out, cancel}, Err: s.Err}
	if stdin {
		streams.In = s.In
	}
	if stdin && tty && s.onTerminal() {
		streams.Size = func() (int, int) { return view.Size(s.Out) }
		keys := &keys{terminal: s.In.(*os.File)}
		streams.In = keys
		defer keys.restore()
		context.AfterFunc(ctx, keys.restore) // a second signal ends psc at once
	}
	return run(ctx, streams)
}

// keys reads what is typed, and makes the terminal raw for that.
type keys struct {
	terminal *os.File
	mu       sync.Mutex
	before   *term.State // nil until the terminal is raw
	restored bool
}

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	if err := k.raw(); err != nil {
		return 0, err
	}
	return k.terminal.Read(p)
}

// raw makes the terminal raw, unless it was restored.
func (k *keys) raw() (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.before == nil && !k.restored {
		k.before, err = term.MakeRaw(int(k.terminal.Fd()))
	}
	return err
}

func (k *keys) restore() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.before != nil && !k.restored {
		_ = term.Restore(int(k.terminal.Fd()), k.before)
	}
	k.restored = true
}

// onTerminal reports whether stdin and stdout are terminals.
func (s *session) onTerminal() bool {
	in, ok := s.In.(*os.File)
	return ok && isTerminal(in) && view.IsTerminal(s.Out)
}

// piped ends a command when nobody reads its output anymore, as the shell ends one that runs here.
type piped struct {
	to  io.Writer
	end context.CancelCauseFunc
}

// Write implements io.Writer.
func (p *piped) Write(data []byte) (int, error) {
	n, err := p.to.Write(data)
	if out, ok := p.to.(*view.Output); ok && out.Gone() {
		p.end(&fault.Error{Code: brokenPipe, Err: io.ErrClosedPipe, Silent: true})
	}
	return n, err
}

// brokenPipe is the exit code of a program whose output nobody reads: that of SIGPIPE.
const brokenPipe fault.Code = 141

// instanceNames lists the apps, and their instances.
func (s *session) instanceNames(args []string) []string {
	return append(s.resourceNames(pod.KindApp)(args), s.names("instances")...)
}
