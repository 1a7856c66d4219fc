package revision_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

func app(name string) pod.Ref { return pod.Ref{Kind: pod.KindApp, Name: name} }

func change(verb pod.Verb, name string, fields pod.Fields) pod.Change {
	return pod.Change{Edits: []pod.Edit{{Verb: verb, Kind: pod.KindApp, Name: name, Fields: fields}}}
}

func env(name, value string) pod.Fields {
	if value == "" {
		return pod.Fields{"env": map[string]any{name: nil}}
	}
	return pod.Fields{"env": map[string]any{name: value}}
}

// web is a spec with one app.
func web(image string) pod.Spec { return pod.Spec{app("web"): &pod.App{Image: image}} }

// A revision is a draft with the next number, that says in words what differs from the one that it was made from.
func TestNext(t *testing.T) {
	edits := change(pod.Create, "web", pod.Fields{"image": "web:1"})
	got := []revision.Revision{
		revision.Next(1, revision.Revision{}, web("web:1"), edits),
		revision.Next(6, revision.Revision{Number: 2, Spec: web("web:1")}, web("web:2"), edits),
	}
	want := []revision.Revision{
		{Number: 1, State: revision.Draft, Change: "app web: created (web:1 · 1 instance)", Edits: edits, Spec: web("web:1")},
		{Number: 6, State: revision.Draft, Change: "app web: image web:1 -> web:2", Parent: 2, Edits: edits, Spec: web("web:2")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Going back is a new revision, whose change turns what is live into what was.
func TestRestore(t *testing.T) {
	old := revision.Revision{Number: 2, Spec: pod.Spec{app("web"): &pod.App{Image: "web:1"}, app("api"): &pod.App{Image: "api:1"}, app("same"): &pod.App{Image: "x"}}}
	live := revision.Revision{Number: 4, Spec: pod.Spec{app("web"): &pod.App{Image: "web:2", Env: map[string]pod.EnvValue{"A": {Value: "1"}}}, app("new"): &pod.App{Image: "new:1"}, app("same"): &pod.App{Image: "x"}}}
	got := revision.Restore(7, live, old)
	want := revision.Revision{
		Number: 7, State: revision.Draft, Change: "restores r2", Parent: 4, Restores: 2, Spec: old.Spec,
		Edits: pod.Change{Edits: []pod.Edit{
			{Verb: pod.Create, Kind: pod.KindApp, Name: "api", Fields: pod.Fields{"image": "api:1"}},
			{Verb: pod.Delete, Kind: pod.KindApp, Name: "new"},
			{Verb: pod.Set, Kind: pod.KindApp, Name: "web", Fields: pod.Fields{"image": "web:1", "env": nil}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	spec, err := pod.Apply(live.Spec, got.Edits)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(old.Spec, spec); diff != "" {
		t.Errorf("the change does not lead back: -want +got\n%s", diff)
	}
}

// rebase makes a draft of before again after the pod was changed to something else.
func rebase(t *testing.T, before pod.Spec, moved, draft pod.Change) (pod.Spec, error) {
	t.Helper()
	now, err := pod.Apply(before, moved)
	if err != nil {
		t.Fatal(err)
	}
	return revision.RebaseSpec(now, before, now, draft)
}

// What others are preparing lives on, on top of a change that went past them.
func TestRebase(t *testing.T) {
	got, err := rebase(t, web("web:1"), change(pod.Set, "web", pod.Fields{"image": "web:2"}), change(pod.Set, "web", env("A", "1")))
	if err != nil {
		t.Fatal(err)
	}
	want := pod.Spec{app("web"): &pod.App{Image: "web:2", Env: map[string]pod.EnvValue{"A": {Value: "1"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A draft that wanted the same thing is no conflict.
func TestRebaseSame(t *testing.T) {
	image := change(pod.Set, "web", pod.Fields{"image": "web:2"})
	got, err := rebase(t, web("web:1"), image, image)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(web("web:2"), got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A change never overrules another in silence: the field is named, with both values.
func TestRebaseConflict(t *testing.T) {
	before := pod.Spec{app("web"): &pod.App{Image: "web:1", Env: map[string]pod.EnvValue{"A": {Value: "0"}, "B": {Value: "0"}}}}
	long := strings.Repeat("x", 100)
	for name, test := range map[string]struct {
		moved, draft pod.Change
		want         revision.Clashes
		text         string
	}{
		"both set": {
			moved: change(pod.Set, "web", pod.Fields{"image": "web:2"}),
			draft: change(pod.Set, "web", pod.Fields{"image": "web:3"}),
			want:  revision.Clashes{{Path: "app/web spec.image", Mine: "web:3", Theirs: "web:2"}},
			text:  "app/web spec.image: r2 of bob says web:3, r3 of alice says web:2",
		},
		"theirs removes": {
			moved: change(pod.Set, "web", env("A", "")),
			draft: change(pod.Set, "web", env("A", "2")),
			want:  revision.Clashes{{Path: "app/web spec.env.A", Mine: "2"}},
			text:  "app/web spec.env.A: r2 of bob says 2, r3 of alice says nothing",
		},
		"mine removes": {
			moved: change(pod.Set, "web", env("A", long)),
			draft: change(pod.Set, "web", env("A", "")),
			want:  revision.Clashes{{Path: "app/web spec.env.A", Theirs: long}},
			text:  "app/web spec.env.A: r2 of bob says nothing, r3 of alice says " + long[:60] + "…",
		},
		"mine deletes all of it": {
			moved: change(pod.Set, "web", env("B", "1")),
			draft: change(pod.Delete, "web", nil),
			want:  revision.Clashes{{Path: "app/web spec.env.B", Theirs: "1"}},
			text:  "app/web spec.env.B: r2 of bob says nothing, r3 of alice says 1",
		},
		// A Put says nothing of a field that was not there when it was made, and must not take it away.
		"mine puts": {
			moved: change(pod.Set, "web", env("NEW", "1")),
			draft: change(pod.Put, "web", pod.Fields{"image": "web:3"}),
			want:  revision.Clashes{{Path: "app/web spec.env.NEW", Theirs: "1"}},
			text:  "app/web spec.env.NEW: r2 of bob says nothing, r3 of alice says 1",
		},
		"several, all by name": {
			moved: change(pod.Set, "web", pod.Fields{"image": "web:2", "size": "large", "env": map[string]any{"B": "1"}}),
			draft: change(pod.Set, "web", pod.Fields{"image": "web:3", "size": "medium", "env": map[string]any{"B": "2"}}),
			want: revision.Clashes{
				{Path: "app/web spec.env.B", Mine: "2", Theirs: "1"},
				{Path: "app/web spec.image", Mine: "web:3", Theirs: "web:2"},
				{Path: "app/web spec.size", Mine: "medium", Theirs: "large"},
			},
			text: "app/web spec.env.B: r2 of bob says 2, r3 of alice says 1\n" +
				"app/web spec.image: r2 of bob says web:3, r3 of alice says web:2\n" +
				"app/web spec.size: r2 of bob says medium, r3 of alice says large",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := rebase(t, before, test.moved, test.draft)
			var got revision.Clashes
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want Clashes", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for i := range got {
				got[i].My, got[i].Their = "r2 of bob", "r3 of alice"
			}
			if err.Error() != test.text {
				t.Errorf("got %q, want %q", err, test.text)
			}
		})
	}
}

// A draft of what is gone cannot be made any more.
func TestRebaseGone(t *testing.T) {
	_, err := rebase(t, pod.Spec{app("web"): &pod.App{Image: "web:1"}, app("api"): &pod.App{Image: "api:1"}},
		change(pod.Delete, "api", nil), change(pod.Set, "api", env("A", "1")))
	if !errors.Is(err, pod.ErrNotFound) {
		t.Errorf("got %v, want that it does not exist", err)
	}
}

// Scripts read these names.
func TestRevisionJSON(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	started, finished := at(5), at(6)
	for want, r := range map[string]revision.Revision{
		`{"number":1,"state":"draft"}`: {Number: 1, State: revision.Draft, Version: "9", Spec: web("x"), Edits: change(pod.Set, "web", nil)},
		`{"number":12,"state":"failed","live":true,"author":"alice","created":"2026-01-02T03:04:00Z","message":"m","change":"c","parent":11,` +
			`"restores":7,"deployedBy":"bob","started":"2026-01-02T03:05:00Z","finished":"2026-01-02T03:06:00Z","reason":"r"}`: {
			Number: 12, State: revision.Failed, Live: true, Author: "alice", Created: at(4), Message: "m", Change: "c", Parent: 11,
			Restores: 7, DeployedBy: "bob", Started: &started, Finished: &finished, Reason: "r",
		},
	} {
		got, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// People call a revision r12, and know it by the message, or else by what changed.
func TestTitle(t *testing.T) {
	r := revision.Revision{Number: 12, Message: "m", Change: "c"}
	got := []string{r.Name(), r.Title(), revision.Revision{Change: "c"}.Title()}
	if diff := cmp.Diff([]string{"r12", "m", "c"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
