package workspace

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// History has the records of a pod, and the running deploy.
type History struct {
	revision.History
	// Limit is how many revisions the history keeps, besides those that the pod needs; 0 if the user may not read it.
	Limit  int
	holder lease.Holder
}

// Holder returns the running deploy, or nil.
func (h History) Holder() *report.Holder {
	if h.holder.ID == "" {
		return nil
	}
	return holderOf(h.holder)
}

func holderOf(h lease.Holder) *report.Holder {
	return &report.Holder{ID: h.ID, Since: h.Since, Target: h.Target, Next: h.Next}
}

// History reads the records, and settles the live revision.
func (rd *Reader) History(ctx context.Context) (History, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return h, err
	}
	return h, rd.settle(ctx, &h)
}

// Rolling returns the number of the revision that new instances are of: the one that is being deployed, or else the live one. It is
// 0 if that is not known.
func (rd *Reader) Rolling(ctx context.Context) int {
	now, err := rd.lease.State(ctx)
	switch {
	case err != nil:
		return 0
	case now.Holder.ID != "":
		return now.Holder.Target
	}
	return now.Live
}

// history lists the revisions, and finds the live one. The first time, and if there are no revisions, it checks that the pod
// exists.
func (rd *Reader) history(ctx context.Context) (History, error) {
	if h := rd.early.Swap(nil); h != nil {
		return *h, nil
	}
	var (
		now lease.State
		all []revision.Revision
	)
	group, reading := errgroup.WithContext(ctx)
	first := !rd.exists.Swap(true)
	if first {
		group.Go(func() error { return rd.Exists(reading) })
	}
	group.Go(func() (err error) {
		now, err = rd.lease.State(reading)
		if apierrors.IsForbidden(err) { // the role view cannot read Leases: the records are enough
			return nil
		}
		now.Limit = cmp.Or(now.Limit, revision.DefaultLimit)
		return err
	})
	group.Go(func() (err error) {
		all, err = rd.store.List(reading)
		return err
	})
	if err := group.Wait(); err != nil {
		return History{}, rd.named(err)
	}
	h := History{revision.NewHistory(all, now.Live, now.Newest), now.Limit, now.Holder}
	_, known := h.Find(now.Live)
	if now.Live != 0 && !known || len(h.MissingNewest()) > 0 { // perhaps they were created between the two answers
		all, err := rd.store.List(ctx)
		if err != nil {
			return h, rd.named(err)
		}
		h.History = revision.NewHistory(all, now.Live, now.Newest)
	}
	if len(h.All) == 0 && !first {
		return h, rd.Exists(ctx)
	}
	return h, nil
}

// begin asks at once for what a call needs first: the user and the history, which the next call of history returns. With offers
// it also asks for what the cluster offers to a deploy. Over a slow line, each of these would be a round trip.
func (rd *Reader) begin(ctx context.Context, offers bool) (report.User, error) {
	if offers {
		rd.askEarly(ctx)
	}
	var user report.User
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		user, err = rd.User(asking)
		return err
	})
	group.Go(func() error {
		h, err := rd.history(asking)
		if err == nil {
			rd.early.Store(&h)
		}
		return err
	})
	return user, group.Wait()
}

// settle finds out how the deploy of the live revision ended, if its client did not wait for that, and records it.
func (rd *Reader) settle(ctx context.Context, h *History) error {
	now, ok := h.Find(h.Live)
	if !ok || now.State != revision.Pending || h.holder.ID != "" {
		return nil
	}
	live, cluster, err := rd.running(ctx, *h)
	if err != nil {
		return err
	}
	settled, _, err := rd.statuses(ctx, *h, live, cluster)
	if err != nil {
		return err
	}
	for i := range h.All {
		if h.All[i].Number == settled.Number {
			h.All[i] = settled
		}
	}
	return nil
}

