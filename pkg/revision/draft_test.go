package revision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// onWeb is the spec of an app web, with changes.
func onWeb(t *testing.T, changes ...pod.Change) pod.Spec {
	t.Helper()
	spec := pod.Spec{app("web"): &pod.App{
		Image: "web:1", Env: map[string]pod.EnvValue{"A": {Value: "0"}, "B": {Value: "0"}}, Ports: []pod.Port{{Name: "a", Port: 97}, {Name: "b", Port: 98}},
	}}
	for _, c := range changes {
		var err error
		if spec, err = pod.Apply(spec, c); err != nil {
			t.Fatal(err)
		}
	}
	return spec
}

func image(name string) pod.Change { return change(pod.Set, "web", pod.Fields{"image": name}) }

func set(name, value string) pod.Change { return change(pod.Set, "web", env(name, value)) }

// clashesOf returns the clashes in an error, and fails the test when there are none.
func clashesOf(t *testing.T, err error) revision.Clashes {
	t.Helper()
	var clashes revision.Clashes
	if !errors.As(err, &clashes) {
		t.Fatalf("got %v, want Clashes", err)
	}
	return clashes
}

// A draft of r1, rebased onto r3 after the live revision changed, has the changes of both.
func TestRebase(t *testing.T) {
	none := pod.Change{}
	for name, test := range map[string]struct {
		moved, below, draft pod.Change // what turned r1 into r3, what r4 changes on top of it, what the draft changes
		rootless            bool       // the record of r1 is gone
		want                pod.Change // what the result differs from r1 by
		text                string     // its summary
	}{
		"other fields":         {moved: image("web:2"), draft: set("A", "1"), want: changes(image("web:2"), set("A", "1")), text: "env A 0 -> 1"},
		"nothing moved":        {moved: none, draft: set("A", "1"), want: set("A", "1"), text: "env A 0 -> 1"},
		"partly the same":      {moved: image("web:2"), draft: changes(image("web:2"), set("A", "1")), want: changes(image("web:2"), set("A", "1")), text: "env A 0 -> 1"},
		"on a draft":           {moved: image("web:2"), below: set("A", "1"), draft: set("B", "1"), want: changes(image("web:2"), set("A", "1"), set("B", "1")), text: "env B 0 -> 1"},
		"a draft of the field": {moved: image("web:2"), below: set("A", "1"), draft: set("A", "2"), want: changes(image("web:2"), set("A", "2")), text: "env A 1 -> 2"},
		// Without the root, nobody can tell whether the image was changed before the draft was made or after it.
		"no root": {moved: image("web:2"), draft: image("web:3"), rootless: true, want: image("web:3"), text: "image web:2 -> web:3"},
	} {
		t.Run(name, func(t *testing.T) {
			base := revision.Revision{Number: 3, Author: "alice", Spec: onWeb(t, test.moved)}
			tip := revision.Revision{Number: 4, Author: "carol", Spec: onWeb(t, test.moved, test.below)}
			draft := revision.Rooted{
				Revision: revision.Revision{Number: 2, Author: "bob", Message: "m", State: revision.Draft, Parent: 1, Edits: test.draft, Reason: "x", Version: "y"},
				Root:     &revision.Revision{Number: 1, Spec: onWeb(t)},
			}
			if test.rootless {
				draft.Root = nil
			}
			got, err := revision.Rebase(5, draft, base, tip)
			if err != nil {
				t.Fatal(err)
			}
			want := revision.Revision{
				Number: 5, State: revision.Draft, Author: "bob", Message: "m", Change: "app web: " + test.text, Parent: 4, Replaces: []int{2},
				Edits: test.draft, Spec: onWeb(t, test.want),
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// changes is one change with the edits of several.
func changes(all ...pod.Change) pod.Change {
	var out pod.Change
	for _, c := range all {
		out.Edits = append(out.Edits, c.Edits...)
	}
	return out
}

// A rebase never overwrites what was changed since the draft was made: the error names each field, both values and both
// revisions. CheckRebase returns the same clashes for a change that is about to be deployed, with the sides swapped.
func TestRebaseClashes(t *testing.T) {
	long := strings.Repeat("x", 100)
	port := func(name string) any { return map[string]any{"name": name, "port": int(name[0])} }
	a, b, c := port("a"), port("b"), port("c")
	for name, test := range map[string]struct {
		moved, draft pod.Change
		want         string // "draft" and "base" stand for the two sides
	}{
		"both set":          {image("web:2"), image("web:3"), "app/web spec.image: draft says web:3, base says web:2"},
		"the base removes":  {set("A", ""), set("A", "2"), "app/web spec.env.A: draft says 2, base says nothing"},
		"the draft removes": {set("A", long), set("A", ""), "app/web spec.env.A: draft says nothing, base says " + long[:60] + "…"},
		"the draft deletes": {set("B", "1"), change(pod.Delete, "web", nil), "app/web spec.env.B: draft says nothing, base says 1"},
		// A Put has no value for a field that did not exist when it was made, and must not remove it.
		"the draft puts": {set("NEW", "1"), change(pod.Put, "web", pod.Fields{"image": "web:3"}), "app/web spec.env.NEW: draft says nothing, base says 1"},
		// The first port is the one that routes use.
		"the draft inserts, the base sorts": {
			change(pod.Set, "web", pod.Fields{"ports": []any{b, a}}),
			change(pod.Set, "web", pod.Fields{"ports": []any{c, a, b}}),
			"app/web spec.ports order: draft says [c, a, b], base says [b, a]",
		},
		"several, sorted": {
			change(pod.Set, "web", pod.Fields{"image": "web:2", "size": "large", "env": map[string]any{"B": "1"}}),
			change(pod.Set, "web", pod.Fields{"image": "web:3", "size": "medium", "env": map[string]any{"B": "2"}}),
			"app/web spec.env.B: draft says 2, base says 1\n" +
				"app/web spec.image: draft says web:3, base says web:2\n" +
				"app/web spec.size: draft says medium, base says large",
		},
	} {
		t.Run(name, func(t *testing.T) {
			draft := revision.Rooted{
				Revision: revision.Revision{Number: 2, Author: "bob", Edits: test.draft},
				Root:     &revision.Revision{Number: 1, Spec: onWeb(t)},
			}
			base := revision.Revision{Number: 3, Author: "alice", Spec: onWeb(t, test.moved)}
			_, err := revision.Rebase(5, draft, base, base)
			clashes := clashesOf(t, err)
			want := strings.NewReplacer("draft says", "draft r2 by bob says", "base says", "r3 by alice says").Replace(test.want)
			if diff := cmp.Diff([]string{want, want}, []string{err.Error(), clashes.Error()}); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}

			err = revision.CheckRebase(revision.Revision{Number: 3, Spec: base.Spec}, "alice", []revision.Rooted{draft})
			var swapped []string
			for line := range strings.Lines(test.want) {
				path, both, _ := strings.Cut(strings.TrimSpace(line), ": ")
				mine, theirs, _ := strings.Cut(strings.TrimPrefix(both, "draft"), ", base")
				swapped = append(swapped, path+": this change by alice"+theirs+", draft r2 by bob"+mine)
			}
			if diff := cmp.Diff(strings.Join(swapped, "\n"), clashesOf(t, err).Error()); diff != "" {
				t.Errorf("the check: -want +got\n%s", diff)
			}
		})
	}
}

// A draft that is based on the empty pod conflicts with what was created since.
func TestRebaseFirst(t *testing.T) {
	draft := revision.Rooted{
		Revision: revision.Revision{Number: 1, Author: "bob", Edits: change(pod.Put, "web", pod.Fields{"image": "web:2"})},
		Root:     &revision.Revision{},
	}
	base := revision.Revision{Number: 2, Author: "alice", Spec: web("web:1")}
	_, err := revision.Rebase(3, draft, base, base)
	want := revision.Clashes{{Path: "app/web spec.image", Mine: "web:2", Theirs: "web:1", My: "draft r1 by bob", Their: "r2 by alice"}}
	if diff := cmp.Diff(want, clashesOf(t, err)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The error names the draft and the reason when its edits cannot be applied any more, or when tip includes it already.
func TestRebaseErrors(t *testing.T) {
	api := change(pod.Create, "api", pod.Fields{"image": "api:1"})
	served := change(pod.Create, "api", pod.Fields{"image": "api:1", "ports": []any{map[string]any{"name": "http", "port": 80}}})
	for name, test := range map[string]struct {
		root, moved, draft pod.Change
		is                 error
		want               string
	}{
		"included": {moved: image("web:2"), draft: image("web:2"), is: revision.ErrUnchanged, want: "no change: r3 includes it already"},
		"deleted":  {root: api, moved: change(pod.Delete, "api", nil), draft: change(pod.Set, "api", env("A", "1")), is: pod.ErrNotFound, want: `app "api" does not exist`},
		"created":  {moved: api, draft: api, is: pod.ErrExists, want: `app "api" already exists`},
		"needed": {
			root: served, moved: change(pod.Set, "web", pod.Fields{"env": map[string]any{"API": map[string]any{"app": "api"}}}),
			draft: change(pod.Delete, "api", nil), want: "app/web env.API",
		},
	} {
		t.Run(name, func(t *testing.T) {
			draft := revision.Rooted{
				Revision: revision.Revision{Number: 2, Author: "bob", Edits: test.draft},
				Root:     &revision.Revision{Number: 1, Spec: onWeb(t, test.root)},
			}
			base := revision.Revision{Number: 3, Author: "alice", Spec: onWeb(t, test.root, test.moved)}
			r, err := revision.Rebase(5, draft, base, base)
			var failed *revision.RebaseError
			if !errors.As(err, &failed) || test.is != nil && !errors.Is(err, test.is) {
				t.Fatalf("got %v, want a RebaseError of %v", err, test.is)
			}
			if diff := cmp.Diff(revision.Revision{}, r); diff != "" {
				t.Errorf("got a revision with the error: %s", diff)
			}
			if failed.Draft.Number != 2 || !strings.HasPrefix(err.Error(), "draft r2 by bob cannot be rebased: ") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got draft r%d: %v, want %s", failed.Draft.Number, err, test.want)
			}
		})
	}
}

// A change is deployed alone only when the waiting drafts can be rebased onto it. The error names the first that cannot.
func TestCheckRebase(t *testing.T) {
	api := change(pod.Create, "api", pod.Fields{"image": "api:1"})
	onAPI := change(pod.Set, "api", env("A", "1"))
	for name, test := range map[string]struct {
		change   pod.Change
		drafts   []pod.Change // from r2 on, one on top of the other, of r1
		replaces []int
		rootless bool
		draft    int // that cannot be rebased; 0 for none
	}{
		"no drafts":               {change: image("web:2")},
		"other fields":            {change: image("web:2"), drafts: []pod.Change{set("A", "1"), set("B", "1")}},
		"the same field":          {change: image("web:2"), drafts: []pod.Change{set("A", "1"), image("web:3"), image("web:4")}, draft: 3},
		"the drafts' own field":   {change: image("web:2"), drafts: []pod.Change{set("A", "1"), set("A", "2")}},
		"one needs another":       {change: image("web:2"), drafts: []pod.Change{api, onAPI}},
		"included already":        {change: image("web:2"), drafts: []pod.Change{image("web:2"), set("A", "1")}},
		"replaces two":            {change: changes(image("web:3"), set("A", "2")), drafts: []pod.Change{image("web:2"), set("A", "1"), set("B", "1")}, replaces: []int{2, 3}},
		"needs a replaced one":    {change: image("web:2"), drafts: []pod.Change{api, onAPI}, replaces: []int{2}, draft: 3},
		"created by both":         {change: api, drafts: []pod.Change{set("A", "1"), api}, draft: 3},
		"no root to compare with": {change: image("web:2"), drafts: []pod.Change{image("web:3")}, rootless: true},
	} {
		t.Run(name, func(t *testing.T) {
			var drafts []revision.Rooted
			for i, edits := range test.drafts {
				draft := revision.Rooted{
					Revision: revision.Revision{Number: 2 + i, Author: "bob", Edits: edits},
					Root:     &revision.Revision{Number: 1, Spec: onWeb(t)},
				}
				if test.rootless {
					draft.Root = nil
				}
				drafts = append(drafts, draft)
			}
			r := revision.Revision{Number: 9, Spec: onWeb(t, test.change), Replaces: test.replaces}
			err := revision.CheckRebase(r, "alice", drafts)
			got := 0
			var failed *revision.RebaseError
			if errors.As(err, &failed) {
				got = failed.Draft.Number
			}
			if got != test.draft || (err != nil) != (test.draft != 0) {
				t.Errorf("got draft r%d: %v, want r%d", got, err, test.draft)
			}
		})
	}
}

// Drafts are discarded only when the other drafts do not need them.
func TestCheckDiscard(t *testing.T) {
	base := revision.Revision{Number: 1, Spec: onWeb(t)}
	create := revision.Revision{Number: 2, Author: "alice", Edits: change(pod.Create, "api", pod.Fields{"image": "api:1"})}
	needs := revision.Revision{Number: 3, Author: "bob", Edits: change(pod.Set, "api", env("A", "1"))}
	other := revision.Revision{Number: 4, Author: "bob", Edits: set("A", "1")}
	for name, test := range map[string]struct {
		stay []revision.Revision
		want string
	}{
		"all are discarded":      {stay: nil},
		"none is discarded":      {stay: []revision.Revision{create, needs, other}},
		"what nothing needs":     {stay: []revision.Revision{create, other}},
		"what another one needs": {stay: []revision.Revision{needs, other}, want: `draft r3 by bob cannot be rebased: app "api" does not exist`},
		"both of them":           {stay: []revision.Revision{other}},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := revision.CheckDiscard(base, test.stay); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// The drafts of one author become one revision without the drafts of others. It has all of their edits and messages.
func TestJoin(t *testing.T) {
	on := revision.Revision{Number: 3, Spec: onWeb(t, image("web:2"))}
	one := revision.Revision{Number: 4, Author: "alice", Message: "one", Edits: set("A", "1")}
	quiet := revision.Revision{Number: 6, Author: "alice", Edits: set("B", "1")}
	two := revision.Revision{Number: 7, Author: "alice", Message: "two", Edits: set("A", "2")}
	got, err := revision.Join(9, on, []revision.Revision{one, quiet, two})
	if err != nil {
		t.Fatal(err)
	}
	want := revision.Revision{
		Number: 9, State: revision.Draft, Message: "one; two", Change: "app web: env A 0 -> 2, env B 0 -> 1", Parent: 3, Replaces: []int{4, 6, 7},
		Edits: changes(one.Edits, quiet.Edits, two.Edits), Spec: onWeb(t, image("web:2"), set("A", "2"), set("B", "1")),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Without the drafts of others, the drafts of an author may change nothing, or may not be valid.
func TestJoinErrors(t *testing.T) {
	on := revision.Revision{Number: 3, Spec: onWeb(t)}
	back := revision.Revision{Number: 5, Edits: set("A", "0")} // on top of a draft of someone else that sets 1
	_, err := revision.Join(9, on, []revision.Revision{back})
	if !errors.Is(err, revision.ErrUnchanged) {
		t.Errorf("got %v, want ErrUnchanged", err)
	}
	needs := revision.Revision{Number: 5, Edits: change(pod.Set, "api", env("A", "1"))} // that a draft of someone else creates
	_, err = revision.Join(9, on, []revision.Revision{needs})
	if !errors.Is(err, pod.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	// Only the result has to be valid: the first draft needs what the second one creates.
	ref := change(pod.Set, "web", pod.Fields{"env": map[string]any{"API": map[string]any{"app": "api"}}})
	api := change(pod.Create, "api", pod.Fields{"image": "api:1", "ports": []any{map[string]any{"name": "http", "port": 80}}})
	if _, err = revision.Join(9, on, []revision.Revision{{Number: 5, Edits: ref}, {Number: 6, Edits: api}}); err != nil {
		t.Errorf("got %v", err)
	}
}
