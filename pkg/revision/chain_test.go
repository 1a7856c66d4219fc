package revision_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/revision"
)

// chain returns the history of n revisions that were ready, without those that psc removed one set after the other.
func chain(n int, removed ...[]int) revision.History {
	var all []revision.Revision
	for i := 1; i <= n; i++ {
		h := revision.NewHistory(all, 0, 0)
		all = append(all, revision.Revision{Number: i, Parent: i - 1, State: revision.Ready, Seal: fmt.Sprintf("seal%d", i), Before: h.Newest()})
	}
	for _, numbers := range removed {
		skipped := revision.NewHistory(all, n, 0).Skipped(numbers)
		for i := range all {
			if link, ok := skipped[all[i].Number]; ok {
				all[i].Skips = &link
			}
		}
		all = slices.DeleteFunc(all, func(r revision.Revision) bool { return slices.Contains(numbers, r.Number) })
	}
	return revision.NewHistory(all, n, 0)
}

// A missing record differs from one that psc removed, and a removal by psc does not break the chain of seals.
func TestChain(t *testing.T) {
	for name, test := range map[string]struct {
		removed [][]int
		lost    []int // by hand
		want    []int
		seals   map[int]string
	}{
		"whole":                  {nil, nil, nil, map[int]string{1: "seal1", 2: "seal2", 3: "seal3", 4: "seal4", 5: "seal5"}},
		"the oldest removed":     {[][]int{{1}, {2}}, nil, nil, map[int]string{3: "seal3", 4: "seal4", 5: "seal5"}},
		"some removed":           {[][]int{{2, 4}}, nil, nil, map[int]string{1: "seal1", 3: "seal3", 5: "seal5"}},
		"removed one by one":     {[][]int{{3}, {2}, {4}}, nil, nil, map[int]string{1: "seal1", 5: "seal5"}},
		"lost":                   {nil, []int{3}, []int{3}, map[int]string{1: "seal1", 3: "seal3", 4: "seal4", 5: "seal5"}},
		"the oldest lost":        {nil, []int{1, 2}, []int{1, 2}, map[int]string{2: "seal2", 3: "seal3", 4: "seal4", 5: "seal5"}},
		"the newest lost":        {nil, []int{5, 6}, []int{5, 6}, map[int]string{1: "seal1", 2: "seal2", 3: "seal3"}},
		"lost and removed":       {[][]int{{3}}, []int{2}, []int{2}, map[int]string{2: "seal2", 4: "seal4", 5: "seal5"}},
		"lost beside a removed":  {[][]int{{3}}, []int{5}, []int{5}, map[int]string{1: "seal1", 2: "seal2", 5: "seal5"}},
		"lost with what it says": {[][]int{{3}}, []int{4}, []int{3, 4}, map[int]string{1: "seal1", 4: "seal4", 5: "seal5"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := chain(6, test.removed...)
			stay := slices.DeleteFunc(slices.Clone(before.All), func(r revision.Revision) bool { return slices.Contains(test.lost, r.Number) })
			got := revision.NewHistory(stay, 0, 6)
			missing := got.Missing()
			if diff := cmp.Diff(test.want, missing, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("missing: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(test.seals, revision.Seals(got.All)); diff != "" {
				t.Errorf("seals: -want +got\n%s", diff)
			}
		})
	}
	unsealed := revision.NewHistory(records(t, "1<0:ready 5<1:ready"), 5, 0)
	if missing, seals := unsealed.Missing(), revision.Seals(unsealed.All); len(missing)+len(seals) > 0 {
		t.Errorf("records of an older version: missing %v, seals %v", missing, seals)
	}
}

// The history loses the oldest revisions above its limit, which does not count those that the pod needs.
func TestExcess(t *testing.T) {
	for name, test := range map[string]struct {
		records string
		live    int
		kept    []int
		same    []int // revisions with the spec of the live one
		limit   int
		want    []int
	}{
		"empty":                         {limit: 1},
		"short":                         {records: "1<0:ready 2<1:ready 3<2:ready", live: 3, limit: 1},
		"long":                          {records: "1<0:ready 2<1:ready 3<2:ready 4<3:ready 5<4:ready", live: 5, limit: 1, want: []int{1, 2}},
		"only what is needed":           {records: "1<0:ready 2<1:ready 3<2:ready 4<3:ready 5<4:ready", live: 5, limit: 0, want: []int{1, 2, 3}},
		"kept":                          {records: "1<0:ready 2<1:ready 3<2:ready 4<3:ready 5<4:ready", live: 5, kept: []int{2}, limit: 1, want: []int{1}},
		"a rollback needs another spec": {records: "1<0:ready 2<1:ready 3<2:ready 4<3:ready 5<4:ready", live: 5, same: []int{4, 3, 5}, limit: 0, want: []int{1}},
		"what a draft is based on":      {records: "1<0:ready 2<1:draft 3<1:ready 4<3:ready 5<4:ready", live: 5, limit: 0, want: []int{3}},
		"a newer one that failed":       {records: "1<0:ready 2<1:ready 3<2:failed 4<2:failed", live: 2, limit: 0, want: []int{3}},
		"what waits":                    {records: "1<0:ready 2<1:waiting 3<1:ready 4<3:ready", live: 4, limit: 0, want: []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			all := records(t, test.records)
			for i, r := range all {
				all[i].Kept, all[i].Content = slices.Contains(test.kept, r.Number), fmt.Sprint(r.Number)
				if slices.Contains(test.same, r.Number) {
					all[i].Content = "same"
				}
			}
			h := revision.NewHistory(all, test.live, 0)
			if diff := cmp.Diff(test.want, h.Excess(test.limit)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A history that loses its excess one by one ends as one that loses it at once, and no record counts as lost.
func TestExcessOneByOne(t *testing.T) {
	h := chain(30)
	for {
		excess := h.Excess(4)
		if len(excess) == 0 {
			break
		}
		skipped := h.Skipped(excess[:1])
		stay := slices.DeleteFunc(slices.Clone(h.All), func(r revision.Revision) bool { return r.Number == excess[0] })
		for i := range stay {
			if link, ok := skipped[stay[i].Number]; ok {
				stay[i].Skips = &link
			}
		}
		h = revision.NewHistory(stay, 30, 30)
	}
	if diff := cmp.Diff([]int{30, 29, 28, 27, 26, 25}, numbers(h.All)); diff != "" || len(h.Missing()) > 0 {
		t.Errorf("missing %v, -want +got\n%s", h.Missing(), diff)
	}
	if got := slices.Sorted(maps.Keys(revision.Seals(h.All))); !slices.Equal(got, []int{25, 26, 27, 28, 29}) {
		t.Errorf("sealed are %v", got)
	}
}
