package pod_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/pod"
)

func number(n int) *int { return &n }

func ref(kind pod.Kind, name string) pod.Ref { return pod.Ref{Kind: kind, Name: name} }

// kindList is the list of kinds in messages.
func kindList() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(pod.Kinds()), " ", ", "), "[]")
}

func set(kind pod.Kind, name string, fields pod.Fields) pod.Edit {
	return pod.Edit{Verb: pod.Set, Kind: kind, Name: name, Fields: fields}
}

// shop is a spec with apps, references between them, and a route.
func shop() pod.Spec {
	return pod.Spec{
		ref(pod.KindApp, "web"): &pod.App{
			Image: "web:1",
			Args:  []string{"-a", "-b"},
			Ports: []pod.Port{{Name: "http", Port: 8080}, {Name: "admin", Port: 9090}},
			Env:   map[string]pod.EnvValue{"LEVEL": {Value: "info"}, "API": {App: "api"}},
		},
		ref(pod.KindApp, "api"): &pod.App{Image: "api:1", Ports: []pod.Port{{Name: "http", Port: 80}}},
		ref(pod.KindRoute, "shop"): &pod.Route{
			Hosts: []string{"shop.example.com"},
			Rules: []pod.Rule{
				{Path: "/", To: []pod.Target{{App: "web", Weight: number(90)}, {App: "api", Weight: number(10)}}},
				{Path: "/api", To: []pod.Target{{App: "api"}}},
			},
		},
	}
}

