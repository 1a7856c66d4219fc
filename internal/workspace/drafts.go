package workspace

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// errLoose says that drafts have to be rebased before a change is made to them.
var errLoose = errors.New("drafts are loose")

// drafts are the drafts of a pod: how revisions are added to it, and how waiting drafts follow what runs.
type drafts struct {
	*Reader
	tell func(Note)
}

// append stores the revision that next makes, and discards the drafts that it replaces. next is asked again when another
// client took the number.
func (d *drafts) append(ctx context.Context, author string, next func(History) (r, on revision.Revision, err error)) (revision.Revision, error) {
	r, err := d.store.Append(ctx, author, func() (r, on revision.Revision, err error) {
		h, err := d.history(ctx)
		if err != nil {
			return r, on, err
		}
		return next(h)
	})
	if err != nil {
		return r, err
	}
	return r, d.replace(ctx, r)
}

// draft stores the revision that build makes of the newest one, with all waiting drafts.
func (d *drafts) draft(ctx context.Context, author string, build revision.Build) (revision.Revision, error) {
	for {
		r, err := d.append(ctx, author, func(h History) (r, tip revision.Revision, err error) {
			if _, loose := h.Stack(); len(loose) > 0 {
				return r, tip, errLoose
			}
			if tip, err = d.store.Get(ctx, h.Tip()); err != nil {
				return r, tip, err
			}
			r, err = build(h.Next(), tip)
			return r, tip, err
		})
		if !errors.Is(err, errLoose) {
			return r, err
		}
		if err := d.rebase(ctx); err != nil {
			return r, err
		}
	}
}

// alone stores the revision that build makes of what runs or is about to, to be deployed without the waiting drafts. These
// have to fit on top of it, or it ends before the first write. To restore must always work: then neither drafts nor a
// damaged record of what runs are in the way.
func (d *drafts) alone(ctx context.Context, author string, restore bool, build revision.Build) (revision.Revision, error) {
	return d.append(ctx, author, func(h History) (r, base revision.Revision, err error) {
		base, err = d.store.Get(ctx, h.Base())
		if err != nil && (!restore || !errors.Is(err, store.ErrDamaged)) {
			return r, base, err
		}
		if r, err = build(h.Next(), base); err != nil {
			return r, base, err
		}
		r.State = revision.Waiting // from the first moment: the next one has to build on it
		if !restore {
			err = d.fits(ctx, h, r, author)
		}
		return r, base, err
	})
}

// rebuild is alone for the moment when the deploy's turn has come and the base of r does not run: an earlier deploy was
// abandoned.
func (d *drafts) rebuild(build revision.Build) func(context.Context, revision.Revision) (revision.Revision, error) {
	if build == nil {
		return nil
	}
	return func(ctx context.Context, old revision.Revision) (revision.Revision, error) {
		return d.append(ctx, old.Author, func(h History) (r, live revision.Revision, err error) {
			if live, err = d.store.Get(ctx, h.Live); err != nil {
				return r, live, err
			}
			r, err = build(h.Next(), live)
			r.State, r.Replaces = revision.Waiting, []int{old.Number}
			return r, live, err
		})
	}
}

// replace discards the drafts that r was made from. When it is cut short, r itself still says so.
func (d *drafts) replace(ctx context.Context, r revision.Revision) error {
	for _, number := range r.Replaces {
		old, err := d.store.Get(ctx, number)
		if err == nil {
			err = d.discard(ctx, old, "made again as "+r.Name())
		}
		if err != nil && !errors.Is(err, store.ErrNoRevision) {
			return err
		}
	}
	return nil
}

// discard marks a draft. One that another client has moved is left to it.
func (d *drafts) discard(ctx context.Context, r revision.Revision, reason string) error {
	_, err := d.store.MarkOnce(ctx, r, revision.Discarded, func(r *revision.Revision) { r.Reason = reason })
	if errors.Is(err, store.ErrMoved) || errors.As(err, new(*revision.MoveError)) {
		return nil
	}
	return err
}

// rebase rebases the loose drafts onto the newest revision, one by one. Two clients that do so at once make no draft
// twice: the numbering lets just one have each. A draft that no longer fits is discarded.
func (d *drafts) rebase(ctx context.Context) error {
	var base revision.Revision
	for made := 0; ; {
		var old revision.Revision
		var misfit error
		_, err := d.append(ctx, "", func(h History) (r, tip revision.Revision, err error) {
			_, loose := h.Stack()
			if len(loose) == 0 {
				return r, tip, revision.ErrUnchanged
			}
			old = loose[0]
			if base, err = d.store.Get(ctx, h.Base()); err != nil {
				return r, tip, err
			}
			if tip, err = d.store.Get(ctx, h.Tip()); err != nil {
				return r, tip, err
			}
			r, misfit, err = d.rebased(ctx, h, old, base, tip)
			return r, tip, errors.Join(misfit, err)
		})
		switch {
		case err == nil:
			made++
		case misfit != nil:
			d.tell(Note{Discarded: &Discarded{Draft: old, Why: misfit}})
			if err := d.discard(ctx, old, misfit.Error()); err != nil {
				return err
			}
		case errors.Is(err, revision.ErrUnchanged):
			if made > 0 {
				d.tell(Note{Rebased: &Rebased{Drafts: made, Onto: base.Number}})
			}
			return nil
		default:
			return err
		}
	}
}

