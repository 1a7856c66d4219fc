package revision

import (
	"cmp"
	"errors"
	"slices"

	"github.com/pscdev/psc/pkg/pod"
)

// Along returns what build makes of base together with those of the author's own waiting drafts that the change refers to. own
// are these drafts, oldest first. The new revision replaces the drafts that it includes. The error is ErrUnchanged if the
// result has the spec of base: Replaces then names the drafts that the change undoes.
//
// A change refers to the resources that it edits, and to those that its fields name. A draft is included if it edits one that
// base does not have, or one whose content the change uses: a secret, a config or a disk.
func Along(number int, base Revision, own []Revision, build Build) (Revision, error) {
	var taken []Revision
	for {
		r, err := Including(number, base, taken, build)
		var needed []pod.Ref
		if err == nil || errors.Is(err, ErrUnchanged) {
			needed = needs(r.Edits, base.Spec)
		} else {
			needed = Missing(err)
		}
		more := slices.DeleteFunc(slices.Clone(own), func(draft Revision) bool {
			return slices.ContainsFunc(taken, draft.is) || !slices.ContainsFunc(needed, draft.Edits.Touches)
		})
		if len(more) == 0 {
			return r, err
		}
		taken = append(taken, more...)
		slices.SortFunc(taken, func(a, b Revision) int { return cmp.Compare(a.Number, b.Number) })
	}
}

func (r Revision) is(other Revision) bool { return r.Number == other.Number }

// Including returns what build makes of base together with some drafts, oldest first, which the new revision replaces. The
// error is ErrUnchanged, with the revision, if the result has the spec of base.
func Including(number int, base Revision, drafts []Revision, build Build) (Revision, error) {
	if len(drafts) == 0 {
		return build(number, base)
	}
	joined, err := Join(number, base, drafts)
	if err != nil && !errors.Is(err, ErrUnchanged) {
		return joined, err
	}
	on := base
	on.Spec = joined.Spec
	r, err := build(number, on)
	if err != nil && !errors.Is(err, ErrUnchanged) {
		return r, err
	}
	out := Next(number, base, r.Spec, pod.Change{Edits: slices.Concat(joined.Edits.Edits, r.Edits.Edits)})
	out.Replaces = joined.Replaces
	out.Message = messages(joined.Message, r.Message)
	if out.Change == "" {
		return out, ErrUnchanged
	}
	return out, nil
}

// Undoes reports whether a change that changes nothing in base changes something in some drafts on top of it.
func Undoes(base Revision, drafts []Revision, build Build) bool {
	joined, err := Join(0, base, drafts)
	if err != nil {
		return false
	}
	base.Spec = joined.Spec
	_, err = build(0, base)
	return err == nil
}

// needs returns the resources without which a change cannot be deployed as its author sees it.
func needs(c pod.Change, base pod.Spec) []pod.Ref {
	var refs []pod.Ref
	for _, e := range c.Edits {
		if base[e.Ref()] == nil {
			refs = append(refs, e.Ref())
		}
	}
	for _, ref := range c.Refs() {
		if base[ref] == nil || !ref.Kind.Waits() {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Missing returns the resources that an error of pod.Apply misses, or in which it misses something.
func Missing(err error) []pod.Ref {
	var (
		refs     []pod.Ref
		ref      *pod.RefError
		problems pod.Problems
	)
	if errors.As(err, &ref) && errors.Is(err, pod.ErrNotFound) {
		refs = append(refs, ref.Ref)
	}
	errors.As(err, &problems)
	for _, p := range problems {
		if p.Refers != (pod.Ref{}) {
			refs = append(refs, p.Refers)
		}
	}
	return refs
}
