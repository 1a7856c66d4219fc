package revision_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/revision"
)

// records reads one revision a word: number<parent:state, then :replaced numbers and @author.
func records(t *testing.T, text string) []revision.Revision {
	t.Helper()
	var all []revision.Revision
	for word := range strings.FieldsSeq(text) {
		var r revision.Revision
		word, author, _ := strings.Cut(word, "@")
		r.Author = author
		position, state, _ := strings.Cut(word, ":")
		if _, err := fmt.Sscanf(position, "%d<%d", &r.Number, &r.Parent); err != nil {
			t.Fatal(err)
		}
		state, replaced, _ := strings.Cut(state, ":")
		r.State = revision.State(state)
		for number := range strings.SplitSeq(replaced, ",") {
			var n int
			if _, err := fmt.Sscan(number, &n); err == nil {
				r.Replaces = append(r.Replaces, n)
			}
		}
		all = append(all, r)
	}
	return all
}

func numbers(all []revision.Revision) []int {
	var out []int
	for _, r := range all {
		out = append(out, r.Number)
	}
	return out
}

// The records alone say which drafts wait, what the next change is based on and what a deploy includes.
func TestHistory(t *testing.T) {
	for name, test := range map[string]struct {
		records      string
		live         int
		base, tip    int
		stack, loose []int
		includes     []int // of a deploy of the tip
	}{
		"empty":                     {},
		"drafts of a new pod":       {records: "1<0:draft 2<1:draft", tip: 2, stack: []int{1, 2}, includes: []int{1, 2}},
		"nothing waits":             {records: "1<0:draft 2<1:ready", live: 2, base: 2, tip: 2},
		"drafts on what is live":    {records: "1<0:ready 2<1:draft 3<2:draft", live: 1, base: 1, tip: 3, stack: []int{2, 3}, includes: []int{2, 3}},
		"deployed up to a draft":    {records: "1<0:draft 2<1:ready 3<2:draft", live: 2, base: 2, tip: 3, stack: []int{3}, includes: []int{3}},
		"being deployed":            {records: "1<0:ready 2<1:draft 3<2:waiting 4<3:draft", live: 1, base: 3, tip: 4, stack: []int{4}, includes: []int{2, 3, 4}},
		"being written":             {records: "1<0:ready 2<1:draft 3<2:pending 4<3:draft", live: 1, base: 3, tip: 4, stack: []int{4}, includes: []int{2, 4}},
		"an older one still waits":  {records: "1<0:waiting 2<1:ready 3<2:draft", live: 2, base: 2, tip: 3, stack: []int{3}, includes: []int{3}},
		"one was deployed alone":    {records: "1<0:ready 2<1:draft 3<2:draft 4<1:ready", live: 4, base: 4, tip: 4, loose: []int{2, 3}},
		"one waits to be alone":     {records: "1<0:ready 2<1:draft 3<2:draft 4<1:waiting", live: 1, base: 4, tip: 4, loose: []int{2, 3}, includes: []int{4}},
		"half of them rebased":      {records: "1<0:ready 2<1:discarded 3<2:draft 4<1:ready 5<4:draft:2", live: 4, base: 4, tip: 5, stack: []int{5}, loose: []int{3}, includes: []int{5}},
		"rebased, not yet marked":   {records: "1<0:ready 2<1:draft 3<1:ready 4<3:draft:2", live: 3, base: 3, tip: 4, stack: []int{4}, includes: []int{4}},
		"the lowest is discarded":   {records: "1<0:ready 2<1:discarded 3<2:draft", live: 1, base: 1, tip: 1, loose: []int{3}},
		"all are discarded":         {records: "1<0:ready 2<1:discarded", live: 1, base: 1, tip: 1},
		"rolled back":               {records: "1<0:ready 2<1:draft 3<2:failed 4<3:ready", live: 4, base: 4, tip: 4},
		"abandoned in the queue":    {records: "1<0:ready 2<1:draft 3<1:draft", live: 1, base: 1, tip: 2, stack: []int{2}, loose: []int{3}, includes: []int{2}},
		"without the Lease":         {records: "1<0:ready 2<1:draft 3<1:ready", base: 3, tip: 3, loose: []int{2}},
		"pending without the Lease": {records: "1<0:ready 2<1:pending 3<1:draft", base: 2, tip: 2, loose: []int{3}},
		"the live record is gone":   {records: "1<0:ready", live: 2, base: 1, tip: 1},
		"a record is damaged":       {records: "1<0:ready 2<1:damaged", live: 1, base: 1, tip: 1},
		"parents in a circle":       {records: "1<2:draft 2<1:draft", loose: []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			h := revision.NewHistory(records(t, test.records), test.live, 0)
			stack, loose := h.Stack()
			type answers struct {
				Base, Tip              int
				Stack, Loose, Includes []int
			}
			want := answers{test.base, test.tip, test.stack, test.loose, test.includes}
			got := answers{h.Base(), h.Tip(), numbers(stack), numbers(loose), numbers(h.Includes(h.Tip()))}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// One revision is live: the one that the Lease names, or else the newest that was written to the cluster.
func TestLive(t *testing.T) {
	for name, test := range map[string]struct {
		records    string
		live, want int
	}{
		"the Lease names it": {"1<0:ready 2<1:ready", 1, 1},
		"no Lease":           {"1<0:ready 2<1:ready 3<2:failed 4<3:draft", 0, 2},
		"no Lease, pending":  {"1<0:ready 2<1:pending 3<2:waiting", 0, 2},
		"its record is gone": {"1<0:ready", 2, 1},
		"never deployed":     {"1<0:draft 2<1:discarded", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := revision.NewHistory(records(t, test.records), test.live, 0)
			marked := 0
			for _, r := range h.All {
				if r.Live {
					marked = r.Number
				}
			}
			if h.Live != test.want || marked != test.want {
				t.Errorf("live is r%d, marked is r%d, want r%d", h.Live, marked, test.want)
			}
		})
	}
}

// A deploy never loses what is live, and no number is used twice.
func TestIncludesLive(t *testing.T) {
	all := records(t, "1<0:ready 2<1:draft 3<1:ready 4<3:draft")
	h := revision.NewHistory(all, 3, 0)
	for number, want := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		if got := h.IncludesLive(number); got != want {
			t.Errorf("r%d includes r3: got %v, want %v", number, got, want)
		}
	}
	if !revision.NewHistory(records(t, "1<0:draft"), 0, 0).IncludesLive(1) {
		t.Error("nothing is live: the first deploy is refused")
	}
	if got := revision.NewHistory(records(t, "1<0:ready"), 7, 0).Next(); got != 8 {
		t.Errorf("the record of r7 is gone: the next is r%d, want r8", got)
	}
}

// A draft is compared with what its stack is based on, through drafts and through discarded ones.
func TestRoot(t *testing.T) {
	for name, test := range map[string]struct {
		records string
		draft   int
		want    int
	}{
		"on the live one":         {"1<0:ready 2<1:draft", 2, 1},
		"above drafts":            {"1<0:ready 2<1:draft 3<2:draft 4<3:draft", 4, 1},
		"above a discarded draft": {"1<0:ready 2<1:discarded 3<2:draft", 3, 1},
		"on a waiting one":        {"1<0:ready 2<1:waiting 3<2:draft", 3, 2},
		"on a failed one":         {"1<0:ready 2<1:failed 3<2:draft", 3, 2},
		"on an empty pod":         {"1<0:draft 2<1:draft", 2, 0},
		"the record is gone":      {"3<2:draft", 3, 0},
		"parents in a circle":     {"1<2:draft 2<1:draft", 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := revision.NewHistory(records(t, test.records), 1, 0)
			draft, _ := h.Find(test.draft)
			if got := h.Root(draft); got != test.want {
				t.Errorf("got r%d, want r%d", got, test.want)
			}
		})
	}
}

