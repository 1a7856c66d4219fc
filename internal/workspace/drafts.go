package workspace

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/revision"
)

var (
	// errLoose means that drafts have to be rebased before the change.
	errLoose = errors.New("drafts are loose")
	// errAllRebased ends rebase.
	errAllRebased = errors.New("no draft is loose")
)

// drafts adds revisions to a pod, and rebases the waiting drafts onto the live revision.
type drafts struct {
	*Reader
	tell func(Note)
}

// append stores the revision that next returns, as written by the signed-in user, and discards the drafts that it replaces. It calls next again if another
// client has taken the number, and when it has made room in a quota. Then it removes the revisions that are too many.
func (d *drafts) append(ctx context.Context, writer string, content *store.Content, next func(History) (r, on revision.Revision, err error)) (revision.Revision, error) {
	var h History
	create := func() (revision.Revision, error) {
		return d.store.Append(ctx, writer, content, func() (r, on revision.Revision, err error) {
			if h, err = d.history(ctx); err != nil {
				return r, on, err
			}
			r, on, err = next(h)
			r.Before = h.Newest()
			return r, on, err
		})
	}
	r, err := create()
	switch {
	case kube.ExceedsQuota(err, object.ConfigMap):
		r, err = d.makeRoom(ctx, err, create)
	case kube.ExceedsQuota(err, object.Secret):
		err = &RoomError{Pod: d.Pod, Secrets: true, Err: err}
	}
	if err != nil {
		return r, err
	}
	if missing := h.MissingNewest(); len(missing) > 0 {
		d.tell(Note{Missing: missing})
	}
	group, after := errgroup.WithContext(ctx)
	group.Go(func() error { return d.replace(after, r) })
	if r.State == revision.Draft { // else the deploy does it
		group.Go(func() error {
			_ = d.lease.SetNewest(after, r.Number) // for the case that someone deletes the record: the change was made anyway
			return nil
		})
	}
	group.Go(func() error {
		d.trim(after, h, r)
		return nil
	})
	return r, group.Wait()
}

// settled is append that rebases the loose drafts when next returns errLoose, and then calls next again.
func (d *drafts) settled(ctx context.Context, author string, content *store.Content, next func(History) (r, on revision.Revision, err error)) (revision.Revision, error) {
	for {
		r, err := d.append(ctx, author, content, next)
		if !errors.Is(err, errLoose) {
			return r, err
		}
		if err := d.rebase(ctx); err != nil {
			return r, err
		}
	}
}

// draft stores the revision that build makes of the newest one, which includes all waiting drafts.
func (d *drafts) draft(ctx context.Context, author string, content *store.Content, build revision.Build) (revision.Revision, error) {
	return d.settled(ctx, author, content, func(h History) (r, tip revision.Revision, err error) {
		if _, loose := h.Stack(); len(loose) > 0 {
			return r, tip, errLoose
		}
		if tip, err = d.full(ctx, h, h.Tip()); err != nil {
			return r, tip, err
		}
		r, err = build(h.Next(), tip)
		return r, tip, err
	})
}

// aloneBuild makes a revision of the live one, or of a newer one that is about to be deployed. own are the waiting drafts of the
// author, oldest first. The revision may include some of them, and then replaces them.
type aloneBuild func(number int, on revision.Revision, own []revision.Revision) (revision.Revision, error)

// alone stores the revision that build makes. It is deployed without the waiting drafts that it does not replace. If these
// cannot be rebased onto it, alone writes nothing.
func (d *drafts) alone(ctx context.Context, author string, content *store.Content, build aloneBuild) (revision.Revision, error) {
	return d.settled(ctx, author, content, func(h History) (r, base revision.Revision, err error) {
		if r, base, err = d.next(ctx, h, author, build); err != nil {
			return r, base, err
		}
		_, loose := h.Stack()
		if slices.ContainsFunc(loose, func(draft revision.Revision) bool { return slices.Contains(r.Replaces, draft.Number) }) {
			err = errLoose // they may conflict with what was deployed since
		}
		r.State = revision.Waiting // so that the next change builds on it
		return r, base, err
	})
}

