package instance

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
)

// burst is how long events that belong together take to arrive.
const burst = 200 * time.Millisecond

// EventOptions choose events.
type EventOptions struct {
	// App is the name of an app, or "" for the whole pod.
	App string
	// Since leaves out events that were last seen before; 0 for none.
	Since time.Duration
	// Follow goes on with new events until the context ends.
	Follow bool
	// Show is called with all events, and then with those that are new, the newest last. They are not followed by more if it
	// returns an error.
	Show func([]report.Event) error
}

// Events shows what happened in the pod. The error is a *pod.RefError if there is no such app in the cluster.
func (in *Instances) Events(ctx context.Context, o EventOptions) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var objects, events *kube.Watch
	var group errgroup.Group
	group.Go(func() (err error) {
		if objects, err = in.kube.Watch(ctx, in.Pod, object.Selector(in.Pod), object.Deployment, object.Pod, object.HTTPRoute); err == nil {
			err = cmp.Or(objects.Unseen[object.Deployment], objects.Unseen[object.Pod])
		}
		return err
	})
	group.Go(func() (err error) {
		events, err = in.kube.WatchEvents(ctx, in.Pod, nil)
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if known := ownersIn(objects); o.App != "" && !known.apps[o.App] {
		return in.noApp(ctx, o.App)
	}
	oldest, shown := time.Time{}, map[types.UID]string{}
	if o.Since > 0 {
		oldest = in.now().Add(-o.Since)
	}
	for first := true; ; first = false {
		all, versions := ownersIn(objects).digest(kube.Objects[corev1.Event](events, object.Event), o.App, oldest, shown)
		if first || len(all) > 0 {
			if err := o.Show(all); err != nil || !o.Follow {
				return err
			}
		}
		shown = versions
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-events.Changed:
		case <-objects.Changed:
		}
		if !wait(ctx, burst) {
			return ctx.Err()
		}
	}
}

// digest groups the events of an app, or all, that were last seen after a time, the newest last. Of the groups it returns those
// with an event that is not shown in its version yet, and the versions of all events.
func (o owners) digest(events []*corev1.Event, app string, oldest time.Time, shown map[types.UID]string) ([]report.Event, map[types.UID]string) {
	events = slices.SortedFunc(slices.Values(events), func(a, b *corev1.Event) int {
		return cmp.Or(health.When(a).Compare(health.When(b)), cmp.Compare(stamp(a), stamp(b)))
	})
	groups, versions := map[key]*group{}, map[types.UID]string{}
	for n, e := range events {
		apps := o.of(e.InvolvedObject)
		if app != "" && !slices.Contains(apps, app) || health.When(e).Before(oldest) {
			continue
		}
		k := o.key(apps, e)
		if groups[k] == nil {
			groups[k] = &group{key: k, objects: map[string]bool{}}
		}
		versions[e.UID] = e.ResourceVersion
		groups[k].add(e, n, shown[e.UID] != e.ResourceVersion)
	}
	var all []report.Event
	for _, g := range slices.SortedFunc(maps.Values(groups), func(a, b *group) int { return cmp.Compare(a.last, b.last) }) {
		if g.fresh {
			all = append(all, g.report())
		}
	}
	return all, versions
}

// stamp is the end of the name of an event, which is the time of its creation in nanoseconds: most events only have seconds.
func stamp(e *corev1.Event) string { return e.Name[strings.LastIndex(e.Name, ".")+1:] }

// key is what the events of a group have in common.
type key struct {
	app, object, reason, text string
	warning                   bool
}

// group are events that say the same.
type group struct {
	key
	objects map[string]bool
	newest  *corev1.Event
	first   time.Time
	count   int
	last    int  // the place of the newest event in the order of all
	fresh   bool // one was not shown yet
	mixed   bool // the messages differ
}

func (g *group) add(e *corev1.Event, place int, fresh bool) {
	times := e.Count
	if e.Series != nil {
		times = e.Series.Count
	}
	if begin := cmp.Or(e.FirstTimestamp.Time, e.EventTime.Time, health.When(e)); g.first.IsZero() || begin.Before(g.first) {
		g.first = begin
	}
	g.count += max(1, int(times))
	g.mixed = g.mixed || g.newest != nil && g.newest.Message != e.Message
	g.newest, g.last, g.fresh = e, place, g.fresh || fresh
	g.objects[objectOf(e)] = true
}

func (g *group) report() report.Event {
	e := report.Event{
		FirstSeen: g.first.UTC(), LastSeen: health.When(g.newest).UTC(), Warning: g.warning, App: g.app,
		Count: g.count, Reason: g.reason, Message: g.newest.Message, Text: g.text,
	}
	if g.newest.InvolvedObject.Kind == object.Pod.Kind {
		e.Instances = len(g.objects)
	}
	if len(g.objects) == 1 {
		e.Object = objectOf(g.newest)
	}
	if !g.mixed {
		e.Text = health.Told(g.app, g.newest)
	}
	return e
}

// objectOf names what an event is about: "pod/web-7d9f5c6b8-x2x9z".
func objectOf(e *corev1.Event) string {
	return strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name
}
