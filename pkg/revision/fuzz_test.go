package revision_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// dice are the choices of a fuzz test. When they run out, roll returns 0.
type dice []byte

func (d *dice) roll(sides int) int {
	if len(*d) == 0 {
		return 0
	}
	n := int((*d)[0]) % sides
	*d = (*d)[1:]
	return n
}

func pick[T any](d *dice, of ...T) T { return of[d.roll(len(of))] }

// ports are some ports in some order.
func (d *dice) ports() []any {
	names := pick(d, []string{"a"}, []string{"a", "b"}, []string{"b", "a"}, []string{"c", "a", "b"}, []string{"b", "c", "a"}, []string{"a", "b", "c"})
	var out []any
	for _, name := range names {
		out = append(out, map[string]any{"name": name, "port": int(name[0])})
	}
	return out
}

// fields are some fields of an app.
func (d *dice) fields() pod.Fields {
	switch d.roll(6) {
	case 0:
		return pod.Fields{"env": map[string]any{pick(d, "A", "B"): pick[any](d, "1", "2", nil, map[string]any{"app": "api"})}}
	case 1:
		return pod.Fields{"image": pick(d, "i:1", "i:2", "i:3")}
	case 2:
		return pod.Fields{"size": pick[any](d, "large", "medium", nil), "instances": pick[any](d, 2, 3, nil)}
	case 3:
		return pod.Fields{"ports": d.ports()}
	case 4:
		return pod.Fields{"ports": map[string]any{pick(d, "a", "b", "c", "d"): pick[any](d, map[string]any{"port": 1}, map[string]any{"port": 2}, nil)}}
	default:
		return pod.Fields{"health": pick[any](d, map[string]any{"path": "/"}, map[string]any{"path": nil, "tcp": true}, nil)}
	}
}

func (d *dice) edit() pod.Edit {
	if d.roll(5) == 4 {
		to := map[string]any{pick(d, "web", "api"): pick[any](d, map[string]any{"weight": 1}, map[string]any{"weight": 2}, nil)}
		e := pod.Edit{Verb: pick(d, pod.Set, pod.Put, pod.Delete), Kind: pod.KindRoute, Name: "r"}
		if e.Verb != pod.Delete {
			e.Fields = pod.Fields{"rules": map[string]any{pick(d, "/", "/x"): map[string]any{"to": to}}}
		}
		return e
	}
	e := pod.Edit{Verb: pick(d, pod.Set, pod.Set, pod.Set, pod.Put, pod.Create, pod.Delete), Kind: pod.KindApp, Name: pick(d, "web", "api", "new")}
	if e.Verb != pod.Delete {
		e.Fields = d.fields()
	}
	if e.Verb == pod.Put || e.Verb == pod.Create {
		e.Fields["image"] = pick(d, "i:1", "i:2")
	}
	return e
}

// change is a change and the spec with it. It leaves out edits that cannot be applied. Some changes are made by pod.Edits, as
// those of the commands apply and edit are.
func (d *dice) change(spec pod.Spec) (pod.Change, pod.Spec) {
	var c pod.Change
	after := spec
	for range 1 + d.roll(2) {
		e := d.edit()
		if next, err := pod.Apply(after, pod.Change{Edits: []pod.Edit{e}}); err == nil {
			after, c.Edits = next, append(c.Edits, e)
		}
	}
	if d.roll(3) == 2 {
		c = pod.Edits(spec, after)
	}
	return c, after
}

