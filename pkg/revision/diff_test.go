package revision_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

func number(n int) *int { return &n }

// A diff has every leaf that differs, by its path. The words are the same for people.
func TestDiff(t *testing.T) {
	digest := func(c string) string { return "@sha256:" + strings.Repeat(c, 64) }
	ports := func(all ...pod.Port) *pod.App { return &pod.App{Image: "web", Ports: all} }
	http, admin, other := pod.Port{Name: "http", Port: 80}, pod.Port{Name: "admin", Port: 90}, pod.Port{Name: "other", Port: 1}
	for name, test := range map[string]struct {
		from, to pod.Resource
		want     []revision.Field
		words    []string
	}{
		"nothing": {from: ports(http), to: ports(http)},
		"image": {
			from:  &pod.App{Image: "ghcr.io/acme/web:1" + digest("a")},
			to:    &pod.App{Image: "ghcr.io/acme/web:2" + digest("b")},
			want:  []revision.Field{{Path: "spec.image", From: "ghcr.io/acme/web:1" + digest("a"), To: "ghcr.io/acme/web:2" + digest("b")}},
			words: []string{"image web:1 -> web:2"},
		},
		// A moved tag is a change: "web:1 -> web:1" would hide it.
		"digest": {
			from:  &pod.App{Image: "web:1" + digest("a")},
			to:    &pod.App{Image: "web:1" + digest("b")},
			want:  []revision.Field{{Path: "spec.image", From: "web:1" + digest("a"), To: "web:1" + digest("b")}},
			words: []string{"image web:1" + digest("a") + " -> web:1" + digest("b")},
		},
		"variables": {
			from: &pod.App{Env: map[string]pod.EnvValue{"SAME": {Value: "x"}, "OLD": {Value: "1"}, "SET": {Value: "a"}, "REF": {Value: "http://api"}, "GONE": {}}},
			to:   &pod.App{Env: map[string]pod.EnvValue{"SAME": {Value: "x"}, "NEW": {Value: "2"}, "SET": {Value: "b"}, "REF": {App: "api"}, "EMPTY": {}}},
			want: []revision.Field{
				{Path: "spec.env.EMPTY", To: ""}, // a variable that is there and empty is not one that is not there
				{Path: "spec.env.GONE", From: ""},
				{Path: "spec.env.NEW", To: "2"},
				{Path: "spec.env.OLD", From: "1"},
				{Path: "spec.env.REF", From: "http://api", To: map[string]any{"app": "api"}},
				{Path: "spec.env.SET", From: "a", To: "b"},
			},
			words: []string{"env +EMPTY", "env -GONE", "env +NEW", "env -OLD", "env REF http://api -> {app: api}", "env SET a -> b"},
		},
		"long values": {
			from:  &pod.App{Env: map[string]pod.EnvValue{"A": {Value: strings.Repeat("é", 61)}, "B": {Value: strings.Repeat("é", 60)}}},
			to:    &pod.App{Env: map[string]pod.EnvValue{"A": {Value: "one\ntwo"}, "B": {Value: "b"}}},
			want:  []revision.Field{{Path: "spec.env.A", From: strings.Repeat("é", 61), To: "one\ntwo"}, {Path: "spec.env.B", From: strings.Repeat("é", 60), To: "b"}},
			words: []string{"env A " + strings.Repeat("é", 60) + "… -> one…", "env B " + strings.Repeat("é", 60) + " -> b"},
		},
		"fields": {
			from: &pod.App{Instances: number(2), Size: "small", Health: &pod.Health{TCP: true}},
			to:   &pod.App{Instances: number(3), CPU: "1", Health: &pod.Health{Path: "/"}},
			want: []revision.Field{
				{Path: "spec.cpu", To: "1"},
				{Path: "spec.health.path", To: "/"},
				{Path: "spec.health.tcp", From: true},
				{Path: "spec.instances", From: json.Number("2"), To: json.Number("3")},
				{Path: "spec.size", From: "small"},
			},
			words: []string{"cpu 1", "health.path /", "health.tcp true removed", "instances 2 -> 3", "size small removed"},
		},
		"lists as a whole": {
			from:  &pod.App{Args: []string{"a", "b, c"}},
			to:    &pod.App{Args: []string{"a, b", "c"}}, // looks the same in words
			want:  []revision.Field{{Path: "spec.args", From: []any{"a", "b, c"}, To: []any{"a, b", "c"}}},
			words: []string{"args [a, b, c] -> [a, b, c]"},
		},
		// Routes use the first port, so the order is part of the spec.
		"order of ports": {
			from:  ports(http, admin),
			to:    ports(admin, http),
			want:  []revision.Field{{Path: "spec.ports order", From: []any{"http", "admin"}, To: []any{"admin", "http"}}},
			words: []string{"ports order [http, admin] -> [admin, http]"},
		},
		"a port is added": {
			from:  ports(http, admin),
			to:    ports(other, http, admin),
			want:  []revision.Field{{Path: "spec.ports[other].name", To: "other"}, {Path: "spec.ports[other].port", To: json.Number("1")}},
			words: []string{"ports[other].name other", "ports[other].port 1"},
		},
		// An added port must not hide that the first of the others is another one now.
		"a port is added, the others in another order": {
			from:  ports(http, admin),
			to:    ports(admin, other, http),
			want:  []revision.Field{{Path: "spec.ports order", From: []any{"http", "admin"}, To: []any{"admin", "other", "http"}}, {Path: "spec.ports[other].name", To: "other"}, {Path: "spec.ports[other].port", To: json.Number("1")}},
			words: []string{"ports order [http, admin] -> [admin, other, http]", "ports[other].name other", "ports[other].port 1"},
		},
		"a port changes": {
			from:  ports(http, admin),
			to:    ports(http, pod.Port{Name: "admin", Port: 91}),
			want:  []revision.Field{{Path: "spec.ports[admin].port", From: json.Number("90"), To: json.Number("91")}},
			words: []string{"ports[admin].port 90 -> 91"},
		},
		"a route": {
			from: &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web", Weight: number(1)}}}}, Hosts: []string{"a"}},
			to:   &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web", Weight: number(2)}, {App: "api"}}}}, TLS: pod.TLS{Mode: pod.TLSOff}},
			want: []revision.Field{
				{Path: "spec.hosts", From: []any{"a"}},
				{Path: "spec.rules[/].to[api].app", To: "api"},
				{Path: "spec.rules[/].to[web].weight", From: json.Number("1"), To: json.Number("2")},
				{Path: "spec.tls", To: "off"},
			},
			words: []string{"hosts [a] removed", "rules[/].to[api].app api", "rules[/].to[web].weight 1 -> 2", "tls off"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ref := pod.Ref{Kind: test.from.Kind(), Name: "x"}
			entries := revision.Diff(pod.Spec{ref: test.from}, pod.Spec{ref: test.to})
			var want []revision.Entry
			if test.want != nil {
				want = []revision.Entry{{Kind: ref.Kind, Name: "x", Type: revision.Updated, Fields: test.want}}
			}
			if diff := cmp.Diff(want, entries, cmpopts.IgnoreUnexported(revision.Entry{}, revision.Field{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var words []string
			for _, e := range entries {
				words = append(words, revision.Words(e.Fields)...)
			}
			if diff := cmp.Diff(test.words, words); diff != "" {
				t.Errorf("words: -want +got\n%s", diff)
			}
		})
	}
}

// Resources are created and deleted as a whole. Apps come first, then names, both in one line for people and for scripts.
func TestDiffResources(t *testing.T) {
	from := pod.Spec{
		app("web"): &pod.App{Image: "hello:v1", Instances: number(2)},
		app("old"): &pod.App{Image: "old:1"},
	}
	to := pod.Spec{
		app("web"):                         &pod.App{Image: "hello:v2", Instances: number(2), Env: map[string]pod.EnvValue{"GREETING": {Value: "hi"}}},
		{Kind: pod.KindRoute, Name: "web"}: &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web"}}}}},
	}
	entries := revision.Diff(from, to)
	var described []string
	for _, e := range entries {
		described = append(described, e.Ref().String()+": "+e.Resource().Describe())
	}
	if diff := cmp.Diff([]string{"app/old: old:1 · 1 instance", "app/web: hello:v2 · 2 instances", "route/web: -> web 100%"}, described); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	summary := "app old: deleted; app web: env +GREETING, image hello:v1 -> hello:v2; route web: created (-> web 100%)"
	if diff := cmp.Diff(summary, revision.Summary(entries)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	got, err := json.MarshalIndent(entries, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
 {"kind": "App", "name": "old", "type": "delete", "fields": [{"path": "spec.image", "from": "old:1"}]},
 {"kind": "App", "name": "web", "type": "update", "fields": [
  {"path": "spec.env.GREETING", "to": "hi"}, {"path": "spec.image", "from": "hello:v1", "to": "hello:v2"}]},
 {"kind": "Route", "name": "web", "type": "create", "fields": [
  {"path": "spec.rules[/].path", "to": "/"}, {"path": "spec.rules[/].to[web].app", "to": "web"}]}
]`
	if diff := cmp.Diff(compact(t, want), compact(t, string(got))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// Two empty specs have no differences, whether they are nil or not.
func TestDiffNothing(t *testing.T) {
	for _, s := range []pod.Spec{nil, {}} {
		if got := revision.Diff(s, nil); got != nil {
			t.Errorf("got %v", got)
		}
	}
	if got := revision.Summary(nil); got != "" {
		t.Errorf("got %q", got)
	}
}

// A summary of many resources or fields shows the first ones and counts the others.
func TestSummaryOfMany(t *testing.T) {
	before, after := pod.Spec{}, pod.Spec{}
	env := map[string]pod.EnvValue{}
	for i := range 25 {
		ref := pod.Ref{Kind: pod.KindApp, Name: fmt.Sprintf("app%02d", i)}
		before[ref], after[ref] = &pod.App{Image: "hello:v1"}, &pod.App{Image: "hello:v2"}
		env[fmt.Sprintf("E%02d", i)] = pod.EnvValue{Value: "x"}
	}
	after[pod.Ref{Kind: pod.KindApp, Name: "app00"}] = &pod.App{Image: "hello:v1", Env: env}
	got := revision.Summary(revision.Diff(before, after))
	for _, want := range []string{"app app00: env +E00, ", "env +E09, 15 more; app app01: image", "app app09: image hello:v1 -> hello:v2; 15 more"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not contain %q", got, want)
		}
	}
}

// A port is named once, although its name and its number are two leaves.
func TestSummaryOfPorts(t *testing.T) {
	app := func(ports ...pod.Port) pod.Spec {
		return pod.Spec{{Kind: pod.KindApp, Name: "web"}: &pod.App{Image: "web:1", Ports: ports}}
	}
	http := pod.Port{Name: "http", Port: 8080}
	for want, specs := range map[string][2]pod.Spec{
		"app web: port http 8080":         {app(), app(http)},
		"app web: port http 8080 removed": {app(http), app()},
		"app web: port http 8080 -> 9090": {app(http), app(pod.Port{Name: "http", Port: 9090})},
	} {
		if got := revision.Summary(revision.Diff(specs[0], specs[1])); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A mount is shown by what is mounted, and an autoscaler by its bounds.
func TestSummaryOfParts(t *testing.T) {
	app := func(a pod.App) pod.Spec { return pod.Spec{app("web"): &a} }
	config := app(pod.App{Files: []pod.FileMount{{Path: "/x", Config: "web"}}})
	secret := app(pod.App{Files: []pod.FileMount{{Path: "/x", Secret: "db", File: "url"}}})
	disk := app(pod.App{Disks: []pod.DiskMount{{Path: "/x", Disk: "data"}}})
	bounds := app(pod.App{Autoscale: &pod.Autoscale{Min: 2, Max: 5}})
	explicit := app(pod.App{Autoscale: &pod.Autoscale{Min: 2, Max: 5, CPU: 70}}) // the default
	target := app(pod.App{Autoscale: &pod.Autoscale{Min: 2, Max: 6, CPU: 50}})
	for want, specs := range map[string][2]pod.Spec{
		"app web: mount /x config/web":                      {app(pod.App{}), config},
		"app web: mount /x config/web -> secret/db/url":     {config, secret},
		"app web: mount /x secret/db/url -> disk/data":      {secret, disk},
		"app web: mount /x disk/data removed":               {disk, app(pod.App{})},
		"app web: autoscale 2 to 5 at 70%":                  {app(pod.App{}), bounds},
		"app web: autoscale 2 to 5 at 70% -> 2 to 6 at 50%": {bounds, target},
		"app web: autoscale.cpu 70":                         {bounds, explicit},
		"app web: autoscale 2 to 6 at 50% removed":          {target, app(pod.App{})},
	} {
		if got := revision.Summary(revision.Diff(specs[0], specs[1])); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The values of files and secrets are not in a summary.
func TestSummaryOfContent(t *testing.T) {
	config := func(files map[string]pod.Content) pod.Spec {
		return pod.Spec{{Kind: pod.KindConfig, Name: "web"}: &pod.Config{Files: files}}
	}
	secret := func(keys map[string]string) pod.Spec {
		return pod.Spec{{Kind: pod.KindSecret, Name: "db"}: &pod.Secret{Keys: keys}}
	}
	one, two := pod.ContentOf([]byte("1")), pod.ContentOf([]byte("2"))
	for want, specs := range map[string][2]pod.Spec{
		"config web: file -a.conf, file b.conf changed, file +c.conf": {
			config(map[string]pod.Content{"a.conf": one, "b.conf": one}), config(map[string]pod.Content{"b.conf": two, "c.conf": one}),
		},
		"secret db: key -a, key tls.crt changed, key +url": {
			secret(map[string]string{"a": "aaaaaaaaaa", "tls.crt": "aaaaaaaaaa"}), secret(map[string]string{"tls.crt": "bbbbbbbbbb", "url": "bbbbbbbbbb"}),
		},
	} {
		if got := revision.Summary(revision.Diff(specs[0], specs[1])); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The shares of a rule are shown together and in percent: one weight means nothing without the others.
func TestSummaryOfRoutes(t *testing.T) {
	ten := 10
	route := func(rules ...pod.Rule) pod.Spec {
		return pod.Spec{{Kind: pod.KindRoute, Name: "web"}: &pod.Route{Rules: rules}}
	}
	web := pod.Rule{Path: "/", To: []pod.Target{{App: "web"}}}
	ninety := 90
	canary := pod.Rule{Path: "/", To: []pod.Target{{App: "web", Weight: &ninety}, {App: "next", Weight: &ten}}}
	api := pod.Rule{Path: "/api", To: []pod.Target{{App: "api"}}}
	for _, test := range []struct {
		name     string
		from, to pod.Spec
		want     string
	}{
		{"shares", route(web), route(canary), "route web: to web 100% -> web 90%, next 10%"},
		{"a path is added", route(web), route(web, api), "route web: /api to api 100%"},
		{"a path is removed", route(web, api), route(web), "route web: /api to api 100% removed"},
		{"a weight that changes no share", route(web), route(pod.Rule{Path: "/", To: []pod.Target{{App: "web", Weight: &ten}}}), "route web: rules[/].to[web].weight 10"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := revision.Summary(revision.Diff(test.from, test.to)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// A rule of a route is one field for people, with its shares in percent.
func TestShown(t *testing.T) {
	rules := func(all ...pod.Rule) *pod.Route { return &pod.Route{Rules: all} }
	to := func(path string, web, api int) pod.Rule {
		return pod.Rule{Path: path, To: []pod.Target{{App: "web", Weight: number(web)}, {App: "api", Weight: number(api)}}}
	}
	host := to("/", 1, 1)
	for name, test := range map[string]struct {
		from, to *pod.Route
		want     []revision.Field
	}{
		"shares":            {from: rules(to("/", 90, 10)), to: rules(to("/", 50, 50)), want: []revision.Field{{Path: "spec.to", From: "web 90%, api 10%", To: "web 50%, api 50%"}}},
		"a path":            {from: rules(host, to("/v2", 1, 0)), to: rules(host, to("/v2", 1, 3)), want: []revision.Field{{Path: "spec./v2 to", From: "web 100%, api 0%", To: "web 25%, api 75%"}}},
		"a path is added":   {from: rules(host), to: rules(host, to("/v2", 1, 0)), want: []revision.Field{{Path: "spec./v2 to", To: "web 100%, api 0%"}}},
		"a path is removed": {from: rules(host, to("/v2", 1, 0)), to: rules(host), want: []revision.Field{{Path: "spec./v2 to", From: "web 100%, api 0%"}}},
		"same shares":       {from: rules(to("/", 1, 1)), to: rules(to("/", 1, 1)), want: nil},
		// Other weights for the same shares are a change too, and must be shown.
		"same percentages": {
			from: rules(to("/", 1, 1)), to: rules(to("/", 2, 2)),
			want: []revision.Field{
				{Path: "spec.rules[/].to[api].weight", From: json.Number("1"), To: json.Number("2")},
				{Path: "spec.rules[/].to[web].weight", From: json.Number("1"), To: json.Number("2")},
			},
		},
		"other fields": {
			from: rules(host), to: &pod.Route{Rules: []pod.Rule{host}, TLS: pod.TLS{Mode: pod.TLSOff}},
			want: []revision.Field{{Path: "spec.tls", To: "off"}},
		},
	} {
		ref := pod.Ref{Kind: pod.KindRoute, Name: "shop"}
		var got []revision.Field
		for _, e := range revision.Diff(pod.Spec{ref: test.from}, pod.Spec{ref: test.to}) {
			got = append(got, e.Shown()...)
		}
		if diff := cmp.Diff(test.want, got, cmpopts.IgnoreUnexported(revision.Field{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// Every field of every kind is compared and shown, so that a new field needs no code here.
func TestEveryFieldIsShown(t *testing.T) {
	for _, kind := range pod.Kinds() {
		ref := pod.Ref{Kind: kind, Name: "x"}
		from, fields := sample(t, ref, "")
		for _, field := range fields {
			to, _ := sample(t, ref, field)
			entries := revision.Diff(pod.Spec{ref: from}, pod.Spec{ref: to})
			if len(entries) != 1 {
				t.Errorf("%s is not compared: it needs a name in JSON", field)
				continue
			}
			shown := entries[0].Shown()
			for i, words := range revision.Words(shown) {
				if revision.Text(shown[i].From) == revision.Text(shown[i].To) && !strings.HasSuffix(words, " changed") {
					t.Errorf("%s: a diff shows %q: the Words of its part must have the field", field, words)
				}
			}
		}
	}
}

// sample returns a resource with a value in every field, and the paths of the fields. The field other has another value.
func sample(t *testing.T, ref pod.Ref, other string) (r pod.Resource, fields []string) {
	t.Helper()
	spec, err := pod.Decode(fmt.Appendf(nil, "{apiVersion: %s, kind: %s, metadata: {name: %s}}", pod.APIVersion, ref.Kind, ref.Name))
	if err != nil {
		t.Fatal(err)
	}
	var fill func(path string, v reflect.Value)
	fill = func(path string, v reflect.Value) {
		value := 1
		if path == other {
			value = 2
		}
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(path, v.Elem())
			return
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(path+"[]", v.Index(0))
			return
		case reflect.Map:
			item := reflect.New(v.Type().Elem()).Elem()
			fill(path+"[]", item)
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf("x"), item)
			return
		case reflect.Struct:
			for i := range v.NumField() {
				fill(path+"."+v.Type().Field(i).Name, v.Field(i))
				if _, whole := v.Interface().(json.Marshaler); whole {
					break // the other fields are other forms of the same value
				}
			}
			return
		case reflect.String:
			v.SetString(fmt.Sprint(value))
		case reflect.Bool:
			v.SetBool(value == 1)
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(value))
		default:
			t.Fatalf("%s: no sample of a %s", path, v.Type())
		}
		fields = append(fields, path)
	}
	fill(string(ref.Kind), reflect.ValueOf(spec[ref]).Elem())
	return spec[ref], fields
}
