package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// Streams are the streams of a command in an instance.
type Streams = kube.Streams

// ExitError is the error for a command that has ended with another exit code than 0.
type ExitError = kube.ExitError

// The reasons of a ExecError.
var (
	ErrBroken     = kube.ErrBroken
	ErrNotStarted = kube.ErrNotStarted
	ErrNoShell    = errors.New("the image has no shell")
	ErrContainer  = errors.New("has no such container")
)

// ExecError is the error for a command that could not be run in an instance, or not to its end.
type ExecError struct {
	App, Instance, Container string
	// Containers are those that the instance has.
	Containers []string
	// Err wraps one of the reasons above, or is another error.
	Err error
}

// Error implements error.
func (e *ExecError) Error() string {
	if errors.Is(e.Err, ErrContainer) {
		return fmt.Sprintf("instance %s has no container %q: it has %s", e.Instance, e.Container, strings.Join(e.Containers, ", "))
	}
	return fmt.Sprintf("instance %s: %v", e.Instance, e.Err)
}

// Unwrap returns the reason.
func (e *ExecError) Unwrap() error { return e.Err }

// Command is what to run in an instance.
type Command struct {
	// Container is the name of a container, which is empty for the one of the app.
	Container string
	// Words are the command and its arguments. Without any, it is a shell: bash if the image has it, else sh.
	Words []string
}

// Pick returns a ready instance of an app, or the instance of that name, which need not be ready. Its errors are those of Ready.
func (in *Instances) Pick(ctx context.Context, name string) (Instance, error) {
	return in.pick(ctx, name, "")
}

// pick is Pick that prefers an instance as long as it is ready.
func (in *Instances) pick(ctx context.Context, name, preferred string) (Instance, error) {
	found, err := in.List(ctx, name)
	if err != nil {
		return Instance{}, err
	}
	if len(found) > 0 && found[0].Ready() {
		at := slices.IndexFunc(found, func(i Instance) bool { return i.Name == preferred && i.Ready() })
		return found[max(at, 0)], nil
	}
	if len(found) == 0 {
		o, err := in.kube.Get(ctx, object.Pod, in.Pod, name)
		if err == nil && o.GetLabels()[object.LabelApp] != "" {
			p, err := kube.As[corev1.Pod](o)
			return Instance{p}, err
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return Instance{}, err
		}
	}
	return Instance{}, in.orInstance(ctx, in.Why(ctx, name, found))
}

// using calls use with a picked instance, and again with another one if that was deleted before use could begin.
func (in *Instances) using(ctx context.Context, name, preferred string, use func(Instance) error) error {
	for tries := 3; ; tries-- {
		i, err := in.pick(ctx, name, preferred)
		if err != nil {
			return err
		}
		if err = use(i); tries == 1 || name == i.Name || !apierrors.IsNotFound(err) {
			return err
		}
	}
}

// Exec runs a command in an instance of an app, or in an instance of that name. It calls chosen with the instance before. When
// the context ends, it ends the command too, if the image has a shell. The error of a command that ran is an *ExitError or a
// *ExecError.
func (in *Instances) Exec(ctx context.Context, name string, c Command, s Streams, chosen func(Instance)) error {
	return in.using(ctx, name, "", func(i Instance) error {
		container, err := i.container(c.Container)
		if err != nil {
			return err
		}
		chosen(i)
		r := &process{in: in, instance: i, container: container, streams: s}
		return r.named(r.command(ctx, c.Words))
	})
}

// container returns the name of a container, by default the one of the app.
func (i Instance) container(name string) (string, error) {
	names := i.Containers()
	switch {
	case name == "":
		return i.App(), nil
	case slices.Contains(names, name):
		return name, nil
	}
	return "", &ExecError{App: i.App(), Instance: i.Name, Container: name, Containers: names, Err: ErrContainer}
}

// process is a command that runs in a container.
type process struct {
	in        *Instances
	instance  Instance
	container string
	streams   Streams
}

// named adds the instance to the error of a command that did not run to its end. Other errors have it.
func (r *process) named(err error) error {
	for _, reason := range []error{ErrBroken, ErrNotStarted, ErrNoShell, ErrDebug} {
		if errors.Is(err, reason) {
			return &ExecError{App: r.instance.App(), Instance: r.instance.Name, Container: r.container, Err: err}
		}
	}
	return err
}

// A command keeps running when its connection ends: https://github.com/kubernetes/kubernetes/issues/25908
// So a shell starts it, which first writes its process ID, that of the command or of its group. With it the command can be ended.
const (
	tell   = `echo "` + marks + `$$"TO; `
	starts = `exec "$@"`
	shell  = `command -v bash >/dev/null 2>&1 && exec bash; exec sh`
)

