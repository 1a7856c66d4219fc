package rollout

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// Observer reads the objects of a pod in the cluster. It writes no objects.
type Observer struct {
	Kube *kube.Client
	Pod  string
	// Cluster says what the cluster offers. Only statuses of routes need it.
	Cluster render.Cluster
	Now     func() time.Time
}

// Statuses returns the current status of every resource of a revision that has one.
func (o Observer) Statuses(ctx context.Context, r revision.Revision) ([]Status, error) {
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	f, err := o.follow(watching, r.Spec)
	if err != nil {
		return nil, err
	}
	statuses := o.statuses(f)
	if open, failed := tally(statuses); open+len(failed) > 0 { // the events may explain why
		o.followEvents(watching, f)
		statuses = o.statuses(f)
	}
	o.hold(f, r, statuses)
	return statuses, nil
}

func (o Observer) statuses(f *follower) []Status {
	l := f.read()
	statuses := make([]Status, 0, len(f.spec))
	for _, ref := range f.spec.Refs() {
		if ref.Kind.Waits() {
			statuses = append(statuses, o.status(ref, f.spec, l.of(ref).health(o.Now())))
		}
	}
	return statuses
}

// Settle finds out how the deploy of the live revision r ended, if its client did not wait for that, and records it in s. No
// deploy may be running. Settle returns the new r and the statuses of its resources, also where the cluster refuses the record: a
// command that only reads must not fail because of it.
func (o Observer) Settle(ctx context.Context, s *store.Store, r revision.Revision) (revision.Revision, []Status, error) {
	statuses, err := o.Statuses(ctx, r)
	if err != nil || r.State != revision.Pending {
		return r, statuses, err
	}
	patience{}.judge(r.Spec, statuses)
	open, failed := tally(statuses)
	to := revision.Ready
	switch {
	case len(failed) > 0:
		to = revision.Failed
	case open > 0:
		return r, statuses, nil
	}
	now := o.Now()
	settled, err := s.MarkOnce(ctx, r, to, func(r *revision.Revision) { r.Finished, r.Reason = &now, strings.Join(failed, "; ") })
	if err != nil && ctx.Err() == nil { // another client has recorded it, or a later command will
		settled.State, settled.Reason, err = to, strings.Join(failed, "; "), nil
	}
	return settled, statuses, err
}

// follower keeps copies of the objects that statuses follow from.
type follower struct {
	*kube.Watch
	// spec has the resources.
	spec pod.Spec
	// retired are objects that this deploy has deleted, to create them again.
	retired map[types.UID]bool
	// events are nil until they are needed.
	events *kube.Watch
	// clusterRoutes are those of all namespaces, as they were listed last.
	clusterRoutes []*gatewayv1.HTTPRoute
}

// follow watches the objects that the statuses of a spec's resources follow from, until ctx ends.
func (o Observer) follow(ctx context.Context, spec pod.Spec) (*follower, error) {
	f := &follower{spec: spec, retired: map[types.UID]bool{}}
	group, listing := errgroup.WithContext(ctx)
	group.Go(func() error { return o.listRoutes(listing, f) })
	w, err := o.Kube.Watch(ctx, o.Pod, object.Selector(o.Pod), followed(spec)...)
	if err = cmp.Or(err, group.Wait()); err != nil {
		return nil, err
	}
	for kind, err := range w.Unseen {
		if !slices.ContainsFunc(slices.Collect(maps.Values(adapters())), func(a adapter) bool { return a.object == kind && a.optional }) {
			return nil, err
		}
	}
	f.Watch = w
	return f, nil
}

// listRoutes lists the HTTPRoutes of all namespaces, if the spec has routes.
func (o Observer) listRoutes(ctx context.Context, f *follower) (err error) {
	if len(f.spec.Names(pod.KindRoute)) > 0 {
		f.clusterRoutes, err = o.clusterRoutes(ctx)
	}
	return err
}

// followEvents watches the events too. They only help to explain a status, so a missing permission is not an error.
func (o Observer) followEvents(ctx context.Context, f *follower) {
	var err error
	if f.events, err = o.Kube.WatchEvents(ctx, o.Pod, health.NoCause()); err != nil {
		f.events = &kube.Watch{}
	}
}

// eventsChanged returns a channel that gets a value when there is a new event.
func (f *follower) eventsChanged() <-chan struct{} {
	if f.events == nil {
		return nil
	}
	return f.events.Changed
}
