package revision_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// shop is a spec that two people change.
func shop() pod.Spec {
	return pod.Spec{
		app("web"): &pod.App{
			Image: "web:1", Env: map[string]pod.EnvValue{"A": {Value: "1"}},
			Ports: []pod.Port{{Name: "http", Port: 8080}, {Name: "admin", Port: 9090}},
		},
		app("api"):                        &pod.App{Image: "api:1", Ports: []pod.Port{{Name: "http", Port: 80}}},
		{Kind: pod.KindRoute, Name: "r"}:  &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web"}, {App: "api"}}}}},
		{Kind: pod.KindSecret, Name: "s"}: &pod.Secret{Keys: map[string]string{"url": "aaaaaaaaaa"}},
	}
}

// Two people read the same pod and change it. A field that only one of them changed is merged. A field that both changed is a
// clash and never lost.
func TestMerge(t *testing.T) {
	weight := 3
	web := func(s pod.Spec) *pod.App { return s.App("web") }
	for name, test := range map[string]struct {
		mine, theirs, want func(pod.Spec)
		clashes            revision.Clashes
	}{
		"different fields": {
			mine:   func(s pod.Spec) { web(s).Image = "web:2" },
			theirs: func(s pod.Spec) { web(s).Size = "large" },
			want:   func(s pod.Spec) { web(s).Image, web(s).Size = "web:2", "large" },
		},
		"different variables and ports": {
			mine: func(s pod.Spec) {
				web(s).Env["B"], web(s).Ports = pod.EnvValue{Value: "2"}, append(web(s).Ports, pod.Port{Name: "b", Port: 2})
			},
			theirs: func(s pod.Spec) {
				web(s).Env["C"], web(s).Ports = pod.EnvValue{Value: "3"}, append(web(s).Ports, pod.Port{Name: "c", Port: 3})
			},
			want: func(s pod.Spec) {
				web(s).Env["B"], web(s).Env["C"] = pod.EnvValue{Value: "2"}, pod.EnvValue{Value: "3"}
				web(s).Ports = append(web(s).Ports, pod.Port{Name: "c", Port: 3}, pod.Port{Name: "b", Port: 2})
			},
		},
		"different resources": {
			mine:   func(s pod.Spec) { s[app("new")] = &pod.App{Image: "new"} },
			theirs: func(s pod.Spec) { delete(s, pod.Ref{Kind: pod.KindRoute, Name: "r"}) },
			want: func(s pod.Spec) {
				delete(s, pod.Ref{Kind: pod.KindRoute, Name: "r"})
				s[app("new")] = &pod.App{Image: "new"}
			},
		},
		"the same": {
			mine:   func(s pod.Spec) { web(s).Image, s[app("new")] = "web:2", &pod.App{Image: "new"} },
			theirs: func(s pod.Spec) { web(s).Image, s[app("new")] = "web:2", &pod.App{Image: "new"} },
			want:   func(s pod.Spec) { web(s).Image, s[app("new")] = "web:2", &pod.App{Image: "new"} },
		},
		"created twice, with other fields": {
			mine:   func(s pod.Spec) { s[app("new")] = &pod.App{Image: "new", Size: "large"} },
			theirs: func(s pod.Spec) { s[app("new")] = &pod.App{Image: "new", CPU: "2"} },
			want:   func(s pod.Spec) { s[app("new")] = &pod.App{Image: "new", Size: "large", CPU: "2"} },
		},
		"deleted twice": {
			mine:   func(s pod.Spec) { delete(s, pod.Ref{Kind: pod.KindRoute, Name: "r"}) },
			theirs: func(s pod.Spec) { delete(s, pod.Ref{Kind: pod.KindRoute, Name: "r"}) },
			want:   func(s pod.Spec) { delete(s, pod.Ref{Kind: pod.KindRoute, Name: "r"}) },
		},
		"the same field": {
			mine:    func(s pod.Spec) { web(s).Image, web(s).Size = "web:2", "large" },
			theirs:  func(s pod.Spec) { web(s).Image = "web:3" },
			clashes: revision.Clashes{{Path: "app/web spec.image", Mine: "web:2", Theirs: "web:3"}},
		},
		"set and removed": {
			mine:    func(s pod.Spec) { web(s).Env["A"] = pod.EnvValue{Value: "2"} },
			theirs:  func(s pod.Spec) { web(s).Env = nil },
			clashes: revision.Clashes{{Path: "app/web spec.env.A", Mine: "2"}},
		},
		"changed and deleted": {
			mine: func(s pod.Spec) {
				s[pod.Ref{Kind: pod.KindSecret, Name: "s"}] = &pod.Secret{Keys: map[string]string{"url": "bbbbbbbbbb"}}
			},
			theirs: func(s pod.Spec) {
				delete(s, pod.Ref{Kind: pod.KindSecret, Name: "s"})
			},
			clashes: revision.Clashes{{Path: "secret/s spec.keys.url", Mine: "a secret value"}},
		},
		"added to what is deleted": {
			mine: func(s pod.Spec) {
				s[pod.Ref{Kind: pod.KindSecret, Name: "s"}] = &pod.Secret{Keys: map[string]string{"url": "aaaaaaaaaa", "more": "bbbbbbbbbb"}}
			},
			theirs:  func(s pod.Spec) { delete(s, pod.Ref{Kind: pod.KindSecret, Name: "s"}) },
			clashes: revision.Clashes{{Path: "secret/s spec.keys.more", Mine: "a secret value"}},
		},
		"deleted, and added to": {
			mine: func(s pod.Spec) { delete(s, pod.Ref{Kind: pod.KindSecret, Name: "s"}) },
			theirs: func(s pod.Spec) {
				s[pod.Ref{Kind: pod.KindSecret, Name: "s"}] = &pod.Secret{Keys: map[string]string{"url": "aaaaaaaaaa", "more": "bbbbbbbbbb"}}
			},
			clashes: revision.Clashes{{Path: "secret/s spec.keys.more", Theirs: "a secret value"}},
		},
		"changed inside of a removed item": {
			mine:    func(s pod.Spec) { s.Route("r").Rules[0].To[0].Weight = &weight },
			theirs:  func(s pod.Spec) { s.Route("r").Rules[0].To = s.Route("r").Rules[0].To[1:] },
			clashes: revision.Clashes{{Path: "route/r spec.rules[/].to[web].app", Mine: "web"}},
		},
		"sorted and added to": {
			mine:    func(s pod.Spec) { web(s).Ports = []pod.Port{web(s).Ports[1], web(s).Ports[0]} },
			theirs:  func(s pod.Spec) { web(s).Ports = append(web(s).Ports, pod.Port{Name: "c", Port: 3}) },
			clashes: revision.Clashes{{Path: "app/web spec.ports[c].name", Theirs: "c"}, {Path: "app/web spec.ports[c].port", Theirs: "3"}},
		},
		"added in front and sorted": {
			mine:    func(s pod.Spec) { web(s).Ports = append([]pod.Port{{Name: "c", Port: 3}}, web(s).Ports...) },
			theirs:  func(s pod.Spec) { web(s).Ports = []pod.Port{web(s).Ports[1], web(s).Ports[0]} },
			clashes: revision.Clashes{{Path: "app/web spec.ports order", Mine: "[c, http, admin]", Theirs: "[admin, http]"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			mine, theirs := shop(), shop()
			test.mine(mine)
			test.theirs(theirs)
			change, err := revision.Merge(shop(), mine, theirs)
			if test.clashes != nil {
				if diff := cmp.Diff(error(test.clashes), err); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := pod.Apply(theirs, change)
			if err != nil {
				t.Fatal(err)
			}
			want := shop()
			test.want(want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A clash is with the newest revision that changed the field, not with a later one that changed other fields.
func TestBlame(t *testing.T) {
	chain := []revision.Revision{
		{Number: 6, Author: "carol", Spec: pod.Spec{app("web"): &pod.App{Image: "web:3", Size: "large"}}},
		{Number: 5, Author: "bob", Spec: pod.Spec{app("web"): &pod.App{Image: "web:3"}}},
		{Number: 3, Author: "dave", Spec: pod.Spec{app("web"): &pod.App{Image: "web:2"}}},
		{Number: 2, Author: "alice", Spec: web("web:1")},
	}
	clashes := revision.Clashes{{Path: "app/web spec.image", My: "carol", Mine: "web:4", Theirs: "web:3"}}.Blame(chain)
	if got, want := clashes.Error(), "app/web spec.image: carol says web:4, r5 by bob says web:3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
