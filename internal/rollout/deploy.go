package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// deploy is one run of a Rollout. A step that fails returns an error, and exit decides what the error means for the revision.
type deploy struct {
	*Rollout
	opts Options
	// before is the revision as it was before this deploy was requested.
	before revision.Revision
	// ours means that no other client has requested the same deploy.
	ours bool

	result Result
	phase  phase
	// lock is nil until it is our turn.
	lock *lease.Lock
	// begin is when it was our turn.
	begin time.Time
	// fenced means that no write of a killed deploy can change the objects anymore.
	fenced bool
	// history has the records of the pod at that time.
	history revision.History
	// restarts are the apps to restart, each with the number of the revision that asks for it.
	restarts map[string]int
	// written are the generations of the objects that were written. The status of an older generation is not used.
	written map[pod.Ref]int64
}

// phase is how far a deploy has come.
type phase int

const (
	// waiting: no object was written.
	waiting phase = iota
	// included: the live revision includes this one, so this one is not written.
	included
	// writing: some objects may be written.
	writing
	// done: all objects are written and all resources are ready.
	done
)

func (d *deploy) run(ctx context.Context) (err error) {
	if err := d.queue(ctx); err != nil {
		return err
	}
	held := ctx
	defer func() { err = d.exit(ctx, held, err) }()
	if err := d.acquire(ctx); err != nil {
		return err
	}
	held = d.lock.Hold(ctx)
	d.begin = d.Now()
	compared, err := d.turn(held)
	if err != nil {
		return err
	}
	steps, err := d.prepare(held, compared)
	if err != nil {
		return err
	}
	d.Emit(Event{Plan: steps})
	if err := d.pending(held, plan.TakeBack(steps)); err != nil {
		return err
	}
	if err := d.fence(held, steps); err != nil {
		return err
	}
	d.fenced = true
	if err := d.write(held, steps); err != nil || d.opts.NoWait {
		return err
	}
	return d.ready(held)
}

// queue records that the revision waits for its turn. If it is being deployed already, queue does not change its state.
func (d *deploy) queue(ctx context.Context) error {
	r := d.result.Revision
	for r.State != revision.Waiting && r.State != revision.Pending {
		next, err := d.Store.MarkOnce(ctx, r, revision.Waiting, d.started)
		if errors.Is(err, store.ErrMoved) {
			next, err = d.Store.Get(ctx, r.Number)
			next.Message = cmp.Or(r.Message, next.Message)
		}
		if err != nil {
			return err
		}
		r = next
	}
	d.result.Revision = r
	return nil
}

// started sets the user who deploys, and the time: since when it waits, or since when it is its turn.
func (d *deploy) started(r *revision.Revision) {
	now := cmp.Or(d.begin, d.Now())
	r.DeployedBy, r.Started, r.Finished, r.Reason, r.TakesBack = d.User, &now, nil, "", nil
}

// acquire waits for the right to deploy.
func (d *deploy) acquire(ctx context.Context) (err error) {
	d.lock, err = d.Lease.Lock(ctx, lease.Claim{
		ID: d.Holder, Target: d.result.Revision.Number, Wait: d.opts.LockWait, Supersede: d.opts.Supersede,
		Waiting: func(h lease.Holder) { d.Emit(Event{Queued: &h}) },
	})
	var held *lease.HeldError
	if errors.As(err, &held) {
		return fmt.Errorf("%w: %w", ErrLocked, held)
	}
	return err
}

// turn is the first step after acquire. It compares the objects, and makes sure that the revision includes the live one.
func (d *deploy) turn(ctx context.Context) (comparison, error) {
	r := d.result.Revision
	var compared comparison
	var group errgroup.Group
	group.Go(func() error { compared = d.compare(ctx, r.Spec); return nil })
	err := d.include(ctx)
	_ = group.Wait() // compared has the error
	if err == nil && d.result.Revision.Number != r.Number {
		compared = d.compare(ctx, d.result.Revision.Spec)
	}
	return compared, err
}

// include makes sure that the revision includes the live one, now that no other client can deploy. It rebuilds a revision that
// was created to be deployed alone if it does not include the live one, or if it includes others that never went live: their
// deploys were abandoned, were killed, or come after this one.
func (d *deploy) include(ctx context.Context) error {
	if err := d.readHistory(ctx, d.lock.Live()); err != nil {
		return err
	}
	h, r := d.history, d.result.Revision
	others := slices.DeleteFunc(h.Includes(r.Number), func(b revision.Revision) bool { return b.Number == r.Number })
	switch {
	case h.Path(h.Live)[r.Number] && r.Number != h.Live:
		d.phase = included
		return fmt.Errorf("%w by r%d, which includes it", ErrSuperseded, h.Live)
	case h.IncludesLive(r.Number) && (d.opts.Rebuild == nil || len(others) == 0):
		return nil
	case d.opts.Rebuild == nil:
		return fmt.Errorf("%w by r%d, which it does not include", ErrSuperseded, h.Live)
	}
	r, err := d.opts.Rebuild(ctx, r)
	if err != nil {
		return err
	}
	d.result.Revision, d.before = r, r
	return d.readHistory(ctx, h.Live)
}

