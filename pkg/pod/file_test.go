package pod_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pscdev/psc/pkg/pod"
)

const header = "apiVersion: psc.dev/v1\nkind: App\nmetadata: {name: web}\n"

// A file holds any number of resources, as YAML or JSON, with comments and empty documents between them.
func TestDecodeDocuments(t *testing.T) {
	got, err := pod.Decode([]byte(`# the web app
---
apiVersion: psc.dev/v1
kind: App
metadata: {name: web}
spec: {image: "web:1", ports: [{name: http, port: 8080}]}
--- # a comment here must not hide what follows
kind: Route
apiVersion: psc.dev/v1
metadata:
  name: shop
spec:
  hosts: [shop.example.com]
  tls: off
  rules:
  - path: /
    to: [{app: web, weight: 3}]
---
# nothing
---
{"apiVersion": "psc.dev/v1", "kind": "App", "metadata": {"name": "api"}, "spec": {"image": "api:1", "instances": 0}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := pod.Spec{
		ref(pod.KindApp, "web"): &pod.App{Image: "web:1", Ports: []pod.Port{{Name: "http", Port: 8080}}},
		ref(pod.KindApp, "api"): &pod.App{Image: "api:1", Instances: number(0)},
		ref(pod.KindRoute, "shop"): &pod.Route{
			Hosts: []string{"shop.example.com"},
			TLS:   pod.TLS{Mode: pod.TLSOff},
			Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web", Weight: number(3)}}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A value is what the file shows: no string becomes a number, and "off" does not become false.
func TestDecodeValues(t *testing.T) {
	got, err := pod.Decode([]byte(header + `spec:
  image: web:1
  cpu: 2
  args: [--port, 8080, -v, 1.10]
  health: {off: true}
  env:
    TEXT: info
    PORT: 8080
    ID: 123456789012345678
    VERSION: 1.10
    MODE: 0755
    DEBUG: true
    FLAG: on
    DATE: 2026-01-02
    QUOTED: "true"
    EMPTY: ""
    NOTHING:
    LINES: |
      a
      b
    API: {app: api}
`))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]pod.EnvValue{"API": {App: "api"}}
	for name, value := range map[string]string{
		"TEXT": "info", "PORT": "8080", "ID": "123456789012345678", "VERSION": "1.10", "MODE": "0755", "DEBUG": "true",
		"FLAG": "on", "DATE": "2026-01-02", "QUOTED": "true", "EMPTY": "", "NOTHING": "", "LINES": "a\nb\n",
	} {
		env[name] = pod.EnvValue{Value: value}
	}
	want := pod.Spec{ref(pod.KindApp, "web"): &pod.App{
		Image: "web:1", CPU: "2", Args: []string{"--port", "8080", "-v", "1.10"}, Health: &pod.Health{Off: true}, Env: env,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A boolean that stands for a string keeps its spelling, as a number does, and a key is what the file shows.
func TestDecodeSpelling(t *testing.T) {
	words := []string{
		"true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "no", "NO", "on", "off", "y", "n",
		"1.10", "010", "0x1F", "0o17", "1e3", "1_000", ".5", ".inf", "-.INF", ".nan", "1:20", "2026-01-02", "2026-01-02T03:04:05Z", "<<", "=",
	}
	for _, word := range words {
		got, err := pod.Decode([]byte(header + "spec: {env: {A: " + word + "}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		want := pod.Spec{ref(pod.KindApp, "web"): &pod.App{Env: map[string]pod.EnvValue{"A": {Value: word}}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", word, diff)
		}
	}
	for _, key := range append(words, "null", "Null", "NULL", "~") {
		if key == "<<" { // a merge key
			continue
		}
		got, err := pod.Decode([]byte(header + "spec: {env: {" + key + ": x}}\n---\n" +
			"{apiVersion: psc.dev/v1, kind: Config, metadata: {name: c}, spec: {files: {" + key + ": x}}}\n---\n" +
			"{apiVersion: psc.dev/v1, kind: Secret, metadata: {name: s}, spec: {keys: {" + key + ": x}}}\n---\n" +
			strings.ReplaceAll(header, "web", "alias") + "spec: {image: &k " + key + ", env: {*k : x}}\n"))
		if strings.EqualFold(key, "true") || strings.EqualFold(key, "false") {
			var problems pod.Problems
			if !errors.As(err, &problems) || problems[0].Path != "app/alias spec.image" {
				t.Errorf("%s: got %v", key, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		want := pod.Spec{
			ref(pod.KindApp, "web"):   &pod.App{Env: map[string]pod.EnvValue{key: {Value: "x"}}},
			ref(pod.KindConfig, "c"):  &pod.Config{Files: map[string]pod.Content{key: pod.ContentOf([]byte("x"))}},
			ref(pod.KindSecret, "s"):  &pod.Secret{Keys: map[string]string{key: "x"}},
			ref(pod.KindApp, "alias"): &pod.App{Image: key, Env: map[string]pod.EnvValue{key: {Value: "x"}}},
		}
		if strings.EqualFold(key, "null") || key == "~" {
			want[ref(pod.KindApp, "alias")].(*pod.App).Image = "" // null: the field is not set
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(pod.Content{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", key, diff)
		}
	}
}

// YAML 1.1 reads an unquoted "off" as a boolean, and its tools write it back as one.
func TestDecodeTLS(t *testing.T) {
	for text, want := range map[string]pod.TLS{
		"off": {Mode: pod.TLSOff}, "false": {Mode: pod.TLSOff}, "FALSE": {Mode: pod.TLSOff}, "True": {Mode: pod.TLSAuto}, `"off"`: {Mode: pod.TLSOff},
		"auto": {Mode: pod.TLSAuto}, "true": {Mode: pod.TLSAuto},
		"maybe": {Mode: "maybe"}, // Validate reports it
	} {
		got, err := pod.Decode([]byte("{apiVersion: psc.dev/v1, kind: Route, metadata: {name: shop}, spec: {tls: " + text + "}}"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pod.Spec{ref(pod.KindRoute, "shop"): &pod.Route{TLS: want}}, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", text, diff)
		}
	}
}

// Anchors, aliases and merge keys are resolved.
func TestDecodeAliases(t *testing.T) {
	got, err := pod.Decode([]byte(header + `spec:
  image: &image web:1
  command: [*image]
  env: &common {A: 1.10, B: &b "2"}
---
apiVersion: psc.dev/v1
kind: App
metadata: {name: api}
spec:
  image: api:1
  env:
    <<: {A: 1.10, B: "2"}
    B: "3"
---
apiVersion: psc.dev/v1
kind: App
metadata: {name: merged}
spec: {image: "m:1", env: {C: "1", <<: [{A: True, C: "2"}, &d {A: "2", D: ""}, *d]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := pod.Spec{
		ref(pod.KindApp, "web"):    &pod.App{Image: "web:1", Command: []string{"web:1"}, Env: map[string]pod.EnvValue{"A": {Value: "1.10"}, "B": {Value: "2"}}},
		ref(pod.KindApp, "api"):    &pod.App{Image: "api:1", Env: map[string]pod.EnvValue{"A": {Value: "1.10"}, "B": {Value: "3"}}},
		ref(pod.KindApp, "merged"): &pod.App{Image: "m:1", Env: map[string]pod.EnvValue{"A": {Value: "True"}, "C": {Value: "1"}, "D": {Value: ""}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// All problems of a file are reported at once, each with its line and path: unknown fields with the nearest known one,
// wrong types, resources that are defined twice.
func TestDecodeProblems(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want pod.Problems
	}{
		"fields and types": {
			text: header + `labels: {}
spec:
  imgae: web:1
  instances: many
  command: /web
  ports: [{name: http, port: http}, {name: admin, prot: 1}, 80]
  health: {tcp: "yes"}
  user: 1.5
  env: {A: [1], B: {}, C: {app: ""}, D: {app: [x]}, E: {secert: db}}
`,
			want: pod.Problems{
				{Line: 4, Path: "labels", Message: "unknown field"},
				{Line: 6, Path: "app/web spec.imgae", Message: `unknown field, did you mean "image"?`},
				{Line: 7, Path: "app/web spec.instances", Message: `must be an integer, is the string "many"`},
				{Line: 8, Path: "app/web spec.command", Message: `must be a list, is the string "/web"`},
				{Line: 9, Path: "app/web spec.ports[0].port", Message: `must be an integer, is the string "http"`},
				{Line: 9, Path: "app/web spec.ports[1].prot", Message: `unknown field, did you mean "port"?`},
				{Line: 9, Path: "app/web spec.ports[2]", Message: "must be an object, is 80"},
				{Line: 10, Path: "app/web spec.health.tcp", Message: `must be true or false, is the string "yes"`},
				{Line: 11, Path: "app/web spec.user", Message: "must be an integer, is 1.5"},
				{Line: 12, Path: "app/web spec.env.A", Message: "must be a string or a reference such as {app: api} or {secret: db, key: url}, is a list"},
				{Line: 12, Path: "app/web spec.env.B", Message: "must be a string or a reference such as {app: api} or {secret: db, key: url}, is an object"},
				{Line: 12, Path: "app/web spec.env.C", Message: "must be a string or a reference such as {app: api} or {secret: db, key: url}, is an object"},
				{Line: 12, Path: "app/web spec.env.D.app", Message: "must be a string, is a list"},
				{Line: 12, Path: "app/web spec.env.E.secert", Message: `unknown field, did you mean "secret"?`},
			},
		},
		"every document": {
			text: header + "spec: {imag: x}\n---\n" + strings.Replace(header, "psc.dev/v1", "v1", 1) + "---\nkind: Pod\n---\n[]\n---\n" + header + "spec: []\n",
			want: pod.Problems{
				{Line: 4, Path: "app/web spec.imag", Message: `unknown field, did you mean "image"?`},
				{Line: 6, Path: "apiVersion", Message: `must be psc.dev/v1, is "v1"`},
				{Line: 10, Path: "apiVersion", Message: `must be psc.dev/v1, is ""`},
				{Line: 10, Path: "kind", Message: "must be one of " + kindList() + `, is "Pod"`},
				{Line: 10, Path: "metadata.name", Message: "is missing"},
				{Line: 12, Message: "must be an object, is a list"},
				{Line: 17, Path: "spec", Message: "must be an object, is a list"},
			},
		},
		"twice": {
			text: header + "---\n" + header,
			want: pod.Problems{{Line: 4, Path: "app/web", Message: "is defined twice"}},
		},
		"a field twice": {
			text: header + "spec:\n  image: a\n  image: b\n",
			want: pod.Problems{{Line: 6, Message: `mapping key "image" already defined at line 5`}},
		},
		"spellings that cannot be kept": {
			text: header + `spec:
  image: True
  instances: FALSE
  args: [true, null, ~, a]
  env:
    A: null
    B: ~
    C:
  user: ~
---
apiVersion: psc.dev/v1
kind: Config
metadata: {name: c}
spec: {files: {a: yes, b: True, c: ~}}
---
apiVersion: psc.dev/v1
kind: Secret
metadata: {name: s}
spec: {keys: {null: Null}}
`,
			want: pod.Problems{
				{Line: 5, Path: "app/web spec.image", Message: "must be a string, is True: write it in quotes"},
				{Line: 6, Path: "app/web spec.instances", Message: "must be an integer, is FALSE"},
				{Line: 7, Path: "app/web spec.args[0]", Message: "must be a string, is true: write it in quotes"},
				{Line: 7, Path: "app/web spec.args[1]", Message: `is null: write "" for an empty string, or "null" for the word`},
				{Line: 7, Path: "app/web spec.args[2]", Message: `is null: write "" for an empty string, or "~" for the word`},
				{Line: 9, Path: "app/web spec.env.A", Message: `is null: write "" for an empty string, or "null" for the word`},
				{Line: 10, Path: "app/web spec.env.B", Message: `is null: write "" for an empty string, or "~" for the word`},
				{Line: 17, Path: "config/c spec.files.b", Message: "must be a string or {base64: …}, is True: write it in quotes"},
				{Line: 17, Path: "config/c spec.files.c", Message: `is null: write "" for an empty string, or "~" for the word`},
				{Line: 22, Path: "secret/s spec.keys.null", Message: `is null: write "" for an empty string, or "Null" for the word`},
			},
		},
		"tags and keys": {
			text: header + `spec:
  image: &i A
  command: !list [a]
  env:
    A: !vault secret
    B: !!binary aGk=
    C: !!str 1.10
    !key D: x
    *i : x
    ?
  health: !check {tcp: true}
`,
			want: pod.Problems{
				{Line: 6, Path: "spec.command", Message: "has the tag !list, which psc cannot read"},
				{Line: 8, Path: "spec.env.A", Message: "has the tag !vault, which psc cannot read"},
				{Line: 9, Path: "spec.env.B", Message: "has the tag !!binary, which psc cannot read"},
				{Line: 11, Path: "spec.env.D", Message: "has the tag !key, which psc cannot read"},
				{Line: 12, Path: "spec.env.A", Message: "is defined twice"},
				{Line: 13, Path: "spec.env", Message: "has a key without a name"},
				{Line: 14, Path: "spec.health", Message: "has the tag !check, which psc cannot read"},
			},
		},
		"not YAML": {
			text: header + "---\na: b: c\n",
			want: pod.Problems{{Line: 5, Message: "mapping values are not allowed in this context"}},
		},
		"an alias of itself": {
			text: header + "spec: &a {image: *a}\n",
			want: pod.Problems{{Line: 1, Message: "anchor 'a' value contains itself"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pod.Decode([]byte(test.text))
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

// A resource is written so that reading it gives the same resource.
func TestEncode(t *testing.T) {
	user := int64(65532)
	spec := pod.Spec{
		ref(pod.KindApp, "web"): &pod.App{
			Image: "web:1", User: &user, Instances: number(0), Size: "large",
			Command: []string{"/web", "off", "1.10", "a: b", ""},
			Ports:   []pod.Port{{Name: "http", Port: 8080}},
			Env: map[string]pod.EnvValue{
				"API": {App: "web"}, "TRUE": {Value: "true"}, "N": {Value: "1.10"}, "NULL": {Value: "~"}, "EMPTY": {Value: ""},
				"LINES": {Value: "a\n  b\n\n"}, "ODD": {Value: "\u0085\u2028\ufeff\x01é\U0001f600"},
			},
			Health: &pod.Health{Off: true},
		},
		ref(pod.KindRoute, "shop"): &pod.Route{TLS: pod.TLS{Mode: pod.TLSOff}, Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web", Weight: number(0)}}}}},
	}
	var file []byte
	for _, r := range spec.Refs() {
		text, err := pod.Encode(pod.FileOf(r.Name, spec[r]))
		if err != nil {
			t.Fatal(err)
		}
		file = append(append(file, "---\n"...), text...)
	}
	got, err := pod.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spec, got); diff != "" {
		t.Errorf("-want +got\n%s\n%s", diff, file)
	}
	want := `apiVersion: psc.dev/v1
kind: Route
metadata:
  name: shop
spec:
  rules:
  - path: /
    to:
    - app: web
      weight: 0
  tls: "off"
`
	text, err := pod.Encode(pod.FileOf("shop", spec.Route("shop")))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Files are sorted by kind, apps first, and then by name.
func TestFiles(t *testing.T) {
	s := shop()
	want := []pod.File{
		{APIVersion: "psc.dev/v1", Kind: pod.KindApp, Metadata: pod.Metadata{Name: "api"}, Spec: s.App("api")},
		{APIVersion: "psc.dev/v1", Kind: pod.KindApp, Metadata: pod.Metadata{Name: "web"}, Spec: s.App("web")},
		{APIVersion: "psc.dev/v1", Kind: pod.KindRoute, Metadata: pod.Metadata{Name: "shop"}, Spec: s.Route("shop")},
	}
	if diff := cmp.Diff(want, pod.Files(s)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A list shows what identifies a resource.
func TestDescribe(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("a", 64)
	for want, r := range map[string]pod.Resource{
		"hello:v1 · 2 instances · port 8080":     &pod.App{Image: "localhost:5000/hello:v1" + digest, Instances: number(2), Ports: []pod.Port{{Port: 8080}, {Port: 1}}},
		"hello@sha256:aaaaaaaaaaaa · 1 instance": &pod.App{Image: "ghcr.io/acme/hello" + digest},
		"hello · 0 instances":                    &pod.App{Image: "hello", Instances: number(0)},
		"-> web 90%, api 10%; /api -> api 100%":  shop().Route("shop"),
		"-> a 33.3%, b 66.7%":                    &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "a"}, {App: "b", Weight: number(2)}}}}},
		"-> a 100%, b 0%":                        &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "a"}, {App: "b", Weight: number(0)}}}}},
	} {
		if got := r.Describe(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// An app without a size is small. cpu and memory override the size.
func TestResources(t *testing.T) {
	for name, test := range map[string]struct {
		app  pod.App
		want pod.Size
	}{
		"none":   {want: pod.Size{CPU: "100m", Memory: "256Mi"}},
		"size":   {app: pod.App{Size: "large"}, want: pod.Size{CPU: "500m", Memory: "1Gi"}},
		"cpu":    {app: pod.App{CPU: "2"}, want: pod.Size{CPU: "2", Memory: "256Mi"}},
		"memory": {app: pod.App{Size: "large", Memory: "3Gi"}, want: pod.Size{CPU: "500m", Memory: "3Gi"}},
	} {
		if diff := cmp.Diff(test.want, test.app.Resources()); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// JSON may write one character as two escapes, as most encoders of other languages do.
func TestDecodePairsOfEscapes(t *testing.T) {
	got, err := pod.Decode([]byte(`{"apiVersion": "psc.dev/v1", "kind": "App", "metadata": {"name": "web"},
		"spec": {"image": "web:1", "args": ["\ud83d\ude00", "\\ud83d\\ude00", "\u00e9"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"😀", `\ud83d\ude00`, "é"}, got.App("web").Args); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Bytes that no text has are refused with their line, and so is half of a character.
func TestDecodeUnreadable(t *testing.T) {
	for text, want := range map[string]string{
		header + "spec: {image: a, env: {A: caf\xe9}}": "line 4: has the byte 0xe9, which is not valid UTF-8",
		header + "spec: {image: a}\n# \xff":            "line 5: has the byte 0xff, which is not valid UTF-8",
		header + "spec: {image: a, args: [\x00]}":      "line 4: has the control character 0x00",
		header + `spec: {image: a, args: ["\ud800"]}`:  "line 4: found invalid Unicode character escape code",
		"\xff\xfea\x00:\x00 \x00b\x00":                 "line 1: a: unknown field",
	} {
		if _, err := pod.Decode([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