// Revision reads one revision with its spec. The error is a *RevisionError if there is none, or if its record was altered.
func (rd *Reader) Revision(ctx context.Context, number int) (revision.Revision, error) {
	r, err := rd.get(ctx, number)
	if errors.Is(err, store.ErrNoRevision) {
		if err = rd.Exists(ctx); err == nil {
			err = &RevisionError{Number: number, Pod: rd.Pod, Err: ErrNoRevision}
		}
	}
	return r, err
}

// get is Revision, except that a missing record is a store.ErrNoRevision: the user has not named it.
func (rd *Reader) get(ctx context.Context, number int) (revision.Revision, error) {
	r, err := rd.store.Get(ctx, number)
	return r, rd.altered(number, err)
}

// full is Revision for a history that was read a moment ago. It does not read a record again that has not changed since.
func (rd *Reader) full(ctx context.Context, h History, number int) (revision.Revision, error) {
	listed, ok := h.Find(number)
	if !ok {
		return rd.Revision(ctx, number)
	}
	r, err := rd.store.Full(ctx, listed)
	return r, rd.altered(number, err)
}

func (rd *Reader) altered(number int, err error) error {
	if errors.Is(err, store.ErrAltered) {
		return &RevisionError{Number: number, Pod: rd.Pod, Err: ErrAltered}
	}
	return err
}

// look is Revision for those who only look at it: the Reason says that the record was altered.
func (rd *Reader) look(ctx context.Context, number int) (revision.Revision, error) {
	r, err := rd.Revision(ctx, number)
	if errors.Is(err, ErrAltered) {
		r.Reason, err = fmt.Sprintf("r%d %v", number, ErrAltered), nil
	}
	return r, err
}

// Show reads one revision with the content of its files: number, or with 0 the live one, or the newest if none is live.
func (rd *Reader) Show(ctx context.Context, number int) (revision.Revision, error) {
	r, err := rd.shown(ctx, number)
	if err == nil {
		r.Spec, err = rd.Fill(ctx, r.Spec)
	}
	return r, err
}

// Changes is Show without the content of files, but with the differences to the parent. They are nil if its record was removed.
func (rd *Reader) Changes(ctx context.Context, number int) (revision.Revision, *report.Diff, error) {
	r, err := rd.shown(ctx, number)
	if err != nil {
		return r, nil, err
	}
	parent, err := rd.look(ctx, r.Parent)
	if errors.Is(err, ErrNoRevision) {
		return r, nil, nil
	}
	if err != nil {
		return r, nil, err
	}
	doc, err := rd.Diff(ctx, Outcome{Base: parent, Revision: r}, true)
	return r, &doc, err
}

func (rd *Reader) shown(ctx context.Context, number int) (revision.Revision, error) {
	h, err := rd.History(ctx)
	if err != nil {
		return revision.Revision{}, err
	}
	r, err := rd.look(ctx, cmp.Or(number, h.Live, h.Tip()))
	if err != nil {
		return r, err
	}
	if r.Number == 0 {
		return r, &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNoRevisions}
	}
	r.Live = r.Number == h.Live
	return r, nil
}

// Live reads the live revision. The error is a *PodError if there is none.
func (rd *Reader) Live(ctx context.Context) (revision.Revision, error) {
	h, err := rd.history(ctx)
	if err == nil && h.Live == 0 {
		err = &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNothingDeployed}
	}
	if err != nil {
		return revision.Revision{}, err
	}
	return rd.Revision(ctx, h.Live)
}

// Base returns the revision that a change builds on: the newest one with all waiting drafts, or for a change that is deployed
// alone the live one, or a newer one that is about to be deployed.
func (rd *Reader) Base(ctx context.Context, alone bool) (revision.Revision, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return revision.Revision{}, err
	}
	if alone {
		return rd.get(ctx, h.Base())
	}
	return rd.get(ctx, h.Tip())
}

// Spec returns the spec of the newest revision, including waiting drafts, without the content of its files: see Fill.
func (rd *Reader) Spec(ctx context.Context) (pod.Spec, error) {
	r, err := rd.Base(ctx, false)
	return r.Spec, err
}