func (d *deploy) readHistory(ctx context.Context, live int) error {
	all, err := d.Store.List(ctx)
	if err == nil {
		d.history = revision.NewHistory(all, live, 0)
	}
	return err
}

// comparison has the steps that make the cluster match the rendered objects, except for those of unseen, or why there are none.
type comparison struct {
	objects []*unstructured.Unstructured
	steps   []plan.Step
	unseen  Unseen
	err     error
}

// prepare returns the steps to take, after the API server has tried them. It writes no object.
func (d *deploy) prepare(ctx context.Context, compared comparison) ([]plan.Step, error) {
	r := d.result.Revision
	_, loose := revision.NewHistory(d.history.All, r.Number, 0).Stack()
	d.result.Loose = len(loose) > 0
	if listed, _ := d.history.Find(r.Number); listed.State != revision.Waiting || listed.Version != r.Version {
		if err := d.retake(ctx); err != nil {
			return nil, err
		}
	}
	if compared.err != nil {
		return nil, compared.err
	}
	if err := d.emitLeft(ctx, compared.unseen); err != nil {
		return nil, err
	}
	steps, err := d.retried(ctx, d.restarted(compared.steps, compared.objects), compared.objects)
	if err != nil {
		return nil, err
	}
	return d.preflight(ctx, steps)
}

// retake records that it is our turn, although another client has changed the state.
func (d *deploy) retake(ctx context.Context) error {
	r, err := d.mark(ctx, d.result.Revision, revision.Waiting, d.started)
	if err == nil {
		d.result.Revision = r
	}
	return err
}

// compare compares the objects, and checks what the spec needs of the pod.
func (d *deploy) compare(ctx context.Context, spec pod.Spec) (c comparison) {
	if c.objects, c.err = render.Objects(d.Pod, spec, d.Cluster); c.err != nil {
		return c
	}
	var content, unchangeable error
	var group errgroup.Group
	group.Go(func() (err error) {
		c.steps, c.unseen, err = d.Compare(ctx, c.objects)
		return err
	})
	group.Go(func() error { content = d.Store.Present(ctx, spec); return nil })
	group.Go(func() error { unchangeable = d.Unchangeable(ctx, spec); return nil })
	c.err = group.Wait()
	if problems := errors.Join(content, unchangeable); problems != nil {
		c.err = problems
	}
	if c.err == nil {
		c.err = d.withRules(c.unseen.error(c.objects))
	}
	return c
}

// pending records that the revision is live from now on, is being written, and what it takes back from others.
func (d *deploy) pending(ctx context.Context, takesBack []string) error {
	note := func(r *revision.Revision) {
		d.started(r)
		r.TakesBack = fitting(takesBack)
	}
	r, err := d.markHeld(ctx, d.result.Revision, revision.Pending, note)
	if errors.Is(err, store.ErrMoved) {
		if err = d.retake(ctx); err == nil {
			r, err = d.mark(ctx, d.result.Revision, revision.Pending, note)
		}
	}
	if err != nil {
		return err
	}
	d.result.Revision = r
	if err := d.lock.SetLive(ctx, r.Number); err != nil {
		return err
	}
	d.phase = writing
	return nil
}

// ready records that all resources are ready.
func (d *deploy) ready(ctx context.Context) error {
	if err := d.lock.Held(ctx); err != nil {
		return err
	}
	d.phase = done
	r, err := d.finish(ctx, d.result.Revision, revision.Ready, "")
	d.result.Revision = r
	return err
}

// finish records how the deploy of a revision ended.
func (d *deploy) finish(ctx context.Context, r revision.Revision, to revision.State, reason string) (revision.Revision, error) {
	now := d.Now()
	return d.mark(ctx, r, to, func(r *revision.Revision) { r.Finished, r.Reason = &now, reason })
}

// mark moves a revision to a state, and stores the changes that note makes besides. note may be nil. If the record was changed
// after it was read, mark reads it again and retries, as long as the right to deploy is ours. The error for an impossible move is
// a *revision.MoveError.
func (d *deploy) mark(ctx context.Context, r revision.Revision, to revision.State, note func(*revision.Revision)) (revision.Revision, error) {
	for {
		next, err := d.markHeld(ctx, r, to, note)
		if !errors.Is(err, store.ErrMoved) {
			return next, err
		}
		now, err := d.Store.Get(ctx, r.Number)
		if err != nil {
			return r, err
		}
		if now.Seal != r.Seal {
			return r, fmt.Errorf("revision %d %w", r.Number, store.ErrAltered)
		}
		now.Message = cmp.Or(r.Message, now.Message)
		r = now
	}
}

// markHeld is mark without the retry.
func (d *deploy) markHeld(ctx context.Context, r revision.Revision, to revision.State, note func(*revision.Revision)) (next revision.Revision, err error) {
	next = r
	err = d.ifHeld(ctx, func() (err error) {
		next, err = d.Store.MarkOnce(ctx, r, to, note)
		return err
	})
	return next, err
}