// Users deploy or discard their own drafts without numbers. Drafts that have those of others below them, or between them,
// must be joined. Users are asked before they deploy the drafts of others.
func TestDraftsOf(t *testing.T) {
	for name, test := range map[string]struct {
		records string
		live    int
		own     []int // drafts of alice
		rest    []int // the other ones
		join    bool
		others  []int // that a deploy of the tip includes
	}{
		"no drafts":                  {records: "1<0:ready@alice", live: 1},
		"only of others":             {records: "1<0:ready@alice 2<1:draft@bob", live: 1, rest: []int{2}, others: []int{2}},
		"only her own":               {records: "1<0:ready@bob 2<1:draft@alice 3<2:draft@alice", live: 1, own: []int{2, 3}},
		"hers are the lowest":        {records: "1<0:ready@bob 2<1:draft@alice 3<2:draft@bob", live: 1, own: []int{2}, rest: []int{3}, others: []int{3}},
		"one of bob is below":        {records: "1<0:ready@bob 2<1:draft@bob 3<2:draft@alice", live: 1, own: []int{3}, rest: []int{2}, join: true, others: []int{2}},
		"one of bob is between":      {records: "1<0:ready@bob 2<1:draft@alice 3<2:draft@bob 4<3:draft@alice", live: 1, own: []int{2, 4}, rest: []int{3}, join: true, others: []int{3}},
		"in a new pod":               {records: "1<0:draft@alice 2<1:draft@bob", own: []int{1}, rest: []int{2}, others: []int{2}},
		"on what waits for its turn": {records: "1<0:ready@bob 2<1:waiting@bob 3<2:draft@alice", live: 1, own: []int{3}, join: true, others: []int{2}},
		// The revision that waits never ran, so a deploy of r3 would include it.
		"on her own that waits":  {records: "1<0:ready@bob 2<1:waiting@alice 3<2:draft@alice", live: 1, own: []int{3}, join: true},
		"the live one has moved": {records: "1<0:ready@bob 2<1:draft@alice 3<1:ready@bob", live: 3, own: []int{2}, join: true},
		// A deploy of r4 includes as many drafts as she has, but r3 instead of r2.
		"one of hers is loose":   {records: "1<0:ready@bob 2<0:draft@alice 3<1:draft@bob 4<3:draft@alice", live: 1, own: []int{2, 4}, rest: []int{3}, join: true, others: []int{3}},
		"one replaced, unmarked": {records: "1<0:ready@bob 2<1:draft@alice 3<1:ready@bob 4<3:draft:2@alice", live: 3, own: []int{4}},
	} {
		t.Run(name, func(t *testing.T) {
			h := revision.NewHistory(records(t, test.records), test.live, 0)
			own := h.DraftsOf("alice")
			type answers struct {
				Own, Rest []int
				Join      bool
				Others    []int
			}
			want := answers{test.own, test.rest, test.join, test.others}
			got := answers{numbers(own), numbers(h.DraftsExcept(numbers(own))), h.NeedsJoin(own), numbers(h.Others(h.Tip(), "alice"))}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A rollback without a number restores a revision before the live one that was ready.
func TestRestorable(t *testing.T) {
	h := revision.NewHistory(records(t, "1<0:ready 2<1:failed 3<1:ready 4<3:discarded 5<3:pending 6<5:draft 7<5:ready"), 5, 0)
	if diff := cmp.Diff([]int{3, 1}, numbers(h.Restorable())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := revision.NewHistory(records(t, "1<0:draft"), 0, 0).Restorable(); got != nil {
		t.Errorf("nothing is live: got %v", numbers(got))
	}
}

// Pruning keeps the newest revisions, and what a deploy, a rebase or a rollback still needs.
func TestKept(t *testing.T) {
	for name, test := range map[string]struct {
		records string
		live    int
		newest  int
		want    []int
	}{
		"empty":                    {newest: 5},
		"all are new":              {"1<0:ready 2<1:ready", 2, 5, []int{2, 1}},
		"the newest":               {"1<0:ready 2<1:ready 3<2:ready 4<3:ready 5<4:ready", 5, 3, []int{5, 4, 3}},
		"the live one":             {"1<0:ready 2<1:failed 3<2:failed", 1, 1, []int{3, 1}},
		"the last one ready":       {"1<0:ready 2<1:ready 3<2:failed 4<3:failed", 4, 1, []int{4, 2}},
		"ready, but not before it": {"1<0:ready 2<1:ready 3<1:failed", 1, 0, []int{1}},
		"what waits":               {"1<0:ready 2<1:waiting 3<2:pending 4<1:failed 5<1:failed", 1, 1, []int{5, 3, 2, 1}},
		"the drafts":               {"1<0:ready 2<1:draft 3<2:discarded 4<2:draft 5<1:failed", 1, 1, []int{5, 4, 2, 1}},
		"not drafts that ran":      {"1<0:draft 2<1:ready 3<2:ready 4<3:ready", 4, 1, []int{4, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			h := revision.NewHistory(records(t, test.records), test.live, 0)
			if diff := cmp.Diff(test.want, h.Kept(test.newest)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A restart that did not become ready is still to be done by the revisions above it, but not by those above a rollback.
func TestRestarts(t *testing.T) {
	for name, test := range map[string]struct {
		records  string
		restarts map[int]string // the app of each revision
		number   int
		want     map[string]int
	}{
		"its own":                   {records: "1<0:ready 2<1:waiting", restarts: map[int]string{2: "web"}, number: 2, want: map[string]int{"web": 2}},
		"done":                      {records: "1<0:ready 2<1:ready 3<2:draft", restarts: map[int]string{2: "web"}, number: 3},
		"killed":                    {records: "1<0:ready 2<1:pending 3<2:draft", restarts: map[int]string{2: "web"}, number: 3, want: map[string]int{"web": 2}},
		"failed, and another one":   {records: "1<0:ready 2<1:failed 3<2:failed 4<3:waiting", restarts: map[int]string{2: "web", 3: "api", 4: "web"}, number: 4, want: map[string]int{"web": 4, "api": 3}},
		"a rollback takes it back":  {records: "1<0:ready 2<1:failed 3<2:waiting:restores", restarts: map[int]string{2: "web"}, number: 3, want: map[string]int{"web": 2}},
		"above a failed rollback":   {records: "1<0:ready 2<1:failed 3<2:failed:restores 4<3:draft", restarts: map[int]string{2: "web"}, number: 4},
		"a record below is missing": {records: "3<2:draft", restarts: map[int]string{2: "web"}, number: 3},
	} {
		t.Run(name, func(t *testing.T) {
			all := records(t, strings.ReplaceAll(test.records, ":restores", ""))
			for i, word := range strings.Fields(test.records) {
				if all[i].Restores = 0; strings.HasSuffix(word, ":restores") {
					all[i].Restores = 1
				}
				if app := test.restarts[all[i].Number]; app != "" {
					all[i].Restarts = []string{app}
				}
			}
			if diff := cmp.Diff(test.want, revision.NewHistory(all, 0, 0).Restarts(test.number), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
