package workspace

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Status returns the live revision, the states of its resources, the waiting drafts, and the changes by hand.
func (rd *Reader) Status(ctx context.Context) (report.Status, error) {
	doc := report.Status{Pod: rd.Pod, Context: rd.Context, Drafts: []revision.Revision{}}
	rd.askEarly(ctx)
	usage := rd.usageEarly(ctx)
	h, err := rd.history(ctx)
	if err != nil {
		return doc, err
	}
	doc.Holder, doc.Missing = h.Holder(), h.MissingNewest()
	live, cluster, err := rd.running(ctx, h)
	if err != nil {
		return doc, err
	}
	var statuses []report.Resource
	var drift []report.Drift
	var runs []instance.Run
	spec := live.Spec
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		live, statuses, err = rd.statuses(both, h, live, cluster)
		return err
	})
	if h.Live != 0 {
		group.Go(func() (err error) {
			drift, _, err = rd.drift(both, spec, cluster) // the resources say what was not seen
			return err
		})
	}
	if len(spec.Names(pod.KindJob)) > 0 {
		group.Go(func() (err error) {
			runs, err = rd.Instances().JobRuns(both, "")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return doc, err
	}
	drift = report.Caused(drift, live, report.Held(statuses))
	doc.Jobs = rd.jobs(spec, runs)
	statuses = report.WithJobs(statuses, doc.Jobs)
	doc.Apps, doc.Routes, doc.Others = report.Apps(statuses, live), report.Routes(statuses, live), report.Others(statuses)
	doc.Unready = slices.DeleteFunc(slices.Clone(statuses), func(r report.Resource) bool { return !r.Failed() && !r.Open() })
	if len(doc.Apps) > 0 {
		addUsage(doc.Apps, usage())
	}
	doc.Drafts = append(doc.Drafts, h.Drafts()...)
	if head, ok := h.Find(h.Tip()); ok {
		doc.Head = &head
	}
	if live.Number != 0 {
		doc.Live = &live
		if live.State == revision.Failed {
			doc.Serving, _ = rd.serving(ctx, h, statuses) // the status is right without it
		}
		if live.State.Done() { // else the deploy is still writing
			doc.Drift = drift
		}
	}
	return doc, nil
}

// usageWait is how long a status waits for metrics when it has everything else. They mostly arrive first.
const usageWait = 200 * time.Millisecond

// usageEarly asks in the background what the instances of all apps use. The function returns it, or nil if it does not arrive in
// time, or if the cluster has no metrics: a status is right without them.
func (rd *Reader) usageEarly(ctx context.Context) func() map[string]instance.Measured {
	arrived := make(chan map[string]instance.Measured, 1)
	go func() {
		measured, _ := rd.Instances().Measure(ctx, "")
		arrived <- measured
	}()
	return func() map[string]instance.Measured {
		select {
		case measured := <-arrived:
			return measured
		case <-time.After(usageWait):
			return nil
		}
	}
}

// addUsage adds what the instances of apps use.
func addUsage(apps []report.App, measured map[string]instance.Measured) {
	sums := map[string]*instance.Measured{}
	for _, m := range measured {
		if sums[m.App] == nil {
			sums[m.App] = &instance.Measured{}
		}
		sums[m.App].CPU += m.CPU
		sums[m.App].Memory += m.Memory
	}
	for i := range apps {
		if sum := sums[apps[i].Name]; sum != nil {
			apps[i].CPU, apps[i].Memory = &sum.CPU, &sum.Memory
		}
	}
}

// serving returns the number of the last revision that was ready, if all ready instances of older versions are of it. It
// returns 0 if there are none.
func (rd *Reader) serving(ctx context.Context, h History, statuses []report.Resource) (int, error) {
	hashes := map[string]bool{}
	for _, s := range statuses {
		for hash := range s.Old {
			hashes[hash] = true
		}
	}
	if len(hashes) == 0 {
		return 0, nil
	}
	number, err := rd.lastReady(ctx, h)
	if err != nil {
		return 0, err
	}
	r, err := rd.get(ctx, number)
	if err != nil {
		return 0, err
	}
	cluster, err := rd.cluster(ctx, r.Spec)
	if err != nil {
		return 0, err
	}
	objects, err := render.Objects(rd.Pod, r.Spec, cluster)
	for _, o := range objects {
		delete(hashes, o.GetAnnotations()[object.AnnotationHash])
	}
	if err != nil || len(hashes) > 0 {
		return 0, err
	}
	return number, nil
}

// Resources returns the apps and routes of the live revision, and after them those that only drafts have.
func (rd *Reader) Resources(ctx context.Context) ([]report.App, []report.Route, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, cluster, err := rd.running(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	live, statuses, err := rd.statuses(ctx, h, live, cluster)
	if err != nil {
		return nil, nil, err
	}
	apps, routes := report.Apps(statuses, live), report.Routes(statuses, live)
	head, err := rd.look(ctx, h.Tip())
	if err != nil || head.Number == live.Number {
		return apps, routes, err
	}
	for name, app := range head.Spec.Apps() {
		if live.Spec.App(name) == nil {
			apps = append(apps, report.App{
				Name: name, Image: app.Image, Instances: report.Instances{Desired: app.Count()}, State: report.Draft, Autoscale: report.Bounds(app),
			})
		}
	}
	for name, route := range head.Spec.Routes() {
		if live.Spec.Route(name) == nil {
			if cluster.Routing == nil {
				if cluster, err = rd.cluster(ctx, head.Spec); err != nil {
					return nil, nil, err
				}
			}
			routes = append(routes, report.Route{Name: name, State: report.Draft, URLs: cluster.URLs(rd.Pod, name, route), Rules: route.Rules})
		}
	}
	return apps, routes, nil
}

// Drift returns how the cluster differs from the live revision: what was changed, by which tool and when.
func (rd *Reader) Drift(ctx context.Context) (report.Live, error) {
	live, err := rd.Live(ctx)
	if err != nil {
		return report.Live{}, err
	}
	cluster, err := rd.cluster(ctx, live.Spec)
	if err != nil {
		return report.Live{}, err
	}
	drift, unseen, err := rd.drift(ctx, live.Spec, cluster)
	held := false
	if err == nil && live.State == revision.Failed && live.Spec.Releases() {
		var statuses []rollout.Status
		statuses, err = rd.observer(cluster).Statuses(ctx, live)
		held = report.Held(resources(statuses))
	}
	return report.Live{Live: live.Number, Drift: append(report.Unwritten(drift, live, held), unseen...)}, err
}

// drift compares the objects of a spec with those in the cluster. unseen are those that cannot be compared, and why.
func (rd *Reader) drift(ctx context.Context, spec pod.Spec, cluster render.Cluster) (drift, unseen []report.Drift, err error) {
	objects, err := render.Objects(rd.Pod, spec, cluster)
	routes := err == nil
	if !routes { // what the cluster offers to routes does not matter to the rest
		unseen = []report.Drift{{Kind: "pod", Name: rd.Pod, Reason: err.Error()}}
		others := maps.Clone(spec)
		maps.DeleteFunc(others, func(ref pod.Ref, _ pod.Resource) bool { return ref.Kind == pod.KindRoute })
		if objects, err = render.Objects(rd.Pod, others, cluster); err != nil {
			return unseen, nil, nil
		}
	}
	steps, left, err := rd.observer(cluster).Compare(ctx, objects)
	for _, o := range left.Of(objects) {
		unseen = append(unseen, report.Drift{Kind: o.GetKind(), Name: o.GetName(), Reason: left.Words(o.GroupVersionKind())})
	}
	drift = slices.DeleteFunc(report.Drifts(steps), func(d report.Drift) bool {
		return !routes && (d.Kind == object.HTTPRoute.Kind || d.Kind == object.ListenerSet.Kind)
	})
	return drift, unseen, err
}

// Diff returns how the revision of an outcome differs from its base, with the text of config files. With urls it returns the
// addresses of the routes too.
func (rd *Reader) Diff(ctx context.Context, out Outcome, urls bool) (report.Diff, error) {
	from, to := out.Base, out.Revision
	doc := report.Diff{From: from.Number, To: to.Number, Entries: append([]revision.Entry{}, revision.Diff(from.Spec, to.Spec)...)}
	if err := rd.texts(ctx, doc.Entries, out); err != nil || !urls {
		return doc, err
	}
	cluster, err := rd.cluster(ctx, to.Spec)
	if err != nil {
		return doc, err
	}
	doc.URLs = map[string][]string{}
	for name, route := range to.Spec.Routes() {
		doc.URLs[name] = cluster.URLs(rd.Pod, name, route)
	}
	return doc, nil
}

// Waiting has the waiting drafts.
type Waiting struct {
	// Includes are those that the next deploy includes. Others means that some are by others.
	Includes []revision.Revision
	Others   bool
	// Loose are those that the next change or deploy rebases first.
	Loose []revision.Revision
}

// DiffWaiting returns what the next deploy would change. With people it sets Waiting.Others, and returns the addresses of the
// routes.
func (rd *Reader) DiffWaiting(ctx context.Context, people bool) (report.Diff, Waiting, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return report.Diff{}, Waiting{}, err
	}
	waiting := Waiting{Includes: h.Includes(h.Tip())}
	_, waiting.Loose = h.Stack()
	if people && len(waiting.Includes) > 0 {
		user, err := rd.User(ctx)
		if err != nil {
			return report.Diff{}, waiting, err
		}
		waiting.Others = len(h.Others(h.Tip(), user.User)) > 0
	}
	doc, err := rd.diffNumbers(ctx, h.Live, h.Tip(), people)
	return doc, waiting, err
}

// DiffRevisions is Diff for two numbers. If to is 0, it is the newest revision.
func (rd *Reader) DiffRevisions(ctx context.Context, from, to int, urls bool) (report.Diff, error) {
	if to == 0 {
		h, err := rd.history(ctx)
		if err != nil {
			return report.Diff{}, err
		}
		to = h.Tip()
	}
	return rd.diffNumbers(ctx, from, to, urls)
}

// diffNumbers is Diff for two numbers; 0 is an empty pod.
func (rd *Reader) diffNumbers(ctx context.Context, from, to int, urls bool) (report.Diff, error) {
	older, err := rd.look(ctx, from)
	if err != nil {
		return report.Diff{}, err
	}
	newer, err := rd.look(ctx, to)
	if err != nil {
		return report.Diff{}, err
	}
	return rd.Diff(ctx, Outcome{Base: older, Revision: newer}, urls)
}

// texts replaces the digests of config files by the text of the files.
func (rd *Reader) texts(ctx context.Context, entries []revision.Entry, out Outcome) error {
	for _, e := range entries {
		if e.Kind != pod.KindConfig || e.Type != revision.Updated {
			continue
		}
		for i := range e.Fields {
			f := &e.Fields[i]
			file := strings.TrimPrefix(f.Path, "spec.files.")
			if err := errors.Join(rd.text(ctx, &f.From, e.Name, file, out.Base.Spec, out.content), rd.text(ctx, &f.To, e.Name, file, out.Revision.Spec, out.content)); err != nil {
				return err
			}
		}
	}
	return nil
}

// text sets field to the text of a file. A file that is binary or missing stays a digest.
func (rd *Reader) text(ctx context.Context, field *any, config, file string, spec pod.Spec, content *store.Content) error {
	if *field == nil {
		return nil
	}
	full, err := rd.store.File(ctx, content, config, file, spec.Config(config).Files[file])
	var missing pod.Problems
	if errors.As(err, &missing) {
		return nil
	}
	if data, ok := full.Bytes(); ok && utf8.Valid(data) {
		*field = string(data)
	}
	return err
}

// Configs returns the configs of the newest revision.
func (rd *Reader) Configs(ctx context.Context) ([]report.Config, error) {
	spec, err := rd.Spec(ctx)
	docs := []report.Config{}
	for name, config := range spec.Configs() {
		doc := report.Config{Name: name, Files: slices.Sorted(maps.Keys(config.Files)), Users: users(spec, pod.KindConfig, name)}
		for _, c := range config.Files {
			doc.Bytes += c.Size
		}
		docs = append(docs, doc)
	}
	return docs, err
}

// Secrets returns the secrets of the newest revision.
func (rd *Reader) Secrets(ctx context.Context) ([]report.Secret, error) {
	spec, err := rd.Spec(ctx)
	docs := []report.Secret{}
	for name, secret := range spec.Secrets() {
		doc := report.Secret{Name: name, Users: users(spec, pod.KindSecret, name)}
		for _, key := range slices.Sorted(maps.Keys(secret.Keys)) {
			doc.Keys = append(doc.Keys, report.Key{Name: key, Version: secret.Keys[key]})
		}
		docs = append(docs, doc)
	}
	return docs, err
}

// users returns the resources that use a config, secret or disk.
func users(spec pod.Spec, kind pod.Kind, name string) []string {
	var out []string
	for _, ref := range spec.Users(pod.Ref{Kind: kind, Name: name}) {
		out = append(out, ref.String())
	}
	return out
}