// stored encodes a change as JSON and decodes it again: a change is stored in this form until it is rebased.
func stored(t *testing.T, c pod.Change) pod.Change {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var out pod.Change
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// An edit changes only the fields that it names: null removes a field, an object patches a list by its key, anything else
// replaces the value. The spec that the change is applied to is not modified.
func TestApply(t *testing.T) {
	for name, test := range map[string]struct {
		edits []pod.Edit
		want  func(pod.Spec)
	}{
		"nothing": {want: func(pod.Spec) {}},
		"create": {
			edits: []pod.Edit{{Verb: pod.Create, Kind: pod.KindApp, Name: "db", Fields: pod.Fields{
				"image": "db:1", "size": nil, "ports": map[string]any{"pg": map[string]any{"port": 5432}, "x": nil},
				"env": map[string]any{"A": "1", "B": nil},
			}}},
			want: func(s pod.Spec) {
				s[ref(pod.KindApp, "db")] = &pod.App{
					Image: "db:1",
					Ports: []pod.Port{{Name: "pg", Port: 5432}},
					Env:   map[string]pod.EnvValue{"A": {Value: "1"}},
				}
			},
		},
		"set changes the named fields": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"image": "web:2", "instances": 3})},
			want:  func(s pod.Spec) { s.App("web").Image, s.App("web").Instances = "web:2", number(3) },
		},
		"set without fields changes nothing": {
			edits: []pod.Edit{set(pod.KindApp, "web", nil)},
			want:  func(pod.Spec) {},
		},
		"a restart changes nothing": {
			edits: []pod.Edit{{Verb: pod.Restart, Kind: pod.KindApp, Name: "web"}},
			want:  func(pod.Spec) {},
		},
		"null removes a field, also one that does not exist": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"args": nil, "health": nil, "env": map[string]any{"LEVEL": nil, "NONE": nil}})},
			want: func(s pod.Spec) {
				s.App("web").Args = nil
				s.App("web").Env = map[string]pod.EnvValue{"API": {App: "api"}}
			},
		},
		"a list without a key is replaced": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"args": []string{"-c"}})},
			want:  func(s pod.Spec) { s.App("web").Args = []string{"-c"} },
		},
		"a string replaces a reference, and vice versa": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"env": map[string]any{"API": "http://x", "LEVEL": map[string]any{"app": "api"}}})},
			want: func(s pod.Spec) {
				s.App("web").Env = map[string]pod.EnvValue{"API": {Value: "http://x"}, "LEVEL": {App: "api"}}
			},
		},
		// A variable can have the name of a field of psc.
		"variables named like lists": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"env": map[string]any{
				"ports": map[string]any{"app": "api"}, "to": map[string]any{"app": "api"}, "rules": "x",
			}})},
			want: func(s pod.Spec) {
				env := s.App("web").Env
				env["ports"], env["to"], env["rules"] = pod.EnvValue{App: "api"}, pod.EnvValue{App: "api"}, pod.EnvValue{Value: "x"}
			},
		},
		"numbers and booleans become strings where the field is a string": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"cpu": 2, "env": map[string]any{"PORT": 8080, "DEBUG": true}})},
			want: func(s pod.Spec) {
				s.App("web").CPU = "2"
				s.App("web").Env["PORT"], s.App("web").Env["DEBUG"] = pod.EnvValue{Value: "8080"}, pod.EnvValue{Value: "true"}
			},
		},
		// The first port matters most: a patch keeps the order, and adds new ports at the end, sorted by name.
		"ports by name": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"ports": map[string]any{
				"http": map[string]any{"port": 8081}, "zeta": map[string]any{"port": 1}, "beta": map[string]any{"port": 2},
			}})},
			want: func(s pod.Spec) {
				s.App("web").Ports = []pod.Port{{Name: "http", Port: 8081}, {Name: "admin", Port: 9090}, {Name: "beta", Port: 2}, {Name: "zeta", Port: 1}}
			},
		},
		"a port is removed": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"ports": map[string]any{"http": nil, "none": nil}})},
			want:  func(s pod.Spec) { s.App("web").Ports = []pod.Port{{Name: "admin", Port: 9090}} },
		},
		"ports as a list": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"ports": []pod.Port{{Name: "web", Port: 1}}})},
			want:  func(s pod.Spec) { s.App("web").Ports = []pod.Port{{Name: "web", Port: 1}} },
		},
		"targets of a rule by app": {
			edits: []pod.Edit{set(pod.KindRoute, "shop", pod.Fields{"rules": map[string]any{
				"/": map[string]any{"to": map[string]any{"web": map[string]any{"weight": nil}, "api": nil}},
			}})},
			want: func(s pod.Spec) { s.Route("shop").Rules[0].To = []pod.Target{{App: "web"}} },
		},
		"rules by path": {
			edits: []pod.Edit{set(pod.KindRoute, "shop", pod.Fields{"rules": map[string]any{
				"/":    map[string]any{"to": []any{map[string]any{"app": "web"}}},
				"/api": nil,
				"/v2":  map[string]any{"to": map[string]any{"api": map[string]any{}}},
			}})},
			want: func(s pod.Spec) {
				s.Route("shop").Rules = []pod.Rule{{Path: "/", To: []pod.Target{{App: "web"}}}, {Path: "/v2", To: []pod.Target{{App: "api"}}}}
			},
		},
		"put replaces all fields": {
			edits: []pod.Edit{{Verb: pod.Put, Kind: pod.KindApp, Name: "api", Fields: pod.Fields{"image": "api:2", "ports": map[string]any{"web": map[string]any{"port": 1}}}}},
			want: func(s pod.Spec) {
				s[ref(pod.KindApp, "api")] = &pod.App{Image: "api:2", Ports: []pod.Port{{Name: "web", Port: 1}}}
			},
		},
		"put creates": {
			edits: []pod.Edit{{Verb: pod.Put, Kind: pod.KindApp, Name: "db", Fields: pod.Fields{"image": "db:1"}}},
			want:  func(s pod.Spec) { s[ref(pod.KindApp, "db")] = &pod.App{Image: "db:1"} },
		},
		"delete": {
			edits: []pod.Edit{{Verb: pod.Delete, Kind: pod.KindRoute, Name: "shop"}},
			want:  func(s pod.Spec) { delete(s, ref(pod.KindRoute, "shop")) },
		},
		// An edit may refer to a resource of a later edit of the same change: only the result has to be valid.
		"one after the other": {
			edits: []pod.Edit{
				set(pod.KindApp, "web", pod.Fields{"env": map[string]any{"DB": map[string]any{"app": "db"}}}),
				{Verb: pod.Create, Kind: pod.KindApp, Name: "db", Fields: pod.Fields{"image": "db:1", "ports": map[string]any{"pg": map[string]any{"port": 1}}}},
				set(pod.KindApp, "db", pod.Fields{"image": "db:2"}),
			},
			want: func(s pod.Spec) {
				s.App("web").Env["DB"] = pod.EnvValue{App: "db"}
				s[ref(pod.KindApp, "db")] = &pod.App{Image: "db:2", Ports: []pod.Port{{Name: "pg", Port: 1}}}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			before, want := shop(), shop()
			test.want(want)
			got, err := pod.Apply(before, stored(t, pod.Change{Edits: test.edits}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(shop(), before); diff != "" {
				t.Errorf("the spec was modified: -before +after\n%s", diff)
			}
		})
	}
}

