package workspace

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// Rollback creates a revision with the spec of an old one, and deploys it. The old one is number, or with 0 the last revision
// before the live one that was ready.
func (w *Workspace) Rollback(ctx context.Context, number int, o Options) (Outcome, error) {
	if _, err := w.begin(ctx, true); err != nil {
		return Outcome{}, err
	}
	h, err := w.history(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if number == 0 {
		if number, err = w.lastReady(ctx, h); err != nil {
			return Outcome{}, err
		}
	}
	if o.DryRun {
		live, err := w.full(ctx, h, h.Live)
		if err != nil {
			return Outcome{}, err
		}
		r, err := w.restorable(ctx, h, number)
		if err == nil {
			w.checkImages(ctx, live.Spec, r.Spec)
			err = w.preview(ctx, r.Spec, nil)
		}
		return Outcome{Revision: r, Base: live}, err
	}
	var out Outcome
	w.early.Store(&h)
	r, rebuild, err := w.restored(ctx, h, number, o.Message)
	if err == nil {
		out, err = w.deploy(ctx, r, rebuild, o)
	}
	if errors.Is(err, revision.ErrUnchanged) { // from the start, or since another deploy has ended
		return w.Redeploy(ctx, o) // a rollback also reverts changes by hand
	}
	return out, err
}

// restored stores the revision that restores an old one.
func (w *Workspace) restored(ctx context.Context, h History, number int, message string) (revision.Revision, rebuildFunc, error) {
	user, err := w.User(ctx)
	if err != nil {
		return revision.Revision{}, nil, err
	}
	old, err := w.restorable(ctx, h, number)
	if err != nil {
		return old, nil, err
	}
	checked := false
	build := func(number int, live revision.Revision) (revision.Revision, error) {
		r, err := revision.Restore(number, live, old)
		if err == nil && !checked {
			w.checkImages(ctx, live.Spec, old.Spec)
			checked = true
		}
		r.Message = message
		return r, err
	}
	// A rollback must not fail because of a draft of the same field: the rebase after the deploy discards such drafts.
	r, err := w.drafts.restore(ctx, user.User, build)
	return r, w.drafts.rebuild(nil, build), err
}

// restorable returns an old revision as it can be restored: its disks keep their size. The error is a *RevisionError if content of
// it is missing or was never set.
func (w *Workspace) restorable(ctx context.Context, h History, number int) (revision.Revision, error) {
	old, err := w.full(ctx, h, number)
	if err != nil {
		return old, err
	}
	if unset := old.Spec.Unset(); unset != nil {
		return old, &RevisionError{Number: number, Pod: w.Pod, Err: ErrUnset, Cause: unset}
	}
	problems, _, err := w.store.Verify(ctx, old.Spec)
	if err == nil && problems[0] != nil {
		err = problems[0]
	}
	if err != nil {
		return old, &RevisionError{Number: number, Pod: w.Pod, Err: ErrContent, Cause: err}
	}
	old.Spec, err = w.observer(render.Cluster{}).Grown(ctx, old.Spec)
	return old, err
}

// registryWait is how long a rollback waits for registries: it must not hang with them.
const registryWait = 2 * time.Second

// checkImages warns of images of the restored spec old that their registries no longer have. It does not warn where a registry does
// not answer, or denies access. Images of the live revision run already.
func (w *Workspace) checkImages(ctx context.Context, live, old pod.Spec) {
	ctx, cancel := context.WithTimeout(ctx, registryWait)
	defer cancel()
	running := images(live)
	names := slices.DeleteFunc(images(old), func(name string) bool { return slices.Contains(running, name) })
	gone := make([]bool, len(names))
	var group errgroup.Group
	for i, name := range names {
		group.Go(func() error {
			gone[i] = errors.Is(image.Exists(ctx, name, func() image.Logins { return w.Registry().readableLogins(ctx) }), image.ErrNone)
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors
	for i, name := range names {
		if gone[i] {
			w.tell(Note{Unavailable: name})
		}
	}
}

// images returns the images of a spec, each once.
func images(spec pod.Spec) (names []string) {
	for _, ref := range spec.Refs() {
		for _, i := range pod.Images(ref.Kind, pod.Tree(spec[ref]), nil) {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// lastReady returns the number of the last revision before the live one that was ready and has another spec.
func (rd *Reader) lastReady(ctx context.Context, h History) (int, error) {
	restorable := h.Restorable()
	var live revision.Revision
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		live, err = rd.full(reading, h, h.Live)
		return err
	})
	if len(restorable) > 0 { // usually it is the one
		group.Go(func() error { _, _ = rd.full(reading, h, restorable[0].Number); return nil })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	for _, r := range restorable {
		old, err := rd.full(ctx, h, r.Number)
		if err != nil {
			return 0, err
		}
		if _, err := revision.Restore(0, live, old); !errors.Is(err, revision.ErrUnchanged) {
			return r.Number, nil
		}
	}
	return 0, &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNoneBefore}
}
