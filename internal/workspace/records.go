package workspace

import (
	"cmp"
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
	// Newest is the number of newest revisions; 0 for the limit of the pod.
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
	removed := h.Excess(cmp.Or(h.Limit, revision.DefaultLimit))
	if p.Newest > 0 {
		removed = h.ExcessOf(h.Kept(p.Newest))
	}
	removed = slices.DeleteFunc(removed, func(number int) bool { return slices.Contains(p.Also, number) })
	pruned, err := w.store.Prune(ctx, h.History, removed, p.DryRun, p.Grace)
	doc.Revisions, doc.Content, doc.Unseen = append(doc.Revisions, pruned.Revisions...), append(doc.Content, pruned.Content...), pruned.Unseen
	return doc, err
}

// Keep marks revisions so that they are not removed when the history becomes long, or removes the mark.
func (w *Workspace) Keep(ctx context.Context, numbers []int, keep bool) ([]revision.Revision, error) {
	h, err := w.history(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]revision.Revision, len(numbers))
	for i, number := range numbers {
		r, ok := h.Find(number)
		switch {
		case !ok:
			return nil, &RevisionError{Number: number, Pod: w.Pod, Err: ErrNoRevision}
		case keep && r.State == revision.Draft: // without the records above it, it would count as a waiting draft again
			return nil, &RevisionError{Number: number, Pod: w.Pod, Err: ErrDraft}
		}
		all[i], all[i].Kept = r, keep
	}
	for _, r := range all {
		if err := w.store.Keep(ctx, r.Number, keep); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// SetLimit sets how many revisions the history keeps, besides those that the pod needs. It returns how many more it has now:
// the next change removes them.
func (w *Workspace) SetLimit(ctx context.Context, limit int) (excess int, err error) {
	h, err := w.history(ctx)
	if err != nil {
		return 0, err
	}
	return len(h.Excess(limit)), w.lease.SetLimit(ctx, limit)
}

// Verify reads a revision, or with 0 all of them, with all content that they refer to, and finds what is damaged, altered or
// missing, oldest first.
func (rd *Reader) Verify(ctx context.Context, number int) (report.Verification, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return report.Verification{}, err
	}
	all := slices.Clone(h.All)
	slices.Reverse(all)
	if number != 0 {
		r, ok := h.Find(number)
		if !ok {
			_, err := rd.Revision(ctx, number)
			return report.Verification{}, err
		}
		if r.WrittenBy == "" { // else it is compared with others
			all = []revision.Revision{r}
		}
	}
	var v report.Verification
	if v.Items, v.Unseen, err = rd.damage(ctx, all); err != nil {
		return v, err
	}
	if number != 0 {
		all = slices.DeleteFunc(all, func(r revision.Revision) bool { return r.Number != number })
		v.Items = slices.DeleteFunc(v.Items, func(d report.Damage) bool { return d.Number != number })
	}
	v.Read = len(all)
	for _, r := range all {
		if r.Seal == "" {
			v.Unsealed++
		}
	}
	if number == 0 {
		for _, n := range h.Missing() {
			v.Items = append(v.Items, report.Damage{Number: n, Message: "its record is missing, and psc did not remove it"})
		}
		slices.SortStableFunc(v.Items, func(a, b report.Damage) int { return cmp.Compare(a.Number, b.Number) })
	}
	return v, err
}

// Accept makes a record that was altered count as the one that psc wrote, as it is now.
func (w *Workspace) Accept(ctx context.Context, number int) error {
	if _, err := w.Revision(ctx, number); err != nil && !errors.Is(err, ErrAltered) {
		return err
	}
	return w.store.Accept(ctx, number)
}

// damage returns what is damaged or missing in some revisions, and the kind of content that the user may not read, or "". It
// reads shared content once.
func (rd *Reader) damage(ctx context.Context, all []revision.Revision) (found []report.Damage, unseen string, err error) {
	damaged, specs, read := make([]error, len(all)), make([]pod.Spec, len(all)), make([]revision.Revision, len(all))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, r := range all {
		group.Go(func() error {
			full, err := rd.get(reading, r.Number)
			switch {
			case errors.Is(err, ErrAltered):
				damaged[i], err = ErrAltered, nil
			case errors.Is(err, store.ErrDamaged):
				damaged[i], err = err, nil
			}
			if errors.Is(err, store.ErrNoRevision) { // another client has removed it
				err = nil
			}
			specs[i], read[i] = full.Spec, full
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, "", err
	}
	problems, unseen, err := rd.store.Verify(ctx, specs...)
	if err != nil {
		return nil, "", err
	}
	found = []report.Damage{}
	for i, r := range all {
		if damaged[i] != nil {
			found = append(found, report.Damage{Number: r.Number, Message: damaged[i].Error()})
			continue
		}
		if why := revision.Misattributed(read[i], read); why != "" {
			found = append(found, report.Damage{Number: r.Number, Message: why})
		}
		for _, p := range problems[i] {
			found = append(found, report.Damage{Number: r.Number, Path: p.Path, Message: p.Message})
		}
	}
	return found, unseen, nil
}