// next returns the revision that build makes, and its base. The error is a *DraftedError if the change needs what only a draft
// has, and a *DraftError if the other drafts cannot be rebased onto it.
func (d *drafts) next(ctx context.Context, h History, author string, build aloneBuild) (r, base revision.Revision, err error) {
	if base, err = d.full(ctx, h, h.Base()); err != nil {
		return r, base, err
	}
	waiting, err := d.waiting(ctx, h, base)
	if err != nil {
		return r, base, err
	}
	var all, own []revision.Revision
	for _, draft := range waiting {
		all = append(all, draft.Revision)
		if draft.Author == author {
			own = append(own, draft.Revision)
		}
	}
	if r, err = build(h.Next(), base, own); err != nil {
		return r, base, drafted(err, base.Spec, author, all)
	}
	if err := revision.CheckRebase(r, author, waiting); err != nil {
		return r, base, &DraftError{Author: author, Cause: err}
	}
	return r, base, nil
}

// waiting reads the waiting drafts.
func (rd *Reader) waiting(ctx context.Context, h History, base revision.Revision) ([]revision.Rooted, error) {
	var waiting []revision.Rooted
	for _, draft := range h.Drafts() {
		rooted, err := rd.rooted(ctx, h, draft, base)
		if err != nil {
			return nil, err
		}
		waiting = append(waiting, rooted)
	}
	return waiting, nil
}

// restore stores the revision that build makes of the live one, or of a newer one that is about to be deployed. A restore must
// always work: neither drafts nor a damaged record of the base prevent it.
func (d *drafts) restore(ctx context.Context, author string, build revision.Build) (revision.Revision, error) {
	return d.append(ctx, author, nil, func(h History) (r, base revision.Revision, err error) {
		if base, err = d.full(ctx, h, h.Base()); err != nil && !errors.Is(err, store.ErrDamaged) {
			return r, base, err
		}
		r, err = build(h.Next(), base)
		r.State = revision.Waiting // so that the next change builds on it
		return r, base, err
	})
}

// rebuildFunc rebuilds a revision on the live one.
type rebuildFunc func(ctx context.Context, old revision.Revision) (revision.Revision, error)

// rebuild returns a function that replaces a revision of alone whose base did not go live, because the deploy of the base was
// abandoned.
func (d *drafts) rebuild(content *store.Content, build revision.Build) rebuildFunc {
	return func(ctx context.Context, old revision.Revision) (revision.Revision, error) {
		return d.append(ctx, old.Author, content, func(h History) (r, live revision.Revision, err error) {
			if live, err = d.full(ctx, h, h.Live); err != nil {
				return r, live, err
			}
			r, err = build(h.Next(), live)
			r.State, r.Replaces = revision.Waiting, []int{old.Number}
			return r, live, err
		})
	}
}

// replace discards the drafts that r replaces. If it is interrupted, the record of r still names them.
func (d *drafts) replace(ctx context.Context, r revision.Revision) error {
	for _, number := range r.Replaces {
		old, err := d.look(ctx, number)
		if err == nil {
			err = d.discard(ctx, old, "replaced by "+r.Name())
		}
		if err != nil && !errors.Is(err, ErrNoRevision) {
			return err
		}
	}
	return nil
}

// discard marks a draft as discarded. It ignores a draft whose state another client has changed.
func (d *drafts) discard(ctx context.Context, r revision.Revision, reason string) error {
	_, err := d.store.MarkOnce(ctx, r, revision.Discarded, func(r *revision.Revision) { r.Reason = reason })
	if errors.Is(err, store.ErrMoved) || errors.As(err, new(*revision.MoveError)) {
		return nil
	}
	return err
}