// A change can be applied to a nil spec.
func TestApplyToNothing(t *testing.T) {
	got, err := pod.Apply(nil, pod.Change{Edits: []pod.Edit{{Verb: pod.Create, Kind: pod.KindApp, Name: "web", Fields: pod.Fields{"image": "web:1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pod.Spec{ref(pod.KindApp, "web"): &pod.App{Image: "web:1"}}, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The error of an edit whose resource does not exist, or exists already, names the resource and the one that was probably
// meant. It wraps a sentinel for callers.
func TestApplyRefError(t *testing.T) {
	create := pod.Edit{Verb: pod.Create, Kind: pod.KindApp, Name: "checkout", Fields: pod.Fields{"image": "x"}}
	for name, test := range map[string]struct {
		edits    []pod.Edit
		want     *pod.RefError
		text     string
		sentinel error
	}{
		"create an existing app": {
			edits:    []pod.Edit{{Verb: pod.Create, Kind: pod.KindApp, Name: "web"}},
			want:     &pod.RefError{Ref: ref(pod.KindApp, "web")},
			text:     `app "web" already exists`,
			sentinel: pod.ErrExists,
		},
		"set a missing app": {
			edits:    []pod.Edit{set(pod.KindApp, "wbe", pod.Fields{"image": "x"})},
			want:     &pod.RefError{Ref: ref(pod.KindApp, "wbe"), Nearest: "web"},
			text:     `app "wbe" does not exist, did you mean "web"?`,
			sentinel: pod.ErrNotFound,
		},
		"restart a missing app": {
			edits:    []pod.Edit{{Verb: pod.Restart, Kind: pod.KindApp, Name: "wbe"}},
			want:     &pod.RefError{Ref: ref(pod.KindApp, "wbe"), Nearest: "web"},
			text:     `app "wbe" does not exist, did you mean "web"?`,
			sentinel: pod.ErrNotFound,
		},
		"delete a missing route, no name is near": {
			edits:    []pod.Edit{{Verb: pod.Delete, Kind: pod.KindRoute, Name: "web"}},
			want:     &pod.RefError{Ref: ref(pod.KindRoute, "web")},
			text:     `route "web" does not exist`,
			sentinel: pod.ErrNotFound,
		},
		"the nearest name is of the same change": {
			edits:    []pod.Edit{create, set(pod.KindApp, "checkuot", nil)},
			want:     &pod.RefError{Ref: ref(pod.KindApp, "checkuot"), Nearest: "checkout"},
			text:     `app "checkuot" does not exist, did you mean "checkout"?`,
			sentinel: pod.ErrNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pod.Apply(shop(), pod.Change{Edits: test.edits})
			var got *pod.RefError
			if !errors.As(err, &got) || !errors.Is(err, test.sentinel) {
				t.Fatalf("got %v, want a RefError of %v", err, test.sentinel)
			}
			test.want.Err = test.sentinel
			if diff := cmp.Diff(*test.want, *got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if err.Error() != test.text {
				t.Errorf("got %q, want %q", err, test.text)
			}
		})
	}
}

// The problems of an edit, and of the spec that it would make, are reported with their paths.
func TestApplyProblems(t *testing.T) {
	for name, test := range map[string]struct {
		edits []pod.Edit
		want  pod.Problems
	}{
		"unknown fields and wrong types": {
			edits: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"imgae": "x", "instances": "two", "ports": map[string]any{"http": map[string]any{"prot": 1}, "admin": 9}})},
			want: pod.Problems{
				{Path: "app/web spec.imgae", Message: `unknown field, did you mean "image"?`},
				{Path: "app/web spec.instances", Message: `must be an integer, is the string "two"`},
				{Path: "app/web spec.ports[0].prot", Message: `unknown field, did you mean "port"?`},
				{Path: "app/web spec.ports[1]", Message: "must be an object, is 9"},
			},
		},
		"a reference that breaks": {
			edits: []pod.Edit{{Verb: pod.Delete, Kind: pod.KindApp, Name: "api"}},
			want: pod.Problems{
				{Path: "app/web spec.env.API", Message: `no app named "api"`, Refers: pod.Ref{Kind: pod.KindApp, Name: "api"}},
				{Path: "route/shop spec.rules[/].to[api]", Message: `no app named "api"`, Refers: pod.Ref{Kind: pod.KindApp, Name: "api"}},
				{Path: "route/shop spec.rules[/api].to[api]", Message: `no app named "api"`, Refers: pod.Ref{Kind: pod.KindApp, Name: "api"}},
			},
		},
		"an unknown kind": {
			edits: []pod.Edit{{Verb: pod.Create, Kind: "Cron", Name: "x"}},
			want:  pod.Problems{{Path: "cron/x kind", Message: "must be one of " + kindList()}},
		},
		// Changes are stored: a verb of a later psc must not be taken for another verb.
		"an unknown verb": {
			edits: []pod.Edit{{Verb: "rename", Kind: pod.KindApp, Name: "web"}},
			want:  pod.Problems{{Path: "app/web", Message: `unknown verb "rename"`}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pod.Apply(shop(), stored(t, pod.Change{Edits: test.edits}))
			if got != nil {
				t.Errorf("got a spec with the error: %v", got)
			}
			var problems pod.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want Problems", err)
			}
			if diff := cmp.Diff(test.want, problems); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
