package rollout

import (
	"context"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// restartGrace is how long it may take until the cluster has a new status of a resource that was restarted.
const restartGrace = 30 * time.Second

// restartFailed restarts the resources that had failed before this deploy. Kubernetes itself retries less and less often,
// and a second deploy usually means that the cause was fixed elsewhere.
func (w *watcher) restartFailed(ctx context.Context) {
	w.restartedAt = w.d.Now()
	l := w.read()
	for _, ref := range w.spec.Refs() {
		if !ref.Kind.Waits() {
			continue
		}
		o := l.of(ref)
		if s := o.health(w.d.Now()); s.State == health.Failed && o.generation() >= w.d.written[ref] && w.restart(ctx, o) {
			w.restarted[ref] = s
		}
	}
}

// restart reports whether it restarted something of a resource.
func (w *watcher) restart(ctx context.Context, o observed) bool {
	r, ok := o.(restarter)
	return ok && r.restart(ctx, w.d)
}

// stale reports whether the failure of a resource is still the one from before its restart. Kubernetes does not take back that it
// has given up until a new instance makes progress.
func (w *watcher) stale(ref pod.Ref, s health.Status, now time.Time) bool {
	before, restarted := w.restarted[ref]
	same := s.State == before.State && (s.Reason == before.Reason || strings.HasPrefix(s.Reason, health.NoProgress))
	return restarted && same && now.Sub(w.restartedAt) < restartGrace
}
