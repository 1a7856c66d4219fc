package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// watcher waits for the resources of a spec and says how they fare whenever that changes.
type watcher struct {
	*follower
	d    *deploy
	spec pod.Spec
	last map[pod.Ref]Status
	// retried are the apps that had failed before this deploy, and why; nil until they were looked for.
	retried   map[pod.Ref]health.Status
	retriedAt time.Time
}

func (d *deploy) watch(ctx context.Context, spec pod.Spec) (*watcher, error) {
	f, err := d.follow(ctx, spec)
	if err != nil {
		return nil, err
	}
	return &watcher{follower: f, d: d, spec: spec, last: map[pod.Ref]Status{}}, nil
}

const (
	// lookAgain is how often the state is judged although nothing changed: some reasons only count after a while.
	lookAgain = time.Second
	// eventsAfter is how long it may take until the events are watched too: what goes well is mostly there by then.
	eventsAfter = 2 * time.Second
)

// wait returns when all resources of some kinds are ready, or the first has failed: the first verdict stands, for a
// crashing container looks fine for the second in which it runs.
func (w *watcher) wait(ctx context.Context, kinds ...pod.Kind) ([]Status, error) {
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	begin := w.d.Now()
	var statuses []Status
	w.retry(ctx)
	for {
		if w.Fresh() || statuses == nil { // what is not seen any more is not judged: time would go on for it alone
			var open int
			var err error
			if statuses, open, err = w.look(kinds); err != nil {
				return w.d.quote(ctx, statuses), err
			}
			if open == 0 {
				return statuses, nil
			}
		}
		if w.events == nil && w.d.Now().Sub(begin) >= eventsAfter {
			w.d.followEvents(ctx, w.follower)
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), ErrPending) {
				statuses = w.d.quote(ctx, statuses)
			}
			return statuses, context.Cause(ctx)
		case <-w.Changed:
		case <-w.eventsChanged():
		case <-again.C:
		}
	}
}

func (w *watcher) look(kinds []pod.Kind) (statuses []Status, open int, err error) {
	l := w.read()
	now := w.d.Now()
	for _, ref := range w.spec.Refs() {
		if !slices.Contains(kinds, ref.Kind) {
			continue
		}
		s := w.d.status(ref, w.spec, l.health(ref, now))
		if l.generation(ref) < w.d.written[ref] {
			s.Status = health.Status{State: health.Progressing, Reason: "starting", Desired: s.Desired}
		}
		s.Since = now.Sub(w.d.begin)
		last, known := w.last[ref]
		if w.old(ref, s.Status, now) {
			s.Status = health.Status{State: health.Progressing, Reason: "starting again", Desired: s.Desired}
		}
		_, wrote := w.d.written[ref]
		switch {
		case known && last.Same(s.Status):
			s.Since = last.Since
		case known || wrote || s.State == health.Progressing || s.State == health.Failed:
			w.d.Emit(Event{Status: &s}) // what was not written and is ready is no news
		}
		w.last[ref] = s
		statuses = append(statuses, s)
	}
	open, failed := tally(statuses)
	if len(failed) > 0 {
		return statuses, open, errors.New(strings.Join(failed, "; "))
	}
	return statuses, open, nil
}

// maxReasons is how much is said of what failed, in bytes: a revision keeps it in an annotation.
const maxReasons = 1 << 10

// tally counts what is not ready yet, and says what has failed.
func tally(statuses []Status) (open int, failed []string) {
	size, more := 0, 0
	for _, s := range statuses {
		switch s.State {
		case health.Failed:
			text := fmt.Sprintf("%s %s: %s", s.Ref.Kind.Word(), s.Ref.Name, s.Reason)
			if size += len(text); size > maxReasons && len(failed) > 0 {
				more++
				continue
			}
			failed = append(failed, text)
		case health.Progressing:
			open++
		case health.Ready, health.Stopped:
		}
	}
	if more > 0 {
		failed = append(failed, fmt.Sprintf("%d more failed", more))
	}
	return open, failed
}