// Fill returns a spec with the content of its files. The error is a *ContentError where the pod has lost it.
func (rd *Reader) Fill(ctx context.Context, spec pod.Spec) (pod.Spec, error) {
	full, err := rd.store.Fill(ctx, spec)
	if errors.As(err, new(pod.Problems)) {
		err = &ContentError{err}
	}
	return full, err
}

// running returns the live revision, whose number is 0 if there is none, and what the cluster offers to it.
func (rd *Reader) running(ctx context.Context, h History) (revision.Revision, render.Cluster, error) {
	live, err := rd.look(ctx, h.Live)
	if err != nil || h.Live == 0 {
		return live, render.Cluster{}, err
	}
	live.Live = true
	cluster, err := rd.cluster(ctx, live.Spec)
	return live, cluster, err
}

// statuses returns the states of all resources of the live revision. It settles the revision if no deploy is running.
func (rd *Reader) statuses(ctx context.Context, h History, live revision.Revision, cluster render.Cluster) (revision.Revision, []report.Resource, error) {
	observer := rd.observer(cluster)
	switch {
	case h.Live == 0:
		return live, nil, nil
	case h.holder.ID != "":
		statuses, err := observer.Statuses(ctx, live)
		return live, resources(statuses), err
	}
	settled, statuses, err := observer.Settle(ctx, rd.store, live)
	settled.Live = true
	all := resources(statuses)
	for i := range all {
		s := &all[i]
		switch {
		case s.Reason != health.NotFound:
		case settled.State == revision.Failed:
			s.Reason = fmt.Sprintf("not written: %s failed before", settled.Name())
		case settled.State == revision.Ready: // everything was there
			s.State, s.Reason, s.Next = health.Failed, "was deleted, but not by psc", []pod.Next{{Do: pod.DoRedeploy, Note: "recreate it"}}
			if app := settled.Spec.App(s.Name.Name); app != nil && s.Name.Kind == pod.KindApp {
				s.Desired = app.Count()
			}
		}
	}
	return settled, all, err
}

// observer returns an observer of the pod's objects in the cluster.
func (rd *Reader) observer(cluster render.Cluster) *rollout.Observer {
	return &rollout.Observer{Kube: rd.kube, Pod: rd.Pod, Cluster: cluster, Now: rd.run.Now}
}

func resources(statuses []rollout.Status) []report.Resource {
	out := make([]report.Resource, len(statuses))
	for i, s := range statuses {
		out[i] = resource(s)
	}
	return out
}

func resource(s rollout.Status) report.Resource {
	return report.Resource{Name: s.Ref, Status: s.Status, URLs: s.URLs, Lines: s.Lines, Since: s.Since}
}

// pollEvery is how often Wait reads the history.
const pollEvery = time.Second

// Wait waits until the deploy of a revision, or with 0 of the live one, has ended. It returns the revision as it was read
// last, also if ctx ends first.
func (rd *Reader) Wait(ctx context.Context, number int) (revision.Revision, error) {
	var (
		r     revision.Revision
		seen  string    // the renewal of the Lease that was read last
		since time.Time // when it was first read
	)
	for {
		h, err := rd.history(ctx)
		if err != nil {
			return r, err
		}
		if h.holder.Renewed != seen || since.IsZero() {
			seen, since = h.holder.Renewed, time.Now()
		}
		if time.Since(since) >= lease.LostAfter { // its client is dead
			h.holder.ID = ""
		}
		if err := rd.settle(ctx, &h); err != nil {
			return r, err
		}
		if number == 0 {
			number = h.Live
		}
		found, ok := h.Find(number)
		switch {
		case !ok && number == 0:
			return r, &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNothingDeployed}
		case !ok:
			_, err := rd.Revision(ctx, number)
			return r, err
		case found.State == revision.Draft:
			return found, &RevisionError{Number: number, Pod: rd.Pod, Err: ErrDraft}
		case found.State.Done(), found.State == revision.Damaged, found.State == revision.Discarded:
			return found, nil
		}
		r = found
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(pollEvery):
		}
	}
}
