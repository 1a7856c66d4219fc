package rollout

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// watcher waits for the resources of the revision that is deployed.
type watcher struct {
	*follower
	d *deploy
	// last holds the statuses that were emitted last.
	last map[pod.Ref]Status
	// restarted are the apps that had failed before this deploy and were restarted, with their failure.
	restarted   map[pod.Ref]health.Status
	restartedAt time.Time
	patience    patience
	// routesWritten means that routes were written after the HTTPRoutes of the cluster were listed.
	routesWritten bool
}

func (d *deploy) watch(ctx context.Context) (*watcher, error) {
	f, err := d.follow(ctx, d.result.Revision.Spec)
	if err != nil {
		return nil, err
	}
	for _, why := range f.Unseen {
		err = errors.Join(err, why) // nobody could say when they are ready
	}
	if err != nil {
		return nil, err
	}
	return &watcher{follower: f, d: d, last: map[pod.Ref]Status{}, restarted: map[pod.Ref]health.Status{}, patience: patience{}}, nil
}

const (
	// checkEvery is how often statuses are checked although no object changed: some reasons only count after a while.
	checkEvery = time.Second
	// eventsAfter is how long to wait before the events are watched too. Most deploys that succeed are ready by then.
	eventsAfter = 2 * time.Second
)

// wait returns when all resources of some kinds are ready, or the first of them has failed. A failure is final: a container
// that crashes looks ready for the second in which it runs. The statuses are in the deploy's result.
func (w *watcher) wait(ctx context.Context, kinds map[pod.Kind]bool) (err error) {
	var statuses []Status
	defer func() { w.d.result.Statuses = statuses }()
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	begin := w.d.Now()
	for {
		if w.Fresh() || statuses == nil { // an outage must not count as time without progress
			var open int
			if statuses, open, err = w.check(ctx, kinds); err != nil {
				statuses = w.d.quote(ctx, statuses)
				return err
			}
			if open == 0 {
				return nil
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
			return context.Cause(ctx)
		case <-w.Changed:
		case <-w.eventsChanged():
		case <-ticker.C:
		}
	}
}

// check returns the statuses of the resources of some kinds and how many are not ready yet, and emits what is new. The error
// says which have failed.
func (w *watcher) check(ctx context.Context, kinds map[pod.Kind]bool) (statuses []Status, open int, err error) {
	objects, now := w.read(), w.d.Now()
	for _, ref := range w.spec.Refs() {
		if kinds[ref.Kind] {
			statuses = append(statuses, w.status(ref, objects.of(ref), now))
		}
	}
	if open, failed := tally(statuses); w.routesWritten && open+len(failed) == 0 { // another client may have written an older one
		w.routesWritten = false
		if err := w.d.listRoutes(ctx, w.follower); err != nil {
			return statuses, 0, err
		}
		return w.check(ctx, kinds)
	}
	for _, ref := range w.patience.judge(w.spec, statuses) {
		if w.restart(ctx, objects.of(ref)) {
			w.restartedAt, w.restarted[ref] = now, w.patience[ref].failure
		}
	}
	for i := range statuses {
		w.emit(&statuses[i])
	}
	open, failed := tally(statuses)
	if len(failed) > 0 {
		err = errors.New(strings.Join(failed, "; "))
	}
	return statuses, open, err
}

// status returns the status of a resource during a deploy. It ignores the status of an object before its write, and of an app
// before its restart.
func (w *watcher) status(ref pod.Ref, o observed, now time.Time) Status {
	s := w.d.status(ref, w.spec, o.health(now))
	reason := ""
	switch {
	case o.generation() < w.d.written[ref]:
		reason = "starting"
		if app := w.spec.App(ref.Name); ref.Kind == pod.KindApp && app != nil && app.Count() == 0 {
			reason, s.Desired = "stopping", 0
		}
	case w.stale(ref, s.Status, now):
		reason = "starting again; before: " + w.restarted[ref].Reason
	}
	if reason != "" {
		s.Status = health.Status{State: health.Progressing, Reason: reason, Desired: s.Desired}
	}
	s.Since = now.Sub(w.d.begin)
	return s
}

// emit emits a new status. For a known status, it sets Since to that of the first one.
func (w *watcher) emit(s *Status) {
	last, known := w.last[s.Ref]
	_, wrote := w.d.written[s.Ref]
	switch {
	case known && last.Same(s.Status):
		s.Since = last.Since
	case known || wrote || s.State == health.Progressing || s.State == health.Failed:
		w.d.Emit(Event{Status: s}) // a ready resource that was not written is not reported
	}
	w.last[s.Ref] = *s
}
