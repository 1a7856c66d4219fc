package revision_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/revision"
)

// records reads one revision a word: number<parent:state, and :replaced numbers.
func records(t *testing.T, text string) []revision.Revision {
	t.Helper()
	var all []revision.Revision
	for word := range strings.FieldsSeq(text) {
		var r revision.Revision
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

// What waits, what the next change is made to and what a deploy brings follow from the records alone.
func TestHistory(t *testing.T) {
	for name, test := range map[string]struct {
		records      string
		live         int
		base, tip    int
		stack, loose []int
		includes     []int // by a deploy of the tip
	}{
		"empty":                     {},
		"drafts of a new pod":       {records: "1<0:draft 2<1:draft", tip: 2, stack: []int{1, 2}, includes: []int{1, 2}},
		"nothing waits":             {records: "1<0:draft 2<1:ready", live: 2, base: 2, tip: 2},
		"drafts on what is live":    {records: "1<0:ready 2<1:draft 3<2:draft", live: 1, base: 1, tip: 3, stack: []int{2, 3}, includes: []int{2, 3}},
		"deployed up to the middle": {records: "1<0:draft 2<1:ready 3<2:draft", live: 2, base: 2, tip: 3, stack: []int{3}, includes: []int{3}},
		"being deployed":            {records: "1<0:ready 2<1:draft 3<2:waiting 4<3:draft", live: 1, base: 3, tip: 4, stack: []int{4}, includes: []int{2, 3, 4}},
		"a change went past them":   {records: "1<0:ready 2<1:draft 3<2:draft 4<1:ready", live: 4, base: 4, tip: 4, loose: []int{2, 3}},
		"it still waits":            {records: "1<0:ready 2<1:draft 3<2:draft 4<1:waiting", live: 1, base: 4, tip: 4, loose: []int{2, 3}, includes: []int{4}},
		"half of them again":        {records: "1<0:ready 2<1:discarded 3<2:draft 4<1:ready 5<4:draft:2", live: 4, base: 4, tip: 5, stack: []int{5}, loose: []int{3}, includes: []int{5}},
		"again, and not yet marked": {records: "1<0:ready 2<1:draft 3<1:ready 4<3:draft:2", live: 3, base: 3, tip: 4, stack: []int{4}, includes: []int{4}},
		"the lowest is discarded":   {records: "1<0:ready 2<1:discarded 3<2:draft", live: 1, base: 1, tip: 1, loose: []int{3}},
		"all are discarded":         {records: "1<0:ready 2<1:discarded", live: 1, base: 1, tip: 1},
		"rolled back":               {records: "1<0:ready 2<1:draft 3<2:failed 4<3:ready", live: 4, base: 4, tip: 4},
		"gave up in the queue":      {records: "1<0:ready 2<1:draft 3<1:draft", live: 1, base: 1, tip: 2, stack: []int{2}, loose: []int{3}, includes: []int{2}},
		"without the Lease":         {records: "1<0:ready 2<1:draft 3<1:ready", base: 3, tip: 3, loose: []int{2}},
		"the live record is gone":   {records: "1<0:ready", live: 2, base: 1, tip: 1},
		"a record is damaged":       {records: "1<0:ready 2<1:damaged", live: 1, base: 1, tip: 1},
		"parents in a circle":       {records: "1<2:draft 2<1:draft", loose: []int{1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			h := revision.NewHistory(records(t, test.records), test.live)
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

// A deploy never takes away what is live, and no number is used twice.
func TestHistoryFollows(t *testing.T) {
	h := revision.NewHistory(records(t, "1<0:ready 2<1:draft 3<1:ready 4<3:draft"), 3)
	for number, want := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		if got := h.Follows(number, h.Live); got != want {
			t.Errorf("r%d follows r3: got %v, want %v", number, got, want)
		}
	}
	if got := revision.NewHistory(records(t, "1<0:ready"), 7).Next(); got != 8 {
		t.Errorf("the live record is gone: the next is r%d, want r8", got)
	}
	if r, _ := h.Find(2); h.Root(r) != 1 {
		t.Errorf("r2 was made to r%d, want r1", h.Root(r))
	}
}
