package pod_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/pod"
)

// The change between two specs has only the fields that differ.
func TestEdits(t *testing.T) {
	for name, test := range map[string]struct {
		to   func(pod.Spec)
		want []pod.Edit
	}{
		"nothing": {to: func(pod.Spec) {}},
		"created and deleted": {
			to: func(s pod.Spec) {
				delete(s, ref(pod.KindRoute, "shop"))
				s[ref(pod.KindDisk, "data")] = &pod.Disk{Size: "1Gi"}
			},
			want: []pod.Edit{
				{Verb: pod.Delete, Kind: pod.KindRoute, Name: "shop"},
				{Verb: pod.Create, Kind: pod.KindDisk, Name: "data", Fields: pod.Fields{"size": "1Gi"}},
			},
		},
		"fields": {
			to: func(s pod.Spec) {
				web := s.App("web")
				web.Image, web.Args, web.Size = "web:2", []string{"-a"}, "large"
				web.Env = map[string]pod.EnvValue{"API": {App: "api"}, "LEVEL": {App: "web"}}
			},
			want: []pod.Edit{set(pod.KindApp, "web", pod.Fields{
				"image": "web:2", "args": []any{"-a"}, "size": "large", "env": map[string]any{"LEVEL": map[string]any{"app": "web"}},
			})},
		},
		"a field is removed": {
			to: func(s pod.Spec) {
				s.App("web").Args, s.App("web").Env = nil, map[string]pod.EnvValue{"LEVEL": {Value: "info"}}
			},
			want: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"args": nil, "env": map[string]any{"API": nil}})},
		},
		"an item of a list": {
			to: func(s pod.Spec) {
				s.Route("shop").Rules[0].To[0].Weight = number(50)
				s.App("web").Ports = append(s.App("web").Ports[:1], pod.Port{Name: "other", Port: 1000})
			},
			want: []pod.Edit{
				set(pod.KindApp, "web", pod.Fields{"ports": map[string]any{"admin": nil, "other": map[string]any{"name": "other", "port": 1000}}}),
				set(pod.KindRoute, "shop", pod.Fields{"rules": map[string]any{"/": map[string]any{"to": map[string]any{"web": map[string]any{"weight": 50}}}}}),
			},
		},
		"another order": {
			to: func(s pod.Spec) {
				ports := s.App("web").Ports
				ports[0], ports[1] = ports[1], ports[0]
			},
			want: []pod.Edit{set(pod.KindApp, "web", pod.Fields{"ports": []any{
				map[string]any{"name": "admin", "port": 9090}, map[string]any{"name": "http", "port": 8080},
			}})},
		},
	} {
		t.Run(name, func(t *testing.T) {
			to := shop()
			test.to(to)
			want := stored(t, pod.Change{Edits: test.want})
			if diff := cmp.Diff(want, stored(t, pod.Edits(shop(), to))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// For any two specs, the change between them turns the first into the second.
func FuzzEdits(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, seed/3+1000)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		from, to := random(a), random(b)
		got, err := pod.Apply(from, stored(t, pod.Edits(from, to)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(to, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if again := pod.Edits(to, got); len(again.Edits) > 0 {
			t.Errorf("something still differs: %v", again)
		}
	})
}

// random returns a valid spec with resources of several kinds.
func random(seed uint64) pod.Spec {
	r := rand.New(rand.NewPCG(seed, 0))
	s := shop()
	s[ref(pod.KindConfig, "web")] = &pod.Config{Files: map[string]pod.Content{"x": pod.ContentOf([]byte("1"))}}
	s[ref(pod.KindSecret, "db")] = &pod.Secret{Keys: map[string]string{"url": "aaaaaaaaaa"}}
	web, shop := s.App("web"), s.Route("shop")
	for _, change := range []func(){
		func() { web.Image = "web:2" },
		func() { web.Args = nil },
		func() { web.Args = []string{"-b", "-a"} },
		func() { web.Env = nil },
		func() { web.Env = map[string]pod.EnvValue{"API": {Value: "x"}, "DB": {Secret: "db", Key: "url"}} },
		func() { web.Ports = []pod.Port{{Name: "admin", Port: 9090}, {Name: "http", Port: 8080}} },
		func() { web.Ports = append(web.Ports, pod.Port{Name: "a", Port: 1}) },
		func() { web.Health = &pod.Health{Path: "/"} },
		func() { web.Health = &pod.Health{Command: []string{"true"}} },
		func() { web.Autoscale = &pod.Autoscale{Min: 1, Max: 3} },
		func() { web.Files = []pod.FileMount{{Path: "/b", Config: "web"}, {Path: "/a", Secret: "db"}} },
		func() { web.Files = []pod.FileMount{{Path: "/a", Config: "web", File: "x"}} },
		func() { s.App("api").Size = "large" },
		func() { s[ref(pod.KindApp, "other")] = &pod.App{Image: "other"} },
		func() { shop.Hosts = nil },
		func() { shop.TLS = pod.TLS{Mode: pod.TLSOff} },
		func() { shop.Rules = shop.Rules[:1] },
		func() { shop.Rules = append([]pod.Rule{{Path: "/x", To: shop.Rules[0].To}}, shop.Rules...) },
		func() { shop.Rules[0].To = []pod.Target{{App: "api"}} },
		func() { delete(s, ref(pod.KindRoute, "shop")) },
		func() { s.Config("web").Files["y"] = pod.ContentOf([]byte("1")) },
		func() { s.Config("web").Files["x"] = pod.ContentOf([]byte("2")) },
		func() { s.Secret("db").Keys["url"] = "bbbbbbbbbb" },
		func() { s.Secret("db").Keys["more"] = "cccccccccc" },
	} {
		if r.IntN(3) == 0 {
			change()
		}
	}
	return s
}