// containerd tells the end of a command only when it has passed on all input, and gets stuck if nobody reads that: it keeps the
// reading end of the pipe open itself (go-runc, pipeIO.CloseAfterStart). So the shell stays beside a command that reads input other
// than that of a terminal. It tells the exit code and asks for the end of the input when the command has ended, and reads until then. It
// says nothing itself. The end of the input gets lost now and then on its way through the node: then psc does not wait for more.
const (
	quiet  = `exec 3>&2 2>/dev/null; `
	beside = `(COMMAND) 2>&3 3>&-; code=$?; echo "` + enough + `$code" >&3; cat >/dev/null || while read -r line; do :; done; exit $code`
	// enough asks for the end. No text begins like it.
	enough = "\x1epsc: enough "
)

// command runs words, or a shell without any.
func (r *process) command(ctx context.Context, words []string) error {
	command, streams, out := r.started("", words)
	err := r.ending(ctx, command, streams, out)
	var exit *ExitError
	switch {
	case out.passing, !errors.Is(err, ErrNotStarted) && !errors.As(err, &exit):
		return err
	case len(words) == 0:
		return ErrNoShell
	}
	return r.ending(ctx, words, r.streams, &start{})
}

// started returns the command that first runs before, and then starts words, or a shell without any. The process ID is written to
// the streams that it returns.
func (r *process) started(before string, words []string) (command []string, s Streams, out *start) {
	script := starts
	if len(words) == 0 {
		script = shell
	}
	s, out = r.streams, &start{ready: make(chan struct{})}
	to := ""
	switch {
	case s.Size != nil:
		out.to, s.Out = s.Out, out
	case s.In != nil:
		out.to, s.Err, to = s.Err, out, " >&3"
		out.over = make(chan struct{})
		out.input, before, script = s.In, quiet+before, strings.ReplaceAll(beside, "COMMAND", script)
		s.In, out.pass = io.Pipe()
	default:
		out.to, s.Err, to = s.Err, out, " >&2"
	}
	script = strings.ReplaceAll(before+tell, "TO", to) + script
	return append([]string{"sh", "-c", script, "sh"}, words...), s, out
}

const (
	// grace is how long a command may take to end when psc ends.
	grace = 2 * time.Second
	// leftover is how long nothing of the output of a command that has ended may arrive before psc stops waiting for more.
	leftover = 5 * time.Second
)

// ending runs a command, or attaches to the container without any. When the context ends it ends the process whose ID is known.
func (r *process) ending(ctx context.Context, words []string, s Streams, out *start) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var (
		err  error
		done = make(chan struct{})
		flow kube.Flow
	)
	s.Out, s.Err = flow.Through(s.Out), flow.Through(s.Err)
	go func() {
		defer close(done)
		err = r.run(running, words, s)
		out.end()
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	case <-out.over:
		select {
		case <-done:
			return err
		case <-ctx.Done():
		case <-flow.Ended(running, leftover):
			r.kill(running, done, out, "KILL")
			cancel()
			<-done
			if out.code == 0 {
				return nil
			}
			return &ExitError{Code: out.code}
		}
	}
	r.kill(running, done, out, r.signal(ctx))
	return context.Cause(ctx)
}

// kill sends a signal to the process whose ID is known, and waits for a short time until it is done.
func (r *process) kill(ctx context.Context, done <-chan struct{}, out *start, signal string) {
	id := out.id.Load()
	if id == 0 {
		return
	}
	last, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	words := []string{"sh", "-c", `kill -` + signal + ` -"$1" 2>/dev/null || kill -` + signal + ` "$1"`, "sh", strconv.FormatInt(id, 10)}
	_ = r.run(last, words, Streams{Out: io.Discard, Err: io.Discard})
	select {
	case <-done:
	case <-last.Done():
	}
}

// signal is the signal that a command gets for the reason why psc ends. A shell on a terminal ignores the others.
func (r *process) signal(ctx context.Context) string {
	switch {
	case r.streams.Size != nil:
		return "HUP"
	case fault.Of(context.Cause(ctx)).Code == fault.Interrupted:
		return "INT"
	}
	return "TERM"
}

func (r *process) run(ctx context.Context, words []string, s Streams) error {
	return r.in.kube.Run(ctx, r.in.Pod, kube.Process{Instance: r.instance.Name, Container: r.container, Command: words}, s)
}
