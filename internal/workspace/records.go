package workspace

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Prune says which revisions stay: the newest, those in Also, and always those that the pod still needs.
type Prune struct {
	Newest int
	Also   []int
	// Grace is how long unused content stays: a running change may need it.
	Grace  time.Duration
	DryRun bool
}

// Prune removes old revisions, and the content that only they use.
func (w *Workspace) Prune(ctx context.Context, p Prune) (report.Pruned, error) {
	doc := report.Pruned{Revisions: []int{}, Content: []string{}}
	h, err := w.history(ctx)
	if err != nil {
		return doc, err
	}
	for _, number := range p.Also {
		if _, ok := h.Find(number); !ok {
			return doc, &RevisionError{Number: number, Pod: w.Pod, Err: ErrNoRevision}
		}
	}
	kept := append(h.Kept(p.Newest), p.Also...)
	pruned, err := w.store.Prune(ctx, p.DryRun, p.Grace, func(r revision.Revision) bool {
		return r.Number > h.Tip() || slices.Contains(kept, r.Number)
	})
	doc.Content = append(doc.Content, pruned.Content...)
	for _, r := range pruned.Revisions {
		doc.Revisions = append(doc.Revisions, r.Number)
	}
	return doc, err
}

// Verify reads a revision, or with 0 all of them, with all content that they refer to. It returns what is damaged or missing,
// and how many revisions it has read.
func (rd *Reader) Verify(ctx context.Context, number int) ([]report.Damage, int, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return nil, 0, err
	}
	all := h.All
	if number != 0 {
		r, ok := h.Find(number)
		if !ok {
			_, err := rd.Revision(ctx, number)
			return nil, 0, err
		}
		all = []revision.Revision{r}
	}
	found, err := rd.damage(ctx, all)
	return found, len(all), err
}

// damage returns what is damaged or missing in some revisions. It reads shared content once.
func (rd *Reader) damage(ctx context.Context, all []revision.Revision) ([]report.Damage, error) {
	damaged, specs := make([]error, len(all)), make([]pod.Spec, len(all))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, r := range all {
		group.Go(func() error {
			full, err := rd.store.Get(reading, r.Number)
			if errors.Is(err, store.ErrDamaged) {
				damaged[i], err = err, nil
			}
			specs[i] = full.Spec
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	problems, err := rd.store.Verify(ctx, specs...)
	if err != nil {
		return nil, err
	}
	found := []report.Damage{}
	for i, r := range all {
		if damaged[i] != nil {
			found = append(found, report.Damage{Number: r.Number, Message: damaged[i].Error()})
			continue
		}
		for _, p := range problems[i] {
			found = append(found, report.Damage{Number: r.Number, Path: p.Path, Message: p.Message})
		}
	}
	return found, nil
}
