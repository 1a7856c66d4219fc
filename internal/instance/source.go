package instance

import (
	"context"
	"errors"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// The pause between attempts to read a log doubles from minPause to maxPause.
	minPause, maxPause = 100 * time.Millisecond, 4 * time.Second
	// attempts is how often a log that is not followed is read on after its connection broke, without a new line in between.
	attempts = 6
	// linger is how long the last lines of an instance may take to arrive after the instance is gone.
	linger = 5 * time.Second
)

// source is the log of a container, over all its runs.
type source struct {
	*reading
	scanner
	key      string
	instance string
	joined   bool // the container started after the others: its log is read from its beginning
	state    state
	states   chan state // has the newest state that follow has not received yet
	batches  chan batch // of the history
	left     bool       // the instance is gone
	stop     func()     // ends follow
}

// batch is a part of a log, or one of the other fields.
type batch struct {
	lines []line
	note  *LogNote
	err   error   // why a log cannot be read
	ended *source // there is no more of it
}

func newSource(r *reading, i Instance, key string, first state) *source {
	s := &source{
		reading: r, key: key, instance: i.Name, joined: r.begun && !slices.Contains(r.leftOut, i.Name), state: first,
		states: make(chan state, 1), batches: make(chan batch, 1),
	}
	s.keep = r.Keep
	s.of.App, s.of.Instance, s.of.Container = i.App(), i.Name, first.container
	return s
}

// set replaces the state that follow receives next.
func (s *source) set(next state) {
	select {
	case <-s.states:
	default:
	}
	s.states <- next
}

// options are those for the part of the log that was chosen, or for what follows the last line that was read.
func (s *source) options() corev1.PodLogOptions {
	o := corev1.PodLogOptions{Container: s.of.Container, Previous: s.Previous, Timestamps: true}
	switch {
	case !s.last.IsZero():
		o.SinceTime = &metav1.Time{Time: s.last.Truncate(time.Second)} // the API has whole seconds
		return o
	case s.joined:
		return o
	case s.Tail >= 0:
		o.TailLines = new(int64(s.Tail))
	}
	if s.Since > 0 {
		o.SinceSeconds = new(int64(max(1, s.Since.Round(time.Second)/time.Second)))
	}
	return o
}

// read sends the lines that options choose to out, except those that were read before.
func (s *source) read(ctx context.Context, o corev1.PodLogOptions, out chan<- batch) error {
	log, err := s.in.kube.Log(ctx, s.in.Pod, s.instance, o)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	return s.scan(log, !o.Follow, func(lines []line) error { return send(ctx, out, batch{lines: lines}) })
}

func send(ctx context.Context, out chan<- batch, b batch) error {
	select {
	case out <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// about returns a note about the container.
func (s *source) about(n LogNote) batch {
	n.App, n.Instance, n.Container = s.of.App, s.instance, s.of.Container
	return batch{note: &n}
}

// readHistory reads the log to its current end, and closes the batches. A broken connection is continued.
func (s *source) readHistory(ctx context.Context) {
	defer close(s.batches)
	err := s.readToEnd(ctx, s.options())
	if err == nil && s.last.IsZero() && s.state.earlier && !s.Previous && s.Tail != 0 {
		o := s.options()
		o.Previous = true
		if send(ctx, s.batches, s.about(LogNote{Earlier: true})) == nil {
			err = s.readToEnd(ctx, o)
		}
	}
	if err != nil && !notYet(err) {
		_ = send(ctx, s.batches, batch{err: err})
	}
}

func (s *source) readToEnd(ctx context.Context, o corev1.PodLogOptions) error {
	if s.Tail == 0 { // the last line says where new ones begin
		o.TailLines = new(int64(1))
		s.mute = true
		defer func() { s.mute = false }()
	}
	previous := o.Previous
	for try, pause := 1, minPause; ; try, pause = try+1, min(2*pause, maxPause) {
		before := s.last
		err := s.read(ctx, o, s.batches)
		if s.last.After(before) {
			try, pause = 1, minPause
		}
		if err == nil || answered(err) || try == attempts || !wait(ctx, pause) {
			return err
		}
		o = s.options()
		o.Previous = previous
	}
}

// follow reads new lines until the instance is gone.
func (s *source) follow(ctx context.Context, out chan<- batch) {
	read, drained := s.state.run, false // the run that was read last, and whether all of it was read
	told := false
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		s.next(ctx, drained)
		switch {
		case ctx.Err() != nil:
			return
		case s.state.gone:
			if s.rest != nil {
				_ = send(ctx, out, batch{lines: []line{*s.rest}})
			}
			_ = send(ctx, out, s.about(LogNote{Gone: true}))
			return
		case s.state.run > read:
			o := s.options()
			o.Previous = true
			_ = s.read(ctx, o, out) // what is missing if the connection broke before the restart
			_ = send(ctx, out, s.about(LogNote{Restarted: true}))
		}
		read = s.state.run
		before, o := s.last, s.options()
		o.Follow = s.state.running
		err := s.read(ctx, o, out)
		switch drained = err == nil && !o.Follow; {
		case denied(err):
			_ = send(ctx, out, batch{err: err})
			return
		case err == nil, notYet(err):
			told = false
		case answered(err) && !told:
			told = true
			_ = send(ctx, out, s.about(LogNote{Broken: err}))
		}
		if s.last.After(before) {
			pause = minPause
		}
		if !drained {
			wait(ctx, pause)
		}
	}
}

// next receives the newest state. If everything was read, it waits for the next run or the end of the instance.
func (s *source) next(ctx context.Context, drained bool) {
	run := s.state.run
	for {
		select {
		case s.state = <-s.states:
			continue
		default:
		}
		if !drained || s.state.gone || s.state.run != run {
			return
		}
		select {
		case s.state = <-s.states:
		case <-ctx.Done():
			return
		}
	}
}

// notYet reports whether an error only says that there is no such log: the container has not started, or is gone.
func notYet(err error) bool { return apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) }

// answered reports whether an error is an answer of the API server, and not a broken connection.
func answered(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status)
}

// wait waits, and reports whether the context goes on.
func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
