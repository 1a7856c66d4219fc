package cli

import (
	"context"
	"errors"

	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/revision"
)

// onto makes a revision with a number out of another.
type onto func(number int, from revision.Revision) (revision.Revision, error)

// errLoose says that drafts have to be put on top of what runs before something is made to them.
var errLoose = errors.New("drafts are loose")

// append stores the revision that next makes, out of from, and marks those that it replaces.
func (w *workspace) append(ctx context.Context, author string, next func(history) (r, from revision.Revision, err error)) (revision.Revision, error) {
	r, err := w.store.Append(ctx, author, func() (r, from revision.Revision, err error) {
		h, err := w.history(ctx)
		if err != nil {
			return r, from, err
		}
		return next(h)
	})
	if err != nil {
		return r, err
	}
	return r, w.replace(ctx, r)
}

// draft stores the revision that make makes of the newest one, with all drafts that wait.
func (a *app) draft(ctx context.Context, w *workspace, author string, make onto) (revision.Revision, error) {
	for {
		r, err := w.append(ctx, author, func(h history) (r, tip revision.Revision, err error) {
			if _, loose := h.Stack(); len(loose) > 0 {
				return r, tip, errLoose
			}
			if tip, err = w.store.Get(ctx, h.Tip()); err != nil {
				return r, tip, err
			}
			r, err = make(h.Next(), tip)
			return r, tip, err
		})
		if !errors.Is(err, errLoose) {
			return r, err
		}
		if err := a.restack(ctx, w); err != nil {
			return r, err
		}
	}
}

// alone stores the revision that make makes of what runs or is about to, for a deploy of it without the drafts that
// wait. These have to fit on top of it, or it ends before the first write. To restore must always work: then drafts are no
// hindrance, nor is a record of what runs that cannot be read.
func (a *app) alone(ctx context.Context, w *workspace, author string, restore bool, make onto) (revision.Revision, error) {
	return w.append(ctx, author, func(h history) (r, base revision.Revision, err error) {
		base, err = w.store.Get(ctx, h.Base())
		if err != nil && (!restore || !errors.Is(err, store.ErrDamaged)) {
			return r, base, err
		}
		if r, err = make(h.Next(), base); err != nil {
			return r, base, err
		}
		r.State = revision.Waiting // from the first moment: it is what the next one has to build on
		if !restore {
			err = w.fits(ctx, h, r, author)
		}
		return r, base, err
	})
}

// again is alone for when the deploy's turn has come, and what r was made to is not what runs: somebody before us gave
// up.
func (a *app) again(w *workspace, make onto) func(context.Context, revision.Revision) (revision.Revision, error) {
	return func(ctx context.Context, old revision.Revision) (revision.Revision, error) {
		return w.append(ctx, old.Author, func(h history) (r, live revision.Revision, err error) {
			if live, err = w.store.Get(ctx, h.Live); err != nil {
				return r, live, err
			}
			r, err = make(h.Next(), live)
			r.State, r.Replaces = revision.Waiting, []int{old.Number}
			return r, live, err
		})
	}
}

// replace marks the drafts that r was made from. When it is cut short, r itself still says so.
func (w *workspace) replace(ctx context.Context, r revision.Revision) error {
	for _, number := range r.Replaces {
		old, err := w.store.Get(ctx, number)
		if err == nil {
			err = w.discard(ctx, old, "made again as "+r.Name())
		}
		if err != nil && !errors.Is(err, store.ErrNoRevision) {
			return err
		}
	}
	return nil
}

// discard marks a draft. One that somebody else has moved meanwhile is left to them.
func (w *workspace) discard(ctx context.Context, r revision.Revision, reason string) error {
	_, err := w.store.MarkOnce(ctx, r, revision.Discarded, func(r *revision.Revision) { r.Reason = reason })
	if errors.Is(err, store.ErrMoved) || errors.As(err, new(*revision.MoveError)) {
		return nil
	}
	return err
}
