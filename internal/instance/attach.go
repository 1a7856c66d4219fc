package instance

import (
	"context"
	"errors"
	"io"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Gated is the command of a run for FollowTerminal: a shell starts words when psc is attached.
func Gated(words []string) []string {
	command, _, _ := (&process{streams: Streams{Size: func() (int, int) { return 0, 0 }}}).started(waits, words)
	return command
}

// gateWords is how many words Gated adds.
const gateWords = 4

// FollowInput is Follow for a run that reads input too. lost is called if its input cannot be passed on.
func (in *Instances) FollowInput(ctx context.Context, name string, input io.Reader, out io.Writer, waiting func(reason string), lost func(error)) error {
	log, begun := runLog{in: in, out: out}, false
	return in.follow(ctx, name, waiting, func(ctx context.Context, r Run) error {
		if r.program().State.Running != nil && !begun {
			begun = true
			go func() { // until the run ends: what it prints comes from its log, which loses nothing
				err := in.process(r, Streams{In: input}).run(ctx, nil, Streams{In: input})
				if err != nil && !ended(err) && in.goesOn(ctx, name) {
					lost(err)
				}
			}()
		}
		return log.read(ctx, r)
	})
}

// goesOn reports whether a run still runs after a while. A command that has ended needs no input, but the node takes a moment to say so.
func (in *Instances) goesOn(ctx context.Context, name string) bool {
	for range 10 {
		if !wait(ctx, lookEvery) {
			return false
		}
		if r, err := in.run(ctx, name); err != nil || r.end() != nil {
			return false
		}
	}
	return true
}

// FollowTerminal is Follow for a run with a terminal, whose command is Gated. attach has to call its argument with the streams of the
// terminal.
func (in *Instances) FollowTerminal(ctx context.Context, name string, waiting func(reason string), attach func(func(context.Context, Streams) error) error) error {
	begun := false
	return in.follow(ctx, name, waiting, func(_ context.Context, r Run) error {
		if begun || r.program().State.Running == nil {
			return nil
		}
		begun = true
		return attach(func(ctx context.Context, s Streams) error {
			p := in.process(r, s)
			_, streams, out := p.started(waits, nil)
			streams.In = &gate{ready: out.ready, next: time.Now(), then: s.In}
			if err := p.run(ctx, nil, streams); !ended(err) {
				return p.named(err)
			}
			return nil
		})
	})
}

func (in *Instances) process(r Run, s Streams) *process {
	return &process{in: in, instance: Instance{r.Pod}, container: r.of().Name, streams: s}
}

// ended reports whether nothing could be attached to, because the run has ended.
func ended(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) || errors.Is(err, ErrNotStarted)
}
