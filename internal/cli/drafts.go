package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// onto makes a revision with a number out of another.
type onto func(number int, from revision.Revision) (revision.Revision, error)

// errLoose says that drafts have to be put on top of what runs before something is made to them.
var errLoose = errors.New("drafts are loose")

// draft stores the revision that make makes of the newest one, with all drafts that wait.
func (a *app) draft(ctx context.Context, w *workspace, author string, make onto) (revision.Revision, error) {
	for {
		r, err := w.store.Append(ctx, author, func() (r, tip revision.Revision, err error) {
			h, err := w.history(ctx)
			if err != nil {
				return r, tip, err
			}
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
	r, err := w.store.Append(ctx, author, func() (r, base revision.Revision, err error) {
		h, err := w.history(ctx)
		if err != nil {
			return r, base, err
		}
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
	if err != nil {
		return r, err
	}
	return r, w.replace(ctx, r)
}

// again is alone for when the deploy's turn has come, and what r was made to is not what runs: somebody before us gave
// up.
func (a *app) again(w *workspace, make onto) func(context.Context, revision.Revision) (revision.Revision, error) {
	return func(ctx context.Context, old revision.Revision) (revision.Revision, error) {
		r, err := w.store.Append(ctx, old.Author, func() (r, live revision.Revision, err error) {
			h, err := w.history(ctx)
			if err != nil {
				return r, live, err
			}
			if live, err = w.store.Get(ctx, h.Live); err != nil {
				return r, live, err
			}
			r, err = make(h.Next(), live)
			r.State, r.Replaces = revision.Waiting, []int{old.Number}
			return r, live, err
		})
		if err != nil {
			return r, err
		}
		return r, w.replace(ctx, r)
	}
}

// fits says whether the drafts that wait can be made again on top of r. The error has the exit code of a conflict.
func (w *workspace) fits(ctx context.Context, h history, r revision.Revision, author string) error {
	top := r.Spec
	for _, d := range h.Drafts() {
		if slices.Contains(r.Replaces, d.Number) {
			continue
		}
		full, root, err := w.rooted(ctx, h, d)
		if err != nil {
			return err
		}
		if root == nil {
			root = r.Spec
		}
		top, err = revision.Rebase(top, root, r.Spec, full.Edits)
		var clashes revision.Clashes
		switch {
		case errors.As(err, &clashes):
			for i, c := range clashes {
				clashes[i] = revision.Clash{
					Path: c.Path, My: "this change of " + author, Mine: c.Theirs,
					Their: fmt.Sprintf("draft %s of %s", d.Name(), d.Author), Theirs: c.Mine,
				}
			}
			return conflict(clashes).WithHint("psc deploy brings the draft first, psc revision discard %d drops it", d.Number)
		case err != nil:
			return fault.New(fault.Conflict, "draft %s of %s does not fit on top of this change of %s: %w", d.Name(), d.Author, author, err)
		}
	}
	return nil
}

// rooted reads a draft, and the spec that its stack of drafts was made to; nil when that is gone.
func (w *workspace) rooted(ctx context.Context, h history, draft revision.Revision) (revision.Revision, pod.Spec, error) {
	full, err := w.store.Get(ctx, draft.Number)
	if err != nil {
		return full, nil, err
	}
	root, err := w.store.Get(ctx, h.Root(draft))
	if errors.Is(err, store.ErrNoRevision) {
		return full, nil, nil
	}
	if root.Spec == nil {
		root.Spec = pod.Spec{}
	}
	return full, root.Spec, err
}

// restack makes the loose drafts again on top of the newest revision, one by one. Whoever does so at the same time makes
// others of them: the numbering lets just one have each. A draft that does not fit any more is discarded, with a
// warning.
func (a *app) restack(ctx context.Context, w *workspace) error {
	made, base := 0, 0
	for {
		var old revision.Revision
		var misfit error
		r, err := w.store.Append(ctx, "", func() (r, tip revision.Revision, err error) {
			h, err := w.history(ctx)
			if err != nil {
				return r, tip, err
			}
			_, loose := h.Stack()
			if len(loose) == 0 {
				return r, tip, errUnchanged
			}
			old, base = loose[0], h.Base()
			if tip, err = w.store.Get(ctx, h.Tip()); err != nil {
				return r, tip, err
			}
			r, misfit, err = w.remade(ctx, h, old, tip)
			return r, tip, errors.Join(misfit, err)
		})
		switch {
		case misfit != nil && errors.Is(err, misfit):
			a.view.Warn("draft %s of %s is discarded: %v", old.Name(), old.Author, misfit)
			if err := w.discard(ctx, old, misfit.Error()); err != nil {
				return err
			}
			continue
		case errors.Is(err, errUnchanged):
			if made > 0 {
				a.view.Say("%s put on top of r%d", count(made, "waiting draft"), base)
			}
			return nil
		case err != nil:
			return err
		}
		made++
		if err := w.replace(ctx, r); err != nil {
			return err
		}
	}
}

// remade is a draft on top of tip; misfit says why it cannot be.
func (w *workspace) remade(ctx context.Context, h history, draft, tip revision.Revision) (r revision.Revision, misfit, err error) {
	full, root, err := w.rooted(ctx, h, draft)
	if err != nil {
		return r, nil, err
	}
	base, err := w.store.Get(ctx, h.Base())
	if err != nil {
		return r, nil, err
	}
	if root == nil {
		root = base.Spec
	}
	spec, misfit := revision.Rebase(tip.Spec, root, base.Spec, full.Edits)
	var clashes revision.Clashes
	errors.As(misfit, &clashes)
	for i := range clashes {
		clashes[i].My, clashes[i].Their = fmt.Sprintf("draft %s of %s", full.Name(), full.Author), fmt.Sprintf("%s of %s", base.Name(), base.Author)
	}
	if misfit != nil {
		return r, misfit, nil
	}
	r = revision.Next(h.Next(), tip, spec, full.Edits)
	if r.Change == "" {
		return r, fmt.Errorf("%s has it already", tip.Name()), nil
	}
	r.Author, r.Message, r.Replaces = full.Author, full.Message, []int{full.Number}
	return r, nil, nil
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
	if apierrors.IsConflict(err) || errors.As(err, new(*revision.MoveError)) {
		return nil
	}
	return err
}
