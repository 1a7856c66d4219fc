package pod_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

// A reference, a list without a key and the content of a file are one leaf each. The order of a list with a key is a leaf
// too.
func TestLeaves(t *testing.T) {
	type leaf struct {
		value            any
		name, item, part string
		image            bool
	}
	file := map[string]any{"sha256": pod.ContentOf([]byte("1")).SHA256, "size": json.Number("1")}
	for name, test := range map[string]struct {
		resource pod.Resource
		want     map[string]leaf
		words    map[string]string
	}{
		"nothing": {},
		"app": {
			resource: &pod.App{
				Image: "web:1", Args: []string{"-a"},
				Autoscale: &pod.Autoscale{Min: 1, Max: 3},
				Ports:     []pod.Port{{Name: "http", Port: 80}, {Name: "admin", Port: 90}},
				Env:       map[string]pod.EnvValue{"A": {App: "api"}, "B": {}},
				Files:     []pod.FileMount{{Path: "/etc/a.b", Config: "web", File: "x"}},
				Disks:     []pod.DiskMount{{Path: "/data", Disk: "data"}},
				Health:    &pod.Health{TCP: true},
			},
			want: map[string]leaf{
				"spec.image":                  {value: "web:1", image: true},
				"spec.args":                   {value: []any{"-a"}},
				"spec.autoscale.min":          {value: json.Number("1"), part: "spec.autoscale"},
				"spec.autoscale.max":          {value: json.Number("3"), part: "spec.autoscale"},
				"spec.ports order":            {value: []any{"http", "admin"}},
				"spec.ports[http].name":       {value: "http", part: "spec.ports[http]"},
				"spec.ports[http].port":       {value: json.Number("80"), part: "spec.ports[http]"},
				"spec.ports[admin].name":      {value: "admin", part: "spec.ports[admin]"},
				"spec.ports[admin].port":      {value: json.Number("90"), part: "spec.ports[admin]"},
				"spec.env.A":                  {value: map[string]any{"app": "api"}, item: "A"},
				"spec.env.B":                  {value: "", item: "B"},
				"spec.files[/etc/a.b].path":   {value: "/etc/a.b", part: "spec.files[/etc/a.b]"},
				"spec.files[/etc/a.b].config": {value: "web", part: "spec.files[/etc/a.b]"},
				"spec.files[/etc/a.b].file":   {value: "x", part: "spec.files[/etc/a.b]"},
				"spec.disks[/data].path":      {value: "/data", part: "spec.disks[/data]"},
				"spec.disks[/data].disk":      {value: "data", part: "spec.disks[/data]"},
				"spec.health.tcp":             {value: true},
			},
			words: map[string]string{
				"spec.autoscale":       "autoscale: 1 to 3 at 70%",
				"spec.ports[http]":     "port http: 80",
				"spec.ports[admin]":    "port admin: 90",
				"spec.files[/etc/a.b]": "mount /etc/a.b: config/web/x",
				"spec.disks[/data]":    "mount /data: disk/data",
			},
		},
		"route": {
			resource: &pod.Route{
				TLS:   pod.TLS{Secret: "shop"},
				Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web"}, {App: "api", Weight: number(3)}}}},
			},
			want: map[string]leaf{
				"spec.tls":                     {value: map[string]any{"secret": "shop"}},
				"spec.rules[/].path":           {value: "/", part: "spec.rules[/]"},
				"spec.rules[/].to order":       {value: []any{"web", "api"}, part: "spec.rules[/]"},
				"spec.rules[/].to[web].app":    {value: "web", part: "spec.rules[/]"},
				"spec.rules[/].to[api].app":    {value: "api", part: "spec.rules[/]"},
				"spec.rules[/].to[api].weight": {value: json.Number("3"), part: "spec.rules[/]"},
			},
			words: map[string]string{"spec.rules[/]": "to: web 25%, api 75%"},
		},
		"config": {
			resource: &pod.Config{Files: map[string]pod.Content{"web.conf": pod.ContentOf([]byte("1"))}},
			want:     map[string]leaf{"spec.files.web.conf": {value: file, name: "file web.conf", item: "web.conf"}},
		},
		"secret": {
			resource: &pod.Secret{Keys: map[string]string{"tls.crt": "aaaaaaaaaa"}},
			want:     map[string]leaf{"spec.keys.tls.crt": {value: "aaaaaaaaaa", name: "key tls.crt", item: "tls.crt"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			leaves := pod.LeavesOf(test.resource)
			got := map[string]leaf{}
			for path, l := range leaves.Values {
				got[path] = leaf{l.Value, l.Name(), l.Item, l.Part, l.Image}
			}
			if test.want == nil {
				test.want = map[string]leaf{}
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(leaf{})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			words := map[string]string{}
			for path, part := range leaves.Parts {
				name, text := part.Words()
				words[path] = name + ": " + text
			}
			if test.words == nil {
				test.words = map[string]string{}
			}
			if diff := cmp.Diff(test.words, words); diff != "" {
				t.Errorf("words: -want +got\n%s", diff)
			}
		})
	}
}

// A secret value and its version are never shown. A file is shown by its size, unless its text is known.
func TestLeafText(t *testing.T) {
	secret := pod.LeavesOf(&pod.Secret{Keys: map[string]string{"url": "aaaaaaaaaa"}}).Values["spec.keys.url"]
	config := pod.LeavesOf(&pod.Config{Files: map[string]pod.Content{"a": pod.ContentOf([]byte("1"))}}).Values["spec.files.a"]
	image := pod.LeavesOf(&pod.App{Image: "web:1"}).Values["spec.image"]
	for _, test := range []struct {
		leaf        pod.Leaf
		value, want any
	}{
		{secret, secret.Value, "a secret value"},
		{secret, nil, nil},
		{config, config.Value, "1 bytes"},
		{config, "its text", "its text"},
		{config, nil, nil},
		{image, "web:1", "web:1"},
		{pod.Leaf{}, "x", "x"},
	} {
		if got := test.leaf.Text(test.value); got != test.want {
			t.Errorf("%v: got %v, want %v", test.value, got, test.want)
		}
	}
	if !secret.Opaque() || !config.Opaque() || image.Opaque() {
		t.Error("the values of secrets and configs are opaque, those of apps are not")
	}
}