// history is a root, the base that it has become, and a stack of drafts on the root.
func (d *dice) history(t *testing.T) (root, base revision.Revision, drafts []revision.Revision) {
	t.Helper()
	first, err := pod.Apply(nil, pod.Change{Edits: []pod.Edit{
		{Verb: pod.Create, Kind: pod.KindApp, Name: "web", Fields: pod.Fields{"image": "i:1", "ports": d.ports(), "env": map[string]any{"A": "0"}}},
		{Verb: pod.Create, Kind: pod.KindApp, Name: "api", Fields: pod.Fields{"image": "i:1", "ports": d.ports()}},
		{Verb: pod.Create, Kind: pod.KindRoute, Name: "r", Fields: pod.Fields{"rules": map[string]any{"/": map[string]any{"to": map[string]any{"web": map[string]any{}}}}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	root = revision.Revision{Number: 1, State: revision.Ready, Author: "alice", Spec: first}
	edits, spec := d.change(first)
	base = revision.Next(2, root, spec, edits)
	base.Author, base.State = "alice", revision.Ready
	below := root
	for i := range 1 + d.roll(4) {
		edits, spec := d.change(below.Spec)
		draft := revision.Next(3+i, below, spec, edits)
		if draft.Change == "" {
			continue // the store has no such drafts
		}
		draft.Author, draft.Message = pick(d, "bob", "carol"), pick(d, "", "m")
		drafts, below = append(drafts, draft), draft
	}
	return root, base, drafts
}

// lost are the fields that a change from one spec to another set, and that have another value in a third.
func lost(from, to, now pod.Spec) []string {
	var out []string
	differ := paths(to, now)
	for _, path := range paths(from, to) {
		if slices.Contains(differ, path) {
			out = append(out, path)
		}
	}
	return out
}

func paths(from, to pod.Spec) []string {
	var out []string
	for _, e := range revision.Diff(from, to) {
		for _, f := range e.Fields {
			out = append(out, e.Ref().String()+" "+f.Path)
		}
	}
	return out
}

// seed adds inputs that are the same each time.
func seed(f *testing.F, count uint64) {
	for i := range count {
		random := rand.New(rand.NewPCG(i, 0))
		data := make([]byte, 80)
		for j := range data {
			data[j] = byte(random.UintN(256))
		}
		f.Add(data)
	}
}

// Whatever people change at the same time, each change is in the result or in an error.
func FuzzDrafts(f *testing.F) {
	seed(f, 200)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice(data)
		root, base, drafts := d.history(t)
		log := fmt.Sprintf("root %s\nbase %+v", revision.Summary(revision.Diff(nil, root.Spec)), base.Edits)
		for _, draft := range drafts {
			log += fmt.Sprintf("\nr%d %+v", draft.Number, draft.Edits)
		}
		unmoved(t, log, root, drafts)
		rebaseAll(t, log, root, base, drafts)
		yield(t, log, root, base, drafts)
		along(t, log, d.edit(), base, drafts)
		join(t, log, base, drafts)
		discard(t, log, root, drafts, d.roll(1<<len(drafts)))
		for _, draft := range drafts {
			restore(t, log, base, draft)
			merge(t, log, root.Spec, draft.Spec, base.Spec)
		}
	})
}

// unmoved: a draft that is rebased onto its own parent keeps its spec.
func unmoved(t *testing.T, log string, root revision.Revision, drafts []revision.Revision) {
	below := root
	for _, draft := range drafts {
		got, err := revision.Rebase(9, revision.Rooted{Revision: draft, Root: &root}, root, below)
		want := draft
		want.Number, want.Replaces = 9, []int{draft.Number}
		if err != nil {
			t.Fatalf("%v\n%s", err, log)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("%s: -want +got\n%s\n%s", draft.Name(), diff, log)
		}
		below = draft
	}
}

// rebaseAll: a rebase onto a new base loses no field of the draft or of the base, and CheckRebase predicts which draft fails.
func rebaseAll(t *testing.T, log string, root, base revision.Revision, drafts []revision.Revision) {
	var rooted []revision.Rooted
	for _, draft := range drafts {
		rooted = append(rooted, revision.Rooted{Revision: draft, Root: &root})
	}
	var first error
	below, tip := root, base
	for i, draft := range rooted {
		got, err := revision.Rebase(9+i, draft, base, tip)
		var failed *revision.RebaseError
		switch {
		case err == nil:
			if gone := lost(below.Spec, draft.Spec, got.Spec); len(gone) > 0 {
				t.Fatalf("%s lost %q\n%s", draft.Name(), gone, log)
			}
			if gone := lost(root.Spec, base.Spec, got.Spec); tip.Number == base.Number && len(gone) > 0 {
				t.Fatalf("%s overwrote %q\n%s", draft.Name(), gone, log)
			}
			if got.Parent != tip.Number || got.Author != draft.Author || got.Message != draft.Message || !slices.Equal(got.Replaces, []int{draft.Number}) {
				t.Fatalf("%s became %+v\n%s", draft.Name(), got, log)
			}
			tip = got
		case !errors.As(err, &failed) || failed.Draft.Number != draft.Number:
			t.Fatalf("got %v\n%s", err, log)
		case errors.Is(err, revision.ErrUnchanged):
			if gone := lost(below.Spec, draft.Spec, tip.Spec); len(gone) > 0 {
				t.Fatalf("%s is not included: %q\n%s", draft.Name(), gone, log)
			}
		case first == nil:
			first = err
		}
		below = draft.Revision
	}
	var expected, checked *revision.RebaseError
	err := revision.CheckRebase(base, "alice", rooted)
	errors.As(first, &expected)
	if errors.As(err, &checked); (expected == nil) != (err == nil) || expected != nil && checked.Draft.Number != expected.Draft.Number {
		t.Fatalf("the check says %v, the rebase %v\n%s", err, first, log)
	}
}

// yield: where the author of a draft made the base too, the newer change wins, and the draft keeps all other fields.
func yield(t *testing.T, log string, root, base revision.Revision, drafts []revision.Revision) {
	below, tip := root, base
	for i, draft := range drafts {
		draft.Author = base.Author
		got, err := revision.Rebase(9+i, revision.Rooted{Revision: draft, Root: &root, Since: []revision.Revision{base}}, base, tip)
		switch {
		case err == nil:
			for _, path := range lost(below.Spec, draft.Spec, got.Spec) {
				if !names(base.Edits, path) {
					t.Fatalf("%s lost %s\n%s", draft.Name(), path, log)
				}
			}
			if gone := lost(root.Spec, base.Spec, got.Spec); tip.Number == base.Number && len(gone) > 0 {
				t.Fatalf("%s overwrote %q\n%s", draft.Name(), gone, log)
			}
			tip = got
		case errors.As(err, new(revision.Clashes)) && tip.Number == base.Number && !removes(draft, root.Spec):
			t.Fatalf("%v\n%s", err, log)
		}
		below = draft
	}
	if err := revision.CheckRebase(base, base.Author, nil); err != nil {
		t.Fatal(err)
	}
}

// names reports whether a change names a field: "app/web spec.ports[a].port" is one of ports.
func names(c pod.Change, path string) bool {
	return slices.ContainsFunc(c.Edits, func(e pod.Edit) bool {
		field, of := strings.CutPrefix(path, e.Ref().String()+" spec.")
		_, named := e.Fields[field[:max(0, strings.IndexAny(field+".", ".[ "))]]
		return of && (named || e.Verb == pod.Delete || e.Verb == pod.Put)
	})
}

// removes reports whether a draft may remove what it does not name: a newer change inside of that is a conflict. So is one of a
// resource that is new, but Along includes the author's drafts of it.
func removes(draft revision.Revision, root pod.Spec) bool {
	return slices.ContainsFunc(draft.Edits.Edits, func(e pod.Edit) bool {
		_, list := e.Fields["ports"].([]any)
		return list || root[e.Ref()] == nil || e.Verb == pod.Delete || e.Verb == pod.Put
	})
}

// along: a change takes along drafts of its author only, has all of its own fields and all of theirs, and nothing else. It
// fails only if the author's drafts do not have what it needs.
func along(t *testing.T, log string, e pod.Edit, base revision.Revision, drafts []revision.Revision) {
	log += fmt.Sprintf("\nchange %+v", e)
	build := func(number int, on revision.Revision) (revision.Revision, error) {
		c := pod.Change{Edits: []pod.Edit{e}}
		spec, err := pod.Apply(on.Spec, c)
		if err != nil {
			return on, err
		}
		r := revision.Next(number, on, spec, c)
		if r.Change == "" {
			return r, revision.ErrUnchanged
		}
		return r, nil
	}
	for _, author := range []string{"bob", "carol"} {
		own := slices.DeleteFunc(slices.Clone(drafts), func(r revision.Revision) bool { return r.Author != author })
		got, err := revision.Along(9, base, own, build)
		_, alone := build(9, base)
		if err != nil && !errors.Is(err, revision.ErrUnchanged) {
			all, allErr := revision.Including(9, base, own, build)
			if alone == nil && base.Spec[e.Ref()] != nil || allErr == nil && len(all.Replaces) > 0 && base.Spec[e.Ref()] == nil && e.Verb == pod.Set {
				t.Fatalf("%s: %v\n%s", author, err, log)
			}
			continue
		}
		var taken []revision.Revision
		for _, number := range got.Replaces {
			i := slices.IndexFunc(own, func(r revision.Revision) bool { return r.Number == number })
			if i < 0 {
				t.Fatalf("%s takes along r%d\n%s", author, number, log)
			}
			taken = append(taken, own[i])
		}
		want, wantErr := revision.Including(9, base, taken, build)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || !errors.Is(wantErr, err) {
			t.Fatalf("%s: %v: -want +got\n%s\n%s", author, wantErr, diff, log)
		}
		if again, err := pod.Apply(base.Spec, got.Edits); err != nil || len(paths(again, got.Spec)) > 0 {
			t.Fatalf("%s: the edits do not make the spec: %v\n%s", author, err, log)
		}
		if got.Parent != base.Number || got.Number != 9 {
			t.Fatalf("%s: %+v\n%s", author, got, log)
		}
		for _, draft := range own { // what is left needs nothing that the change lacks
			if base.Spec[e.Ref()] == nil && draft.Edits.Touches(e.Ref()) && !slices.Contains(got.Replaces, draft.Number) {
				t.Fatalf("%s leaves out %s\n%s", author, draft.Name(), log)
			}
		}
	}
}

// join: the drafts of an author joined have the same spec as applied one after the other.
func join(t *testing.T, log string, base revision.Revision, drafts []revision.Revision) {
	for _, author := range []string{"bob", "carol"} {
		own := slices.DeleteFunc(slices.Clone(drafts), func(r revision.Revision) bool { return r.Author != author })
		spec, err := base.Spec, error(nil)
		for _, draft := range own {
			if spec, err = pod.Apply(spec, draft.Edits); err != nil {
				break
			}
		}
		got, joinErr := revision.Join(9, base, own)
		switch {
		case err != nil: // together they may be valid all the same
		case errors.Is(joinErr, revision.ErrUnchanged):
			if diff := paths(base.Spec, spec); len(diff) > 0 {
				t.Fatalf("%s: unchanged, but for %q\n%s", author, diff, log)
			}
		case joinErr != nil:
			t.Fatalf("%s: %v\n%s", author, joinErr, log)
		default:
			if diff := cmp.Diff(spec, got.Spec, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s: -one by one +joined\n%s\n%s", author, diff, log)
			}
			if again, err := pod.Apply(base.Spec, got.Edits); err != nil || len(paths(again, got.Spec)) > 0 {
				t.Fatalf("%s: the edits do not make the spec: %v\n%s", author, err, log)
			}
			if diff := cmp.Diff(numbers(own), got.Replaces); diff != "" {
				t.Fatalf("%s: replaces: %s\n%s", author, diff, log)
			}
		}
	}
}

// discard: when CheckDiscard allows it, each of the drafts that stay can be rebased.
func discard(t *testing.T, log string, root revision.Revision, drafts []revision.Revision, mask int) {
	var stay []revision.Revision
	for i, draft := range drafts {
		if mask&(1<<i) == 0 {
			stay = append(stay, draft)
		}
	}
	err := revision.CheckDiscard(root, stay)
	if err != nil && len(stay) == len(drafts) {
		t.Fatalf("nothing is discarded: %v\n%s", err, log)
	}
	tip := root
	for _, draft := range stay {
		got, rebaseErr := revision.Rebase(9, revision.Rooted{Revision: draft, Root: &root}, root, tip)
		switch {
		case rebaseErr == nil:
			tip = got
		case errors.Is(rebaseErr, revision.ErrUnchanged):
		case err == nil:
			t.Fatalf("%v\n%s", rebaseErr, log)
		default:
			return
		}
	}
	if err != nil {
		t.Fatalf("refused without a reason: %v\n%s", err, log)
	}
}

// restore: the edits of a rollback turn the live spec into the old one.
func restore(t *testing.T, log string, live, old revision.Revision) {
	got, err := revision.Restore(9, live, old)
	if same := len(paths(live.Spec, old.Spec)) == 0; errors.Is(err, revision.ErrUnchanged) != same || (err == nil) == same {
		t.Fatalf("got %v\n%s", err, log)
	}
	spec, applyErr := pod.Apply(live.Spec, got.Edits)
	if err == nil && (applyErr != nil || len(paths(spec, old.Spec)) > 0) {
		t.Fatalf("%v: differs in %q\n%s", applyErr, paths(spec, old.Spec), log)
	}
}

// merge: the result has both changes and no others.
func merge(t *testing.T, log string, base, mine, theirs pod.Spec) {
	change, err := revision.Merge(base, mine, theirs)
	if err != nil {
		return
	}
	got, err := pod.Apply(theirs, change)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if gone := append(lost(base, mine, got), lost(base, theirs, got)...); len(gone) > 0 {
		t.Fatalf("lost %q\n%s", gone, log)
	}
	both := append(paths(base, mine), paths(base, theirs)...)
	for _, path := range paths(base, got) {
		if !slices.Contains(both, path) {
			t.Fatalf("changed %s\n%s", path, log)
		}
	}
}

// records is a history that psc can write: parents and replaced drafts are older.
func (d *dice) records() (all []revision.Revision, live int) {
	states := []revision.State{
		revision.Draft, revision.Draft, revision.Draft, revision.Ready, revision.Ready, revision.Discarded,
		revision.Waiting, revision.Pending, revision.Failed, revision.Damaged,
	}
	for number := 1; number <= 1+d.roll(9); number++ {
		r := revision.Revision{Number: number, Parent: d.roll(number), State: pick(d, states...), Author: pick(d, "bob", "carol")}
		if number > 1 && d.roll(4) == 3 {
			r.Replaces = []int{1 + d.roll(number-1)}
		}
		if d.roll(6) != 5 { // it may be pruned
			all = append(all, r)
		}
	}
	return all, d.roll(10)
}

// Whatever the records say, each draft is in the stack or loose, pruning changes neither the base nor the drafts, and rebasing
// the loose drafts one by one ends with all of them in the stack.
func FuzzHistory(f *testing.F) {
	seed(f, 500)
	f.Fuzz(func(t *testing.T, data []byte) {
		d := dice(data)
		all, live := d.records()
		h := revision.NewHistory(all, live, 0)
		log := fmt.Sprintf("live r%d", live)
		for _, r := range h.All {
			log += fmt.Sprintf("\nr%d<%d %s of %s, replaces %v", r.Number, r.Parent, r.State, r.Author, r.Replaces)
		}
		questions(t, log, h)
		prune(t, log, h, d.roll(4))
		restack(t, log, h)
	})
}

// questions: the answers of a history are consistent with each other.
func questions(t *testing.T, log string, h revision.History) {
	stack, loose := h.Stack()
	if diff := cmp.Diff(numbers(h.Drafts()), slices.Sorted(slices.Values(append(numbers(stack), numbers(loose)...))), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the stack and the loose drafts: %s\n%s", diff, log)
	}
	path := h.Path(h.Base())
	for _, draft := range h.Drafts() {
		if root, _ := h.Find(h.Root(draft)); root.State == revision.Draft || root.State == revision.Discarded {
			t.Fatalf("the root of %s is the draft %s\n%s", draft.Name(), root.Name(), log)
		}
		if draft.State != revision.Draft || path[draft.Number] {
			t.Fatalf("%s does not wait\n%s", draft.Name(), log)
		}
	}
	if ready := h.Restorable(); len(ready) > 0 && (ready[0].State != revision.Ready || ready[0].Number >= h.Live) {
		t.Fatalf("a rollback from r%d to %s\n%s", h.Live, ready[0].Name(), log)
	}
	for _, author := range []string{"bob", "carol"} {
		own := h.DraftsOf(author)
		if len(own) == 0 || h.NeedsJoin(own) {
			continue
		}
		last := own[len(own)-1].Number
		if !h.IncludesLive(last) || len(h.Others(last, author)) > 0 || !slices.Equal(numbers(h.Includes(last)), numbers(own)) {
			t.Fatalf("the drafts of %s are not alone\n%s", author, log)
		}
	}
	if newest := slices.Max(append(numbers(h.All), 0)); h.Next() <= newest {
		t.Fatalf("the next is r%d\n%s", h.Next(), log)
	}
}

// prune: what Kept returns is enough for the next change, deploy and rollback.
func prune(t *testing.T, log string, h revision.History, newest int) {
	kept := h.Kept(newest)
	var stay []revision.Revision
	for i, r := range h.All {
		needed := i < newest || r.Live || r.State == revision.Waiting || r.State == revision.Pending
		if needed && !slices.Contains(kept, r.Number) {
			t.Fatalf("%s is not kept\n%s", r.Name(), log)
		}
		if slices.Contains(kept, r.Number) {
			stay = append(stay, r)
		}
	}
	if len(stay) != len(kept) || !slices.Equal(numbers(stay), kept) {
		t.Fatalf("kept are %v\n%s", kept, log)
	}
	if ready := h.Restorable(); len(ready) > 0 && !slices.Contains(kept, ready[0].Number) {
		t.Fatalf("%s is not kept for a rollback\n%s", ready[0].Name(), log)
	}
	pruned := revision.NewHistory(stay, h.Live, 0)
	if h.Live != pruned.Live || h.Base() != pruned.Base() || h.Tip() != pruned.Tip() || !slices.Equal(numbers(h.Drafts()), numbers(pruned.Drafts())) {
		t.Fatalf("%v kept: base r%d, tip r%d, drafts %v\n%s", kept, pruned.Base(), pruned.Tip(), numbers(pruned.Drafts()), log)
	}
}

// restack: the loose drafts are rebased one by one, with the old ones still marked as drafts.
func restack(t *testing.T, log string, h revision.History) {
	for range h.Drafts() {
		_, loose := h.Stack()
		if len(loose) == 0 {
			break
		}
		r := revision.Revision{Number: h.Next(), Parent: h.Tip(), State: revision.Draft, Replaces: []int{loose[0].Number}}
		next := revision.NewHistory(append(slices.Clone(h.All), r), h.Live, 0)
		if next.Tip() != r.Number || len(next.Drafts()) != len(h.Drafts()) {
			t.Fatalf("%s on r%d is not the tip: r%d\n%s", loose[0].Name(), r.Parent, next.Tip(), log)
		}
		h = next
	}
	if _, loose := h.Stack(); len(loose) > 0 {
		t.Fatalf("%v are still loose\n%s", numbers(loose), log)
	}
}
