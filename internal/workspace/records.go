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

// Prune says which revisions stay: the newest, some by their numbers, and in any case those that something depends on.
type Prune struct {
	Newest int
	Also   []int
	// Grace is how long unused content stays: a change may be about to refer to it.
	Grace  time.Duration
	DryRun bool
}

// Prune removes old revisions, and the content that only they had.
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

// Verify reads a revision, or with 0 all, with everything that they refer to. It returns what is damaged or missing, and
// how many revisions were read.
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
	found := make([][]report.Damage, len(all))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, r := range all {
		group.Go(func() (err error) {
			found[i], err = rd.verify(reading, r.Number)
			return err
		})
	}
	err = group.Wait()
	return append([]report.Damage{}, slices.Concat(found...)...), len(all), err
}

func (rd *Reader) verify(ctx context.Context, number int) ([]report.Damage, error) {
	r, err := rd.store.Get(ctx, number)
	if err == nil {
		err = rd.store.Verify(ctx, r.Spec)
	}
	var problems pod.Problems
	switch {
	case errors.Is(err, store.ErrDamaged): // may wrap problems of its own
		return []report.Damage{{Number: number, Message: err.Error()}}, nil
	case errors.As(err, &problems):
		out := make([]report.Damage, len(problems))
		for i, p := range problems {
			out[i] = report.Damage{Number: number, Path: p.Path, Message: p.Message}
		}
		return out, nil
	}
	return nil, err
}
