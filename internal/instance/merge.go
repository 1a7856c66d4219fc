package instance

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pscdev/psc/pkg/report"
)

// gather is how long new lines wait for older ones of other instances.
const gather = 50 * time.Millisecond

// history shows the current lines of logs, ordered by time. It holds one batch of each log.
func (r *reading) history(ctx context.Context, sources []*source) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop() // ends the others after an error
	for _, s := range sources {
		go s.readHistory(ctx)
	}
	heads := make([][]line, len(sources))
	closed := make([]bool, len(sources))
	var out []line
	for {
		next := -1
		for i, s := range sources {
			for len(heads[i]) == 0 && !closed[i] {
				if len(out) > 0 && len(s.batches) == 0 { // it may take a while
					if err := r.show(out); err != nil {
						return err
					}
					out = nil
				}
				b, open := <-s.batches
				closed[i], heads[i] = !open, b.lines
				if err := r.note(b); err != nil {
					return err
				}
			}
			if len(heads[i]) > 0 && (next < 0 || heads[i][0].place.Before(heads[next][0].place)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		out, heads[next] = append(out, heads[next][0]), heads[next][1:]
		if len(out) == maxBatch {
			if err := r.show(out); err != nil {
				return err
			}
			out = nil
		}
	}
	if err := r.show(out); err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	if r.Follow {
		return nil
	}
	return errors.Join(r.broken...)
}

// note tells the note of a batch. The error of a log is returned if no log can be read.
func (r *reading) note(b batch) error {
	if b.note != nil {
		r.Tell(*b.note)
	}
	if denied(b.err) {
		return b.err
	}
	if b.err != nil {
		r.broken = append(r.broken, b.err)
	}
	return nil
}

func (r *reading) show(lines []line) error {
	if len(lines) == 0 {
		return nil
	}
	out := make([]report.LogLine, len(lines))
	for i, l := range lines {
		out[i] = l.LogLine
	}
	return r.Show(out)
}

// follow shows the lines that follow the history, until the context ends or the named instances are gone.
func (r *reading) follow(ctx context.Context, sources []*source) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	batches := make(chan batch)
	begin := func(s *source) {
		own, stop := context.WithCancel(ctx)
		s.stop = stop
		go func() {
			defer stop()
			s.follow(own, batches)
			_ = send(ctx, batches, batch{ended: s})
		}()
	}
	for _, s := range sources {
		begin(s)
	}
	join := func() error {
		instances, err := r.instances(ctx)
		for _, s := range r.update(instances) {
			if s.joined {
				r.Tell(*s.about(LogNote{Started: true}).note)
			}
			begin(s)
		}
		return err
	}
	var waiting []line
	var due <-chan time.Time
	for !r.instancesOnly || len(r.sources) > 0 || len(waiting) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.watch.Changed:
			if err := join(); err != nil {
				return err
			}
		case b := <-batches:
			if err := r.note(b); err != nil {
				return err
			}
			if b.ended != nil {
				delete(r.sources, b.ended.key)
				if err := join(); err != nil { // one that was left out has room now
					return err
				}
			}
			waiting = append(waiting, b.lines...)
			if due == nil && len(waiting) > 0 {
				due = time.After(gather)
			}
		case <-due:
			due = nil
		}
		if due == nil || len(waiting) >= maxBatch*4 {
			slices.SortStableFunc(waiting, func(a, b line) int { return a.place.Compare(b.place) })
			if err := r.show(waiting); err != nil {
				return err
			}
			waiting, due = waiting[:0], nil
		}
	}
	return nil
}
