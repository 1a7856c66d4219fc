package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// restack makes the loose drafts again on top of the newest revision, one by one. Whoever does so at the same time makes
// others of them: the numbering lets just one have each. A draft that does not fit any more is discarded, with a
// warning.
func (a *app) restack(ctx context.Context, w *workspace) error {
	var base revision.Revision
	for made := 0; ; {
		var old revision.Revision
		var misfit error
		_, err := w.append(ctx, "", func(h history) (r, tip revision.Revision, err error) {
			_, loose := h.Stack()
			if len(loose) == 0 {
				return r, tip, errUnchanged
			}
			old = loose[0]
			if base, err = w.store.Get(ctx, h.Base()); err != nil {
				return r, tip, err
			}
			if tip, err = w.store.Get(ctx, h.Tip()); err != nil {
				return r, tip, err
			}
			r, misfit, err = w.remade(ctx, h, old, base, tip)
			return r, tip, errors.Join(misfit, err)
		})
		switch {
		case err == nil:
			made++
		case misfit != nil:
			a.view.Warn("%s is discarded: %v", draftOf(old), misfit)
			if err := w.discard(ctx, old, misfit.Error()); err != nil {
				return err
			}
		case errors.Is(err, errUnchanged):
			if made > 0 {
				a.view.Say("%s put on top of %s", count(made, "waiting draft"), base.Name())
			}
			return nil
		default:
			return err
		}
	}
}

// remade is a draft on top of tip; misfit says why it cannot be.
func (w *workspace) remade(ctx context.Context, h history, draft, base, tip revision.Revision) (r revision.Revision, misfit, err error) {
	draft, misfit, err = w.rebased(ctx, h, draft, tip.Spec, base.Spec)
	var clashes revision.Clashes
	errors.As(misfit, &clashes)
	for i := range clashes {
		clashes[i].My, clashes[i].Their = draftOf(draft), fmt.Sprintf("%s of %s", base.Name(), base.Author)
	}
	if misfit != nil || err != nil {
		return r, misfit, err
	}
	r = revision.Next(h.Next(), tip, draft.Spec, draft.Edits)
	if r.Change == "" {
		return r, fmt.Errorf("%s has it already", tip.Name()), nil
	}
	r.Author, r.Message, r.Replaces = draft.Author, draft.Message, []int{draft.Number}
	return r, nil, nil
}

// rebased is a draft with the spec that it makes of top, when what its stack was made to has become now; misfit says why
// it cannot be.
func (w *workspace) rebased(ctx context.Context, h history, draft revision.Revision, top, now pod.Spec) (full revision.Revision, misfit, err error) {
	if full, err = w.store.Get(ctx, draft.Number); err != nil {
		return full, nil, err
	}
	root, err := w.store.Get(ctx, h.Root(draft))
	if errors.Is(err, store.ErrNoRevision) { // it is gone: there is nothing to compare with
		root.Spec, err = now, nil
	}
	if err != nil {
		return full, nil, err
	}
	full.Spec, misfit = revision.Rebase(top, root.Spec, now, full.Edits)
	return full, misfit, nil
}

// fits says whether the drafts that wait can be made again on top of r. The error has the exit code of a conflict.
func (w *workspace) fits(ctx context.Context, h history, r revision.Revision, author string) error {
	top := r.Spec
	for _, d := range h.Drafts() {
		if slices.Contains(r.Replaces, d.Number) {
			continue
		}
		draft, misfit, err := w.rebased(ctx, h, d, top, r.Spec)
		if err != nil {
			return err
		}
		var clashes revision.Clashes
		switch {
		case errors.As(misfit, &clashes):
			for i, c := range clashes {
				clashes[i] = revision.Clash{Path: c.Path, My: "this change of " + author, Mine: c.Theirs, Their: draftOf(d), Theirs: c.Mine}
			}
			return conflict(clashes).WithHint("psc deploy brings the draft first, psc revision discard %d drops it", d.Number)
		case misfit != nil:
			return fault.New(fault.Conflict, "%s does not fit on top of this change of %s: %w", draftOf(d), author, misfit)
		}
		top = draft.Spec
	}
	return nil
}

func draftOf(r revision.Revision) string { return fmt.Sprintf("draft %s of %s", r.Name(), r.Author) }
