package revision_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// A change includes those of its author's drafts that it refers to, and no others.
func TestAlong(t *testing.T) {
	create := func(kind pod.Kind, name string, fields pod.Fields) pod.Change {
		return pod.Change{Edits: []pod.Edit{{Verb: pod.Create, Kind: kind, Name: name, Fields: fields}}}
	}
	secret := func(version string) pod.Fields { return pod.Fields{"keys": map[string]any{"url": version}} }
	uses := func(name string) pod.Change {
		return change(pod.Set, "web", pod.Fields{"env": map[string]any{"URL": map[string]any{"secret": name, "key": "url"}}})
	}
	var (
		newSecret = create(pod.KindSecret, "new", secret("aaaaaaaaaa"))
		rotated   = pod.Change{Edits: []pod.Edit{{Verb: pod.Set, Kind: pod.KindSecret, Name: "db", Fields: secret("bbbbbbbbbb")}}}
		api       = create(pod.KindApp, "api", pod.Fields{"image": "api:1", "ports": []any{map[string]any{"name": "a", "port": 97}}})
		apiNeeds  = change(pod.Set, "api", pod.Fields{"env": map[string]any{"URL": map[string]any{"secret": "new", "key": "url"}}})
		other     = set("B", "1")
		toAPI     = create(pod.KindRoute, "api", pod.Fields{"rules": map[string]any{"/": map[string]any{"to": map[string]any{"api": map[string]any{}}}}})
	)
	for name, test := range map[string]struct {
		drafts []pod.Change // r2, r3, …
		change pod.Change
		want   []int
		err    error
	}{
		"none":                       {change: image("web:2")},
		"other fields of the app":    {drafts: []pod.Change{other}, change: image("web:2")},
		"a new secret":               {drafts: []pod.Change{other, newSecret}, change: uses("new"), want: []int{3}},
		"a new value":                {drafts: []pod.Change{rotated, newSecret}, change: uses("db"), want: []int{2}},
		"an app of a draft":          {drafts: []pod.Change{api, other}, change: change(pod.Set, "api", pod.Fields{"size": "large"}), want: []int{2}},
		"what the drafts refer to":   {drafts: []pod.Change{newSecret, api, apiNeeds, other}, change: toAPI, want: []int{2, 3, 4}},
		"a change of an app":         {drafts: []pod.Change{other}, change: create(pod.KindRoute, "web", pod.Fields{"rules": map[string]any{"/": map[string]any{"to": map[string]any{"web": map[string]any{}}}}})},
		"created twice":              {drafts: []pod.Change{api}, change: api, err: pod.ErrExists},
		"deleted again":              {drafts: []pod.Change{api}, change: change(pod.Delete, "api", nil), want: []int{2}, err: revision.ErrUnchanged},
		"nothing, without the draft": {drafts: []pod.Change{other}, change: set("B", "0"), err: revision.ErrUnchanged},
		"in no draft":                {drafts: []pod.Change{other}, change: change(pod.Set, "none", pod.Fields{"size": "large"}), err: pod.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			spec := onWeb(t, create(pod.KindSecret, "db", secret("cccccccccc")))
			base := revision.Revision{Number: 1, Spec: spec}
			below := base
			var own []revision.Revision
			for i, c := range test.drafts {
				after, err := pod.Apply(below.Spec, c)
				if err != nil {
					t.Fatal(err)
				}
				below = revision.Next(i+2, below, after, c)
				own = append(own, below)
			}
			got, err := revision.Along(9, base, own, func(number int, on revision.Revision) (revision.Revision, error) {
				after, err := pod.Apply(on.Spec, test.change)
				if err != nil {
					return on, err
				}
				r := revision.Next(number, on, after, test.change)
				if r.Change == "" {
					return r, revision.ErrUnchanged
				}
				return r, nil
			})
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, got.Replaces, cmpopts.EquateEmpty()); diff != "" && (err == nil || errors.Is(err, revision.ErrUnchanged)) {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A newer change of the author replaces the same fields of a draft. A change of someone else does not, nor does a rollback.
func TestRebaseYields(t *testing.T) {
	root := revision.Revision{Number: 1, Spec: onWeb(t)}
	both := changes(set("A", "1"), set("B", "1"))
	for name, test := range map[string]struct {
		since []revision.Revision
		want  string // the change of the draft after the rebase, or "" for a conflict
	}{
		"one's own":               {[]revision.Revision{{Author: "bob", Edits: set("A", "2")}}, "app web: env B 0 -> 1"},
		"emptied":                 {[]revision.Revision{{Author: "bob", Edits: change(pod.Set, "web", env("A", ""))}}, "app web: env B 0 -> 1"},
		"of someone else":         {[]revision.Revision{{Author: "carol", Edits: set("A", "2")}}, ""},
		"someone else was later":  {[]revision.Revision{{Author: "bob", Edits: set("A", "2")}, {Author: "carol", Edits: set("A", "3")}}, ""},
		"one's own was later":     {[]revision.Revision{{Author: "carol", Edits: set("A", "3")}, {Author: "bob", Edits: set("A", "2")}}, "app web: env B 0 -> 1"},
		"another field, by other": {[]revision.Revision{{Author: "carol", Edits: image("web:2")}, {Author: "bob", Edits: set("A", "2")}}, "app web: env B 0 -> 1"},
		"a rollback":              {[]revision.Revision{{Author: "bob", Edits: set("A", "2"), Restores: 1}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := root
			for i := range test.since {
				after, err := pod.Apply(base.Spec, test.since[i].Edits)
				if err != nil {
					t.Fatal(err)
				}
				test.since[i].Number, test.since[i].Spec = 3+i, after
				base = test.since[i]
			}
			draft := revision.Rooted{Revision: revision.Revision{Number: 2, Author: "bob", Edits: both}, Root: &root, Since: test.since}
			got, err := revision.Rebase(9, draft, base, base)
			if (err != nil) != (test.want == "") || got.Change != test.want {
				t.Errorf("got %q, %v, want %q", got.Change, err, test.want)
			}
		})
	}
}
