package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/revision"
)

// queue says in the history that r waits for its turn, unless somebody is deploying it already: then the state is theirs.
func (o *Rollout) queue(ctx context.Context, r revision.Revision) (revision.Revision, error) {
	for r.State != revision.Waiting && r.State != revision.Pending {
		next, err := o.Store.MarkOnce(ctx, r, revision.Waiting, o.begins)
		if !errors.Is(err, store.ErrMoved) {
			return next, err
		}
		message := r.Message
		if r, err = o.Store.Get(ctx, r.Number); err != nil {
			return r, err
		}
		r.Message = cmp.Or(message, r.Message)
	}
	return r, nil
}

// begins notes who deploys, and since when.
func (o *Rollout) begins(r *revision.Revision) {
	now := o.Now()
	r.DeployedBy, r.Started, r.Finished, r.Reason = o.User, &now, nil, ""
}

func (o *Rollout) lock(ctx context.Context, r revision.Revision, opts Options) (*lease.Lock, error) {
	lock, err := o.Lease.Lock(ctx, lease.Claim{
		ID: o.Holder, Target: r.Number, Wait: opts.LockWait, Supersede: opts.Supersede,
		Waiting: func(h lease.Holder) { o.Emit(Event{Queued: &h}) },
	})
	var held *lease.HeldError
	if errors.As(err, &held) {
		return nil, fmt.Errorf("%w: %s has been deploying r%d since %s", ErrLocked, held.ID, held.Target, held.Since.Local().Format(time.TimeOnly))
	}
	return lock, err
}

// turn is a deploy whose turn has come.
func (d *deploy) turn(ctx context.Context, result Result, opts Options) (Result, error) {
	all, err := d.Store.List(ctx)
	if err != nil {
		return d.leave(ctx, result, err)
	}
	h := revision.NewHistory(all, d.lock.Live())
	r := result.Revision
	// A revision that is deployed alone brings itself and nothing else: what it was made to has to run by now. Where it
	// does not, somebody gave up, died, or comes after us.
	others := slices.DeleteFunc(h.Includes(r.Number), func(b revision.Revision) bool { return b.Number == r.Number })
	founded := h.IncludesLive(r.Number) && (opts.Again == nil || len(others) == 0)
	switch {
	case h.Path(h.Live)[r.Number] && r.Number != h.Live:
		return d.fail(ctx, result, fmt.Errorf("%w by r%d, which holds it", ErrSuperseded, h.Live))
	case !founded && opts.Again == nil:
		return d.leave(ctx, result, fmt.Errorf("%w by r%d, which it does not hold", ErrSuperseded, h.Live))
	case !founded:
		if r, err = opts.Again(ctx, r); err != nil {
			return d.leave(ctx, result, err)
		}
		result.Revision, d.before = r, r
		if all, err = d.Store.List(ctx); err != nil {
			return d.leave(ctx, result, err)
		}
		h = revision.NewHistory(all, h.Live)
	}
	result, err = d.run(ctx, result, opts)
	if errors.Is(err, ErrNotBegun) || gone(err) {
		return result, err
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return result, errors.Join(err, d.supersede(end, h, result.Revision))
}

// supersede ends the revisions before r whose deploys died or were left pending. What never began to be written and is
// not part of r waits again as a draft.
func (o *Rollout) supersede(ctx context.Context, h revision.History, r revision.Revision) error {
	path := h.Path(r.Number)
	for _, old := range h.All {
		var err error
		switch {
		case old.Number >= r.Number:
		case old.State == revision.Waiting && !path[old.Number]:
			_, err = o.Store.MarkOnce(ctx, old, revision.Draft, nil)
		case old.State == revision.Waiting || old.State == revision.Pending:
			reason := fmt.Sprintf("%v by r%d", ErrSuperseded, r.Number)
			if path[old.Number] {
				reason += ", which holds it"
			}
			_, err = o.finish(ctx, old, revision.Failed, reason)
		}
		if err != nil && !errors.Is(err, store.ErrMoved) && !errors.As(err, new(*revision.MoveError)) {
			return err
		}
	}
	return nil
}
