package instance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// ErrDebug means that the container for a debug image does not start.
var ErrDebug = errors.New("the debug image does not start")

// Debug is Exec in a new container with another image, which sees the processes of the container. The container cannot be
// removed from the instance, but nothing runs in it after Debug. The image needs a shell.
func (in *Instances) Debug(ctx context.Context, name, image string, c Command, s Streams, chosen func(Instance)) error {
	return in.using(ctx, name, "", func(i Instance) error {
		target, err := i.container(c.Container)
		if err != nil {
			return err
		}
		chosen(i)
		r := &process{in: in, instance: i, container: "debug-" + rand.String(5), streams: s}
		return r.named(r.debug(ctx, target, image, c.Words))
	})
}

// A runtime drops the output of a container until a client is attached to it. So the script answers each line on stdin, and goes
// on when psc has seen an answer.
const (
	waits = `while read -r line || exit; [ "$line" != go ]; do echo "` + marks + answers + `"TO; done; `
	// askPeriod is how often psc asks for an answer.
	askPeriod = 100 * time.Millisecond
)

// gate is a stdin that begins with lines which the script answers.
type gate struct {
	ready <-chan struct{}
	next  time.Time
	open  bool
	then  io.Reader // may be nil
}

// Read implements io.Reader.
func (g *gate) Read(p []byte) (int, error) {
	switch {
	case !g.open:
		select {
		case <-g.ready:
			g.open = true
			return copy(p, "go\n"), nil
		case <-time.After(time.Until(g.next)):
			g.next = time.Now().Add(askPeriod)
			return copy(p, "\n"), nil
		}
	case g.then == nil:
		return 0, io.EOF
	}
	return g.then.Read(p)
}

// debug runs words in a new container.
func (r *process) debug(ctx context.Context, target, image string, words []string) error {
	command, streams, out := r.started(waits, words)
	for n := range command { // Kubernetes reads $$ as $, and $(NAME) as a variable
		command[n] = strings.ReplaceAll(command[n], "$", "$$")
	}
	container := corev1.EphemeralContainer{TargetContainerName: target, EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: r.container, Image: image, Command: command, Stdin: true, StdinOnce: true, TTY: streams.Size != nil,
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}}
	// The namespace may admit only what the app may do, and only the same user can look into its processes.
	if at := slices.IndexFunc(r.instance.Spec.Containers, func(c corev1.Container) bool { return c.Name == target }); at >= 0 {
		container.SecurityContext = r.instance.Spec.Containers[at].SecurityContext
	}
	if err := r.in.kube.AddEphemeral(ctx, r.in.Pod, r.instance.Name, container); err != nil {
		return err
	}
	if _, err := r.wait(ctx, image, func(s corev1.ContainerState) bool { return s.Running != nil }); err != nil {
		return err
	}
	streams.In = &gate{ready: out.ready, next: time.Now(), then: streams.In}
	if err := r.ending(ctx, nil, streams, out); err != nil {
		return err
	}
	last, cancel := context.WithTimeout(ctx, endWait)
	defer cancel()
	state, err := r.wait(last, image, func(s corev1.ContainerState) bool { return s.Terminated != nil })
	switch {
	case err != nil && ctx.Err() == nil:
		return fmt.Errorf("%w: the container still runs", ErrBroken)
	case err != nil:
		return err
	case state.Terminated.ExitCode != 0:
		return &ExitError{Code: int(state.Terminated.ExitCode)}
	}
	return nil
}

const (
	// endWait is how long the node may take to report the end of a container.
	endWait = 15 * time.Second
	// statePeriod is how often the state of a container is read.
	statePeriod = 200 * time.Millisecond
)

// wait waits until the state of the container is the wanted one.
func (r *process) wait(ctx context.Context, image string, wanted func(corev1.ContainerState) bool) (corev1.ContainerState, error) {
	for {
		o, err := r.in.kube.Get(ctx, object.Pod, r.in.Pod, r.instance.Name)
		if err != nil {
			return corev1.ContainerState{}, err
		}
		now, err := kube.As[corev1.Pod](o)
		if err != nil {
			return corev1.ContainerState{}, err
		}
		state := corev1.ContainerState{}
		for _, c := range now.Status.EphemeralContainerStatuses {
			if c.Name == r.container {
				state = c.State
			}
		}
		switch {
		case wanted(state):
			return state, nil
		case state.Terminated != nil:
			return state, fmt.Errorf("%w: %s: %s", ErrDebug, image, state.Terminated.Message)
		case state.Waiting != nil && state.Waiting.Message != "": // it does not only wait for its turn
			return state, fmt.Errorf("%w: %s: %s", ErrDebug, image, state.Waiting.Message)
		}
		select {
		case <-ctx.Done():
			return state, context.Cause(ctx)
		case <-time.After(statePeriod):
		}
	}
}
