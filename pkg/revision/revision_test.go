package revision_test

import (
	"encoding/json"
	"errors"
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

// A new revision is a draft whose change says in words how it differs from its parent.
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

// A rollback is a new revision, whose change turns the live spec into the old one.
func TestRestore(t *testing.T) {
	old := revision.Revision{Number: 2, Spec: pod.Spec{app("web"): &pod.App{Image: "web:1"}, app("api"): &pod.App{Image: "api:1"}, app("same"): &pod.App{Image: "x"}}}
	live := revision.Revision{Number: 4, State: revision.Ready, Spec: pod.Spec{
		app("web"):  &pod.App{Image: "web:2", Env: map[string]pod.EnvValue{"A": {Value: "1"}}},
		app("new"):  &pod.App{Image: "new:1"},
		app("same"): &pod.App{Image: "x"},
	}}
	got, err := revision.Restore(7, live, old)
	if err != nil {
		t.Fatal(err)
	}
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

// A rollback to the spec that is live makes no revision, unless that spec has to be deployed again to become ready.
func TestRestoreSame(t *testing.T) {
	for state, unchanged := range map[revision.State]bool{revision.Ready: true, revision.Failed: false, revision.Pending: false} {
		r, err := revision.Restore(7, revision.Revision{Number: 4, State: state, Spec: web("web:1")}, revision.Revision{Number: 2, Spec: web("web:1")})
		if errors.Is(err, revision.ErrUnchanged) != unchanged || (err == nil) == unchanged {
			t.Errorf("%s: got %v", state, err)
		}
		if !unchanged && (r.Change != "restores r2" || len(r.Edits.Edits) != 0) {
			t.Errorf("%s: got %+v", state, r)
		}
	}
}

// Scripts depend on these names.
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

// People write a revision as r12, and recognize it by its author and its message, or else by its change.
func TestTitle(t *testing.T) {
	r := revision.Revision{Number: 12, Author: "bob", Message: "m\nmore", Change: "c"}
	got := []string{r.Name(), r.Byline(), r.Title(), revision.Revision{Change: "c"}.Title()}
	if diff := cmp.Diff([]string{"r12", "r12 by bob", "m", "c"}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