// Discard discards waiting drafts, or without numbers all of the user's own, after it has checked that those that stay
// can do without them.
func (w *Workspace) Discard(ctx context.Context, numbers []int) ([]revision.Revision, error) {
	user, err := w.User(ctx)
	if err != nil {
		return nil, err
	}
	h, err := w.history(ctx)
	if err != nil {
		return nil, err
	}
	drop, err := w.chosenDrafts(h, numbers, user.User)
	if err != nil {
		return nil, err
	}
	base, err := w.store.Get(ctx, h.Base())
	if err != nil {
		return nil, err
	}
	top := base.Spec
	for _, d := range h.Drafts() {
		if slices.ContainsFunc(drop, func(r revision.Revision) bool { return r.Number == d.Number }) {
			continue
		}
		full, err := w.store.Get(ctx, d.Number)
		if err != nil {
			return nil, err
		}
		if top, err = pod.Apply(top, full.Edits); err != nil {
			return nil, &MisfitError{Draft: d, Without: true, Cause: err}
		}
	}
	for i, r := range drop {
		if err := w.drafts.discard(ctx, r, "by "+user.User); err != nil {
			return nil, err
		}
		drop[i].State, drop[i].Reason = revision.Discarded, "by "+user.User
	}
	return drop, w.drafts.rebase(ctx)
}

// chosenDrafts are the drafts of some numbers, or without numbers all by the user.
func (rd *Reader) chosenDrafts(h History, numbers []int, user string) ([]revision.Revision, error) {
	var out []revision.Revision
	waiting := h.Drafts()
	for _, number := range numbers {
		i := slices.IndexFunc(waiting, func(r revision.Revision) bool { return r.Number == number })
		if i < 0 {
			return nil, &RevisionError{Number: number, Pod: rd.Pod, Err: ErrNotDraft}
		}
		out = append(out, waiting[i])
	}
	if len(numbers) > 0 {
		return out, nil
	}
	for _, r := range waiting {
		if r.Author == user {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, &PodError{Pod: rd.Pod, Context: rd.Context, User: user, Err: ErrNoDrafts}
	}
	return out, nil
}

// rebased is a draft on top of tip; misfit says why it cannot be.
func (d *drafts) rebased(ctx context.Context, h History, draft, base, tip revision.Revision) (r revision.Revision, misfit, err error) {
	draft, root, err := d.loaded(ctx, h, draft, base.Spec)
	if err != nil {
		return r, nil, err
	}
	spec, misfit := revision.RebaseSpec(tip.Spec, root, base.Spec, draft.Edits)
	var clashes revision.Clashes
	errors.As(misfit, &clashes)
	for i := range clashes {
		clashes[i].My, clashes[i].Their = draftOf(draft), fmt.Sprintf("%s by %s", base.Name(), base.Author)
	}
	if misfit != nil {
		return r, misfit, nil
	}
	r = revision.Next(h.Next(), tip, spec, draft.Edits)
	if r.Change == "" {
		return r, fmt.Errorf("%s includes it already", tip.Name()), nil
	}
	r.Author, r.Message, r.Replaces = draft.Author, draft.Message, []int{draft.Number}
	return r, nil, nil
}

// loaded is a draft with its change, and the spec of the revision that its stack was made to: now where that is gone.
func (d *drafts) loaded(ctx context.Context, h History, draft revision.Revision, now pod.Spec) (full revision.Revision, root pod.Spec, err error) {
	if full, err = d.store.Get(ctx, draft.Number); err != nil {
		return full, nil, err
	}
	r, err := d.store.Get(ctx, h.Root(draft))
	if errors.Is(err, store.ErrNoRevision) {
		return full, now, nil
	}
	return full, r.Spec, err
}

// fits says whether the waiting drafts can be rebased onto r. The error is a *MisfitError.
func (d *drafts) fits(ctx context.Context, h History, r revision.Revision, author string) error {
	top := r.Spec
	for _, waiting := range h.Drafts() {
		if slices.Contains(r.Replaces, waiting.Number) {
			continue
		}
		draft, root, err := d.loaded(ctx, h, waiting, r.Spec)
		if err != nil {
			return err
		}
		spec, misfit := revision.RebaseSpec(top, root, r.Spec, draft.Edits)
		var clashes revision.Clashes
		if errors.As(misfit, &clashes) {
			for i, c := range clashes {
				clashes[i] = revision.Clash{Path: c.Path, My: "this change by " + author, Mine: c.Theirs, Their: draftOf(waiting), Theirs: c.Mine}
			}
			misfit = clashes
		}
		if misfit != nil {
			return &MisfitError{Draft: waiting, Author: author, Cause: misfit}
		}
		top = spec
	}
	return nil
}