// rebase rebases the loose drafts onto the newest revision, one by one. If two clients rebase at once, each draft is rebased
// once, because only one client gets each number. A draft that cannot be rebased is discarded.
func (d *drafts) rebase(ctx context.Context) error {
	user, err := d.User(ctx)
	if err != nil {
		return err
	}
	var base revision.Revision
	for rebased := 0; ; {
		var old revision.Revision
		var last History
		made, err := d.append(ctx, user.User, nil, func(h History) (r, tip revision.Revision, err error) {
			last = h
			_, loose := h.Stack()
			if len(loose) == 0 {
				return r, tip, errAllRebased
			}
			if base, err = d.full(ctx, h, h.Base()); err != nil {
				return r, tip, err
			}
			if tip, err = d.full(ctx, h, h.Tip()); err != nil {
				return r, tip, err
			}
			draft, err := d.rooted(ctx, h, loose[0], base)
			if err != nil {
				return r, tip, err
			}
			old = draft.Revision
			r, err = revision.Rebase(h.Next(), draft, base, tip)
			return r, tip, err
		})
		var failed *revision.RebaseError
		switch {
		case err == nil:
			rebased++
			if !reflect.DeepEqual(made.Edits, old.Edits) {
				d.tell(Note{Reduced: &Reduced{Draft: old, Now: made, By: base}})
			}
		case errors.As(err, &failed):
			d.tell(Note{Discarded: &Discarded{Draft: old, Why: failed.Err}})
			if err := d.discard(ctx, old, failed.Err.Error()); err != nil {
				return err
			}
		case errors.Is(err, errAllRebased):
			d.early.Store(&last) // nothing was written after it was read
			if rebased > 0 {
				d.tell(Note{Rebased: &Rebased{Drafts: rebased, Onto: base.Number}})
			}
			return nil
		default:
			return err
		}
	}
}

// Discard discards waiting drafts, or without numbers all of the user's own. The error is a *DraftError if another draft needs
// one of them.
func (w *Workspace) Discard(ctx context.Context, numbers []int) ([]revision.Revision, error) {
	user, err := w.User(ctx)
	if err != nil {
		return nil, err
	}
	h, err := w.history(ctx)
	if err != nil {
		return nil, err
	}
	discarded, err := w.chosenDrafts(h, numbers, user.User)
	if err != nil {
		return nil, err
	}
	base, err := w.get(ctx, h.Base())
	if err != nil {
		return nil, err
	}
	var stay []revision.Revision
	for _, draft := range h.Drafts() {
		if slices.ContainsFunc(discarded, func(r revision.Revision) bool { return r.Number == draft.Number }) {
			continue
		}
		if draft, err = w.get(ctx, draft.Number); err != nil {
			return nil, err
		}
		stay = append(stay, draft)
	}
	if err := revision.CheckDiscard(base, stay); err != nil {
		return nil, &DraftError{Without: true, Cause: err}
	}
	for i, r := range discarded {
		if err := w.drafts.discard(ctx, r, "by "+user.User); err != nil {
			return nil, err
		}
		discarded[i].State, discarded[i].Reason = revision.Discarded, "by "+user.User
	}
	return discarded, w.drafts.rebase(ctx)
}

// chosenDrafts returns the waiting drafts with some numbers, or without numbers all of the user's own.
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
	if out = h.DraftsOf(user); len(out) == 0 {
		return nil, &PodError{Pod: rd.Pod, Context: rd.Context, User: user, Err: ErrNoDrafts}
	}
	return out, nil
}

// rooted reads a draft with its edits, the revision that its stack of drafts is based on, and those from there to base.
func (rd *Reader) rooted(ctx context.Context, h History, draft, base revision.Revision) (revision.Rooted, error) {
	full, err := rd.get(ctx, draft.Number)
	if err != nil {
		return revision.Rooted{}, err
	}
	root, err := rd.get(ctx, h.Root(draft))
	if errors.Is(err, store.ErrNoRevision) {
		return revision.Rooted{Revision: full}, nil
	}
	if err != nil {
		return revision.Rooted{}, err
	}
	since, err := rd.since(ctx, root.Number, base)
	return revision.Rooted{Revision: full, Root: &root, Since: since}, err
}

// since reads the revisions from root, without it, to base, oldest first. It returns none if one of them is gone.
func (rd *Reader) since(ctx context.Context, root int, base revision.Revision) ([]revision.Revision, error) {
	var since []revision.Revision
	for r := base; r.Number > root; {
		since = append(since, r)
		if r.Parent == root {
			slices.Reverse(since)
			return since, nil
		}
		var err error
		if r, err = rd.get(ctx, r.Parent); errors.Is(err, store.ErrNoRevision) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	return nil, nil
}
