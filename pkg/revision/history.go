package revision

import (
	"cmp"
	"iter"
	"slices"
)

// History is what the records of a pod say, without specs: which revision is live, and which one each is based on.
//
// Parents form a tree. One path in it, up to Base, runs or is about to run. The waiting drafts are beside that path. Those
// that follow Base one after the other are the Stack. The newest of them is the Tip: the next change is based on it, and
// the next deploy includes it. The other drafts are loose: Base has moved since they were made, or a draft below them was
// discarded, and each has to be rebased onto the Tip. All of this follows from the records alone, so that every client
// sees the same, and the next command finishes what another one began.
type History struct {
	// All holds the revisions, newest first.
	All []Revision
	// Live is the number of the revision that was last written to the cluster; 0 for none.
	Live int

	newest int // number that was ever used
}

// NewHistory returns the history of records in any order. When the record of live is missing, the newest revision that is
// ready or pending is live. used is the newest number that was ever used, or 0 if it is not known.
func NewHistory(records []Revision, live, used int) History {
	h := History{All: slices.SortedFunc(slices.Values(records), func(a, b Revision) int { return cmp.Compare(b.Number, a.Number) }), Live: live}
	h.newest = max(live, used)
	if len(h.All) > 0 {
		h.newest = max(h.newest, h.All[0].Number)
	}
	if _, known := h.Find(live); !known { // the Lease or the record is gone
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

// Next is the number of the next revision. The number of a removed revision is not used again.
func (h History) Next() int { return h.newest + 1 }

// lineage walks a revision and those that it is based on, newest first. A missing record is the zero Revision and the end.
func (h History) lineage(number int) iter.Seq2[int, Revision] {
	return func(yield func(int, Revision) bool) {
		seen := map[int]bool{}
		for number := number; number != 0 && !seen[number]; {
			seen[number] = true
			r, _ := h.Find(number)
			if !yield(number, r) {
				return
			}
			number = r.Parent
		}
	}
}

// Path holds the numbers of a revision and of those that it is based on.
func (h History) Path(number int) map[int]bool {
	path := map[int]bool{}
	for number := range h.lineage(number) {
		path[number] = true
	}
	return path
}

// Base is the revision that a change which is deployed alone is based on: the newest one above the live revision that is
// about to be deployed, or else the live one. This way such a change includes what another client is deploying.
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
	excluded := h.Path(h.Live)
	for _, r := range h.All {
		for _, number := range r.Replaces {
			excluded[number] = true
		}
		if r.State == Waiting || r.State == Pending {
			for number := range h.lineage(r.Number) {
				excluded[number] = true
			}
		}
	}
	var out []Revision
	for _, r := range slices.Backward(h.All) {
		if r.State == Draft && !excluded[r.Number] {
			out = append(out, r)
		}
	}
	return out
}

// DraftsExcept are the waiting drafts without those of some numbers, oldest first.
func (h History) DraftsExcept(numbers []int) []Revision {
	return slices.DeleteFunc(h.Drafts(), func(r Revision) bool { return slices.Contains(numbers, r.Number) })
}

// DraftsOf are the waiting drafts of an author, oldest first.
func (h History) DraftsOf(author string) []Revision {
	return slices.DeleteFunc(h.Drafts(), func(r Revision) bool { return r.Author != author })
}

// NeedsJoin reports whether drafts, oldest first, must be joined to be deployed without any others. Otherwise a deploy of the
// newest includes exactly these, and the live revision.
func (h History) NeedsJoin(drafts []Revision) bool {
	if len(drafts) == 0 {
		return false
	}
	newest := drafts[len(drafts)-1].Number
	same := slices.EqualFunc(h.Includes(newest), drafts, func(a, b Revision) bool { return a.Number == b.Number })
	return !same || !h.IncludesLive(newest)
}

// Stack splits the waiting drafts into those that follow Base one after the other and the loose ones, oldest first.
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

// Tip is the revision that the next change is based on; 0 when there is none.
func (h History) Tip() int {
	if stack, _ := h.Stack(); len(stack) > 0 {
		return stack[len(stack)-1].Number
	}
	return h.Base()
}

// Root is the revision that a draft and the drafts below it are based on; 0 for none, or when a record on the way is gone.
func (h History) Root(draft Revision) int {
	for _, r := range h.lineage(draft.Parent) {
		if r.State != Draft && r.State != Discarded {
			return r.Number
		}
	}
	return 0
}

// Includes are the revisions that a deploy of a revision would run for the first time, oldest first: drafts, and those
// that wait for their turn, or waited when their client died.
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

// Others are those of Includes that are not by author.
func (h History) Others(number int, author string) []Revision {
	return slices.DeleteFunc(h.Includes(number), func(r Revision) bool { return r.Author == author })
}

// Restarts are the apps that a deploy of a revision restarts, each with the number of the newest revision that asks for it: this
// one, or one below it that was not ready since. A rollback does not restart what the revisions below it ask for.
func (h History) Restarts(number int) map[string]int {
	apps := map[string]int{}
	for n, r := range h.lineage(number) {
		if n != number && (r.State == Ready || r.Restores != 0) {
			break
		}
		for _, app := range r.Restarts {
			apps[app] = max(apps[app], n)
		}
	}
	return apps
}

// IncludesLive reports whether a deploy of a revision loses nothing of what is live. That is so when nothing is live.
func (h History) IncludesLive(number int) bool { return h.Live == 0 || h.Path(number)[h.Live] }

// Restorable are the revisions that a rollback without a number chooses from, newest first: those before the live one that
// were ready. It takes the first for which Restore does not return ErrUnchanged.
func (h History) Restorable() []Revision {
	var out []Revision
	for _, r := range h.All {
		if r.Number < h.Live && r.State == Ready {
			out = append(out, r)
		}
	}
	return out
}

// DefaultLimit is how many revisions a history has, besides those that it needs, if its pod says nothing else.
const DefaultLimit = 200

// Kept are the numbers of the revisions that must not be pruned, newest first: the newest ones, and those that the pod needs.
func (h History) Kept(newest int) []int {
	needed := h.needed()
	var out []int
	for i, r := range h.All {
		if i < newest || needed[r.Number] {
			out = append(out, r.Number)
		}
	}
	return out
}

// Excess are the numbers of the revisions that a history with a limit may lose, oldest first. The limit does not count those
// that the pod needs.
func (h History) Excess(limit int) []int {
	needed := h.needed()
	var out []int
	for i, r := range h.All {
		if i == 0 || needed[r.Number] {
			continue
		}
		if limit--; limit < 0 {
			out = append(out, r.Number)
		}
	}
	slices.Reverse(out)
	return out
}

// ExcessOf are the numbers of all revisions but the kept ones, oldest first.
func (h History) ExcessOf(kept []int) []int {
	var out []int
	for _, r := range slices.Backward(h.All) {
		if !slices.Contains(kept, r.Number) {
			out = append(out, r.Number)
		}
	}
	return out
}

// needed has the revisions that the pod needs: the live one, those that wait or are being deployed, the waiting drafts and
// what they are based on, those that a user keeps, and the one that a rollback restores.
func (h History) needed() map[int]bool {
	needed := map[int]bool{h.Live: true}
	for _, r := range h.Drafts() {
		needed[r.Number], needed[h.Root(r)] = true, true
	}
	live, _ := h.Find(h.Live)
	for _, r := range h.Restorable() {
		needed[r.Number] = true
		if r.Content == "" || r.Content != live.Content {
			break // a rollback to it changes something
		}
	}
	for _, r := range h.All {
		if r.Kept || r.State == Waiting || r.State == Pending {
			needed[r.Number] = true
		}
	}
	return needed
}
