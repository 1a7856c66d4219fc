package revision

import (
	"cmp"
	"slices"
)

// History is what the records of a pod tell, without specs: which revision is live, and how they follow from each other.
//
// Parents make a tree. What runs, or is about to, is one path in it, up to Base. The waiting drafts are those beside
// that path: of these, the ones that follow from Base one by one are its Stack, and the newest of them, Tip, is what the
// next change is made to and the next deploy brings. Loose are the other ones: Base has moved since they were made, or a
// draft below them was discarded, and each has to be made again on the Tip. Since that follows from the records alone,
// everybody sees the same, and whoever comes next finishes what another began.
type History struct {
	// All holds the revisions, newest first.
	All []Revision
	// Live is the number of the revision that the cluster was last told to run; 0 for none.
	Live int

	newest int // number that was ever used
}

// NewHistory returns the history of records in any order.
func NewHistory(records []Revision, live int) History {
	h := History{All: slices.SortedFunc(slices.Values(records), func(a, b Revision) int { return cmp.Compare(b.Number, a.Number) }), Live: live}
	h.newest = live
	if len(h.All) > 0 {
		h.newest = max(live, h.All[0].Number)
	}
	if _, known := h.Find(live); !known { // the Lease or the record is gone: what was deployed last still says so itself
		h.Live = 0
		for _, r := range h.All {
			if r.State == Ready || r.State == Pending {
				h.Live = r.Number
				break
			}
		}
	}
	for i := range h.All {
		h.All[i].Live = h.All[i].Number == h.Live
	}
	return h
}

// Find returns the record of a number.
func (h History) Find(number int) (Revision, bool) {
	i, ok := slices.BinarySearchFunc(h.All, number, func(r Revision, n int) int { return cmp.Compare(n, r.Number) })
	if !ok {
		return Revision{}, false
	}
	return h.All[i], true
}

// Next is the number of the next revision. That of a record which was removed is not used again.
func (h History) Next() int { return h.newest + 1 }

// Path holds a revision and those that it follows from.
func (h History) Path(number int) map[int]bool {
	path := map[int]bool{}
	for number != 0 && !path[number] {
		path[number] = true
		r, _ := h.Find(number)
		number = r.Parent
	}
	return path
}

// Base is the revision that a change which is deployed alone is made to: the live one, or the newest that is about to
// be. What somebody else is deploying at the same time must not get lost.
func (h History) Base() int {
	for _, r := range h.All {
		if r.Number > h.Live && (r.State == Waiting || r.State == Pending) {
			return r.Number
		}
	}
	return h.Live
}

// Drafts are the waiting drafts, oldest first.
func (h History) Drafts() []Revision {
	gone := h.Path(h.Live)
	for _, r := range h.All {
		for _, number := range r.Replaces {
			gone[number] = true
		}
		if r.State == Waiting || r.State == Pending {
			for number := range h.Path(r.Number) {
				gone[number] = true
			}
		}
	}
	var out []Revision
	for _, r := range slices.Backward(h.All) {
		if r.State == Draft && !gone[r.Number] {
			out = append(out, r)
		}
	}
	return out
}

// Stack splits the waiting drafts into those that follow from Base one by one and the loose ones, oldest first.
func (h History) Stack() (stack, loose []Revision) {
	tip := h.Base()
	for _, r := range h.Drafts() {
		if r.Parent == tip {
			stack, tip = append(stack, r), r.Number
		} else {
			loose = append(loose, r)
		}
	}
	return stack, loose
}

// Tip is the revision that the next change is made to; 0 when there is none.
func (h History) Tip() int {
	if stack, _ := h.Stack(); len(stack) > 0 {
		return stack[len(stack)-1].Number
	}
	return h.Base()
}

// Root is the revision that a draft and the drafts below it were made to; 0 when that is not known any more.
func (h History) Root(draft Revision) int {
	for number := draft.Parent; number != 0; {
		r, _ := h.Find(number)
		if r.State != Draft && r.State != Discarded {
			return r.Number
		}
		number = r.Parent
	}
	return 0
}

// Includes are what never ran and a deploy of a revision would bring, oldest first: drafts, and what waits for its turn,
// or waited until whoever asked for it died.
func (h History) Includes(number int) []Revision {
	path, live := h.Path(number), h.Path(h.Live)
	var out []Revision
	for _, r := range slices.Backward(h.All) {
		if (r.State == Draft || r.State == Waiting) && path[r.Number] && !live[r.Number] {
			out = append(out, r)
		}
	}
	return out
}

// Follows says whether a deploy of a revision takes away nothing of what is live.
func (h History) Follows(number, live int) bool { return live == 0 || h.Path(number)[live] }
