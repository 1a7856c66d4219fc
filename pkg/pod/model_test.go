package pod_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

// everything is a spec with resources of each kind that refer to each other.
const everything = `
apiVersion: psc.dev/v1
kind: App
metadata: {name: web}
spec:
  image: web:1
  autoscale: {min: 2, max: 10, cpu: 60}
  ports: [{name: http, port: 8080}, {name: admin, port: 9090}]
  env:
    URL: {secret: db, key: url}
    ADMIN: {app: web, port: admin}
    TEXT: {file: nginx.conf, config: web}
    NODE: {instance: node}
    ALL: {template: '$(ADMIN) $(URL) $$'}
  files:
  - {path: /etc/web, config: web}
  - {path: /etc/nginx.conf, config: web, file: nginx.conf}
  - {path: /run/db, secret: db}
  startGrace: 90s
  stopGrace: 1m
---
apiVersion: psc.dev/v1
kind: App
metadata: {name: db}
spec:
  image: db:1
  disks: [{path: /data, disk: data}]
---
apiVersion: psc.dev/v1
kind: Route
metadata: {name: shop}
spec:
  hosts: [shop.example.com]
  tls: {secret: shop-tls}
  rules: [{path: /, to: [{app: web}]}, {path: /admin, to: [{app: web, port: admin}]}]
---
apiVersion: psc.dev/v1
kind: Config
metadata: {name: web}
spec:
  files:
    nginx.conf: |
      worker_processes 4;
    logo: {base64: "/w=="}
---
apiVersion: psc.dev/v1
kind: Secret
metadata: {name: db}
spec: {keys: {url: aaaaaaaaaa, password: bbbbbbbbbb}}
---
apiVersion: psc.dev/v1
kind: Secret
metadata: {name: shop-tls}
spec: {keys: {tls.crt: cccccccccc, tls.key: cccccccccc}}
---
apiVersion: psc.dev/v1
kind: Disk
metadata: {name: data}
spec: {size: 10Gi, class: fast}
`

func decode(t *testing.T, text string) pod.Spec {
	t.Helper()
	s, err := pod.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every kind has an example, which is valid, and which can be read again from its file and from its record.
func TestEveryKind(t *testing.T) {
	var examples strings.Builder
	for _, kind := range pod.Kinds() {
		text, err := os.ReadFile("../../docs/examples/" + kind.Word() + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		examples.WriteString("---\n" + string(text))
	}
	for _, text := range []string{everything, examples.String()} {
		s := decode(t, text)
		if problems := validate(t, s); problems != nil {
			t.Fatal(problems)
		}
		if diff := cmp.Diff(s, decode(t, stream(t, s, pod.FileOf))); diff != "" {
			t.Errorf("files: -want +got\n%s", diff)
		}
		if diff := cmp.Diff(s, decode(t, stream(t, s, pod.Record))); diff != "" {
			t.Errorf("records: -want +got\n%s", diff)
		}
	}
}

// A file has the content of a config, a record only its digest.
func TestFilesHaveTheText(t *testing.T) {
	s := decode(t, everything)
	const text = "worker_processes 4;"
	if files := stream(t, s, pod.FileOf); !strings.Contains(files, text) {
		t.Errorf("the files do not have the text:\n%s", files)
	}
	if records := stream(t, s, pod.Record); strings.Contains(records, text) {
		t.Errorf("the records have the text:\n%s", records)
	}
}

// stream returns a spec as one file of YAML.
func stream(t *testing.T, s pod.Spec, form func(string, pod.Resource) pod.File) string {
	t.Helper()
	var out strings.Builder
	for _, ref := range s.Refs() {
		text, err := pod.Encode(form(ref.Name, s[ref]))
		if err != nil {
			t.Fatal(err)
		}
		out.WriteString("---\n" + string(text))
	}
	return out.String()
}

// Each row is a change of everything, and the problem that it causes.
func TestReferences(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"URL: {secret: db, key: url}", "URL: {secret: dbs, key: url}", `app/web spec.env.URL: no secret named "dbs", did you mean "db"?`},
		{"URL: {secret: db, key: url}", "URL: {secret: db, key: ulr}", `app/web spec.env.URL: secret "db" has no key "ulr", did you mean "url"?`},
		{"URL: {secret: db, key: url}", "URL: {secret: db}", `app/web spec.env.URL: must name a key of secret "db"`},
		{"URL: {secret: db, key: url}", "URL: {secret: db, key: url, app: db}", `app/web spec.env.URL: needs exactly one of app, secret, config, instance and template`},
		{"URL: {secret: db, key: url}", "URL: {app: web, key: url}", `app/web spec.env.URL: has a key but no secret`},
		{"URL: {secret: db, key: url}", "URL: {secret: db, key: url, port: http}", `app/web spec.env.URL: has a port but no app`},
		{"URL: {secret: db, key: url}", "URL: {config: web}", `app/web spec.env.URL: must name a file of config "web"`},
		{"URL: {secret: db, key: url}", "URL: {app: web, file: a}", `app/web spec.env.URL: has a file but no config`},
		{"URL: {secret: db, key: url}", "URL: {config: web, file: logos}", `app/web spec.env.URL: config "web" has no file "logos", did you mean "logo"?`},
		{"URL: {secret: db, key: url}", "URL: {config: web, file: logo}", `app/web spec.env.URL: file logo of config "web" is not a text, so it cannot be a variable`},
		{"URL: {secret: db, key: url}", "URL: {instance: ip}", `app/web spec.env.URL: must be name, address or node, is "ip"`},
		{"URL: {secret: db, key: url}", "URL: {template: 'a$(ADMN)'}", `app/web spec.env.URL: no variable named "ADMN" in the same app, did you mean "ADMIN"?`},
		{"URL: {secret: db, key: url}", "URL: {template: 'a$(ADMIN'}", `app/web spec.env.URL: has $( without ): write $$( for the text itself`},
		{"URL: {secret: db, key: url}", "URL: {template: '$(A)'}\n    A: {template: '$$(X) $(B) $5'}\n    B: {template: $(A)}", "app/web spec.env.A: refers to itself: A -> B -> A\napp/web spec.env.B: refers to itself: B -> A -> B"},
		{"URL: {secret: db, key: url}", "URL: {template: '$(URL)'}", `app/web spec.env.URL: refers to itself: URL -> URL`},
		{"startGrace: 90s", "envFrom: [{secret: db}, {secret: db, prefix: A}]", `app/web spec.envFrom[secret/db]: is listed twice`},
		{"startGrace: 90s", "envFrom: [{secret: db, config: web}]", `app/web spec.envFrom[0]: needs exactly one of config and secret`},
		{"startGrace: 90s", "envFrom: [{secret: dbs}]", `app/web spec.envFrom[secret/dbs]: no secret named "dbs", did you mean "db"?`},
		{"startGrace: 90s", "envFrom: [{config: web}]", `app/web spec.envFrom[config/web]: file logo of config "web" is not a text, so it cannot be a variable`},
		{"startGrace: 90s", "envFrom: [{secret: db, prefix: 1_}]", "app/web spec.envFrom[secret/db]: \"password\" would be the variable \"1_password\", which is not a valid name: use letters, digits, _, - and ., and no digit first\napp/web spec.envFrom[secret/db]: \"url\" would be the variable \"1_url\", which is not a valid name: use letters, digits, _, - and ., and no digit first"},
		{"ADMIN: {app: web, port: admin}", "ADMIN: {app: web, port: admim}", `app/web spec.env.ADMIN: app "web" has no port named "admim", did you mean "admin"?`},
		{"to: [{app: web, port: admin}]", "to: [{app: web, port: grpc}]", `route/shop spec.rules[/admin].to[web]: app "web" has no port named "grpc"`},
		{"config: web, file: nginx.conf", "config: web, file: nginx.cfg", `app/web spec.files[/etc/nginx.conf]: config "web" has no file "nginx.cfg", did you mean "nginx.conf"?`},
		{"config: web, file: nginx.conf", "config: wbe", `app/web spec.files[/etc/nginx.conf]: no config named "wbe", did you mean "web"?`},
		{"path: /etc/web, config: web", "path: /etc/web", `app/web spec.files[/etc/web]: needs exactly one of config and secret`},
		{"path: /etc/web, config: web", "path: etc/web, config: web", `app/web spec.files[etc/web].path: must be an absolute path such as /etc/web, is "etc/web"`},
		{"path: /etc/web, config: web", "path: /, config: web", `app/web spec.files[/].path: must not be the root of the file system`},
		{"path: /etc/web, config: web", "path: /run/db, config: web", `app/web spec.files[/run/db]: is listed twice`},
		{"disk: data}", "disk: date}", `app/db spec.disks[/data]: no disk named "date", did you mean "data"?`},
		{"autoscale: {min: 2, max: 10, cpu: 60}", "disks: [{path: /data, disk: data}]", `app/web spec.disks[/data]: disk "data" is already used by app "db": only a disk with shared: true can be used by several apps, if its class offers such disks. A process of app "db" can use it without`},
		{"image: db:1", "image: db:1\n  processes: [{name: db, command: [a]}]", `app/db spec.processes[db].name: is the name of the app or of another process`},
		{"image: db:1", "image: db:1\n  processes: [{name: Cron, command: [a]}]", `app/db spec.processes[Cron].name: "Cron" is not allowed: use a-z, 0-9 and -, start and end with a letter or digit, at most 63 characters`},
		{"image: db:1", "image: db:1\n  processes: [{name: cron}]", `app/db spec.processes[cron]: needs an image, a command or args of its own`},
		{"image: db:1", "image: db:1\n  env: {A: b}\n  processes: [{name: cron, image: c, env: {B: {template: $(A)}}}]", `app/db spec.processes[cron].env.B: no variable named "A" in the same app, did you mean "B"?`},
		{"image: db:1", "image: db:1\n  scratch: [{path: /t, size: 1Gi}]\n  processes: [{name: cron, image: c, scratch: [{path: /t, size: 2Gi}]}]", `app/db spec.processes[cron].scratch[/t].size: is 2Gi, but 1Gi for another process that shares the folder`},
		{"image: db:1", "image: db:1\n  scratch: [{path: /tmp}]", `app/db spec.scratch[/tmp].size: is missing: set a size such as 1Gi`},
		{"image: db:1", "image: db:1\n  scratch: [{path: /tmp, size: 512m}]", `app/db spec.scratch[/tmp].size: "512m" is less than 1Mi: the units are Mi and Gi`},
		{"image: db:1", "image: db:1\n  scratch: [{path: /data, size: 1Gi}]", `app/db spec.scratch[/data]: is listed twice`},
		{"secret: db}\n  startGrace", "secret: db, mode: 0o400}\n  startGrace", `app/web spec.files[/run/db].mode: "0o400" is not a mode such as 0644, 0755 or 0400`},
		{"secret: db}\n  startGrace", "secret: db, mode: 1777}\n  startGrace", `app/web spec.files[/run/db].mode: "1777" is not a mode such as 0644, 0755 or 0400`},
		{"image: db:1", "image: db:1\n  instances: 2", `app/db spec.disks: an app with a disk can have one instance only, unless the disk is shared`},
		{"image: db:1", "image: db:1\n  strategy: rolling", `app/db spec.strategy: must be recreate for an app with a disk that is not shared`},
		{"image: web:1", "image: web:1\n  instances: 2", `app/web spec.autoscale: chooses the number of instances: remove it or spec.instances`},
		{"{min: 2, max: 10, cpu: 60}", "{min: 0, max: 10}", `app/web spec.autoscale.min: must be 1 to 10000, is 0`},
		{"{min: 2, max: 10, cpu: 60}", "{min: 2, max: 1}", `app/web spec.autoscale.max: must be min (2) to 10000, is 1`},
		{"{min: 2, max: 10, cpu: 60}", "{min: 2, max: 2, cpu: 1001}", `app/web spec.autoscale.cpu: must be 1 to 1000 percent, is 1001`},
		{"stopGrace: 1m", "stopGrace: 1.5s", `app/web spec.stopGrace: "1.5s" is not a duration such as 90s, in whole seconds, of at most 24h`},
		{"stopGrace: 1m", `args: [a, "b\0"]`, `app/web spec.args[1]: has a NUL character`},
		{"stopGrace: 1m", `health: {command: ["\0"]}`, `app/web spec.health.command[0]: has a NUL character`},
		{"ADMIN: {app: web, port: admin}", `ADMIN: "\0"`, `app/web spec.env.ADMIN: has a NUL character`},
		{"startGrace: 90s", "startGrace: 90", `app/web spec.startGrace: "90" is not a duration such as 90s, in whole seconds, of at most 24h`},
		{"port: 9090}]", "port: 80}]\n  mainPort: http", `app/web spec.ports[admin]: must be the main port: routes and other apps reach the main port at 80`},
		{"image: db:1", "image: db:1\n  ports: [{name: dns, port: 53, protocol: UDP}]\n  env: {SELF: {app: db}}", `app/db spec.env.SELF: app "db" has only UDP ports, which have no http address`},
		{"port: 9090}", "port: 9090, protocol: UDP}", "app/web spec.env.ADMIN: port \"admin\" of app \"web\" is UDP, which has no http address: other apps reach it as web:9090\n" +
			`route/shop spec.rules[/admin].to[web]: port "admin" of app "web" is UDP, which has no http address: other apps reach it as web:9090`},
		{"tls: {secret: shop-tls}", "tls: {secret: db}", `route/shop spec.tls.secret: secret "db" needs the keys tls.crt and tls.key, set in one command`},
		{"tls.key: cccccccccc", "tls.key: dddddddddd", `route/shop spec.tls.secret: secret "shop-tls" needs the keys tls.crt and tls.key, set in one command`},
		{"hosts: [shop.example.com]", "hosts: []", `route/shop spec.hosts: is empty: name the hosts of the certificate`},
		{"url: aaaaaaaaaa", `url: hunter2`, `secret/db spec.keys.url: is not the version of a value, and a file cannot set the value`},
		{"url: aaaaaaaaaa", `url: aaaaaaaaaa, a/b: aaaaaaaaaa`, `secret/db spec.keys.a/b: "a/b" is not allowed: use letters, digits, -, _ and dots, at most 253 characters`},
		{`logo: {base64: "/w=="}`, `logo: {sha256: ab, size: 1}`, `config/web spec.files.logo: "ab" is not a SHA-256 digest`},
		{`logo: {base64: "/w=="}`, `logo: ` + strings.Repeat("x", pod.MaxFile+1), `config/web spec.files.logo: has 1024001 bytes: a file may have at most 1024000`},
		{"size: 10Gi", "size: 10", `disk/data spec.size: "10" is less than 1Mi: the units are Mi and Gi`},
		{"size: 10Gi, ", "", `disk/data spec.size: is missing: set a size such as 10Gi`},
		{"class: fast", "class: Fast", `disk/data spec.class: "Fast" is not allowed: use a-z, 0-9, - and dots`},
	} {
		if !strings.Contains(everything, test.from) {
			t.Fatalf("everything has no %q", test.from)
		}
		s := decode(t, strings.Replace(everything, test.from, test.to, 1))
		if diff := cmp.Diff(test.want, validate(t, s).Error()); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.to, diff)
		}
	}
}

// Files do not hold secret values. A value that a file holds by mistake is not repeated in the message.
func TestSecretValuesAreNotRepeated(t *testing.T) {
	s := decode(t, strings.Replace(everything, "url: aaaaaaaaaa", "url: hunter2", 1))
	if text := validate(t, s).Error(); strings.Contains(text, "hunter2") {
		t.Error(text)
	}
}

// A reference replaces another as a whole: their fields are not merged.
func TestApplyReplacesReferences(t *testing.T) {
	s := decode(t, everything)
	next, err := pod.Apply(s, pod.Change{Edits: []pod.Edit{
		{Verb: pod.Set, Kind: pod.KindApp, Name: "web", Fields: pod.Fields{"env": map[string]any{"URL": map[string]any{"app": "web"}}}},
		{Verb: pod.Set, Kind: pod.KindApp, Name: "web", Fields: pod.Fields{"files": map[string]any{"/run/db": nil, "/etc/web": map[string]any{"file": "logo"}}}},
		{Verb: pod.Set, Kind: pod.KindConfig, Name: "web", Fields: pod.Fields{"files": map[string]any{"logo": pod.ContentOf([]byte("x"))}}},
		{Verb: pod.Set, Kind: pod.KindRoute, Name: "shop", Fields: pod.Fields{"tls": "off"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := decode(t, strings.NewReplacer(
		"URL: {secret: db, key: url}", "URL: {app: web}",
		"  - {path: /run/db, secret: db}\n", "",
		"{path: /etc/web, config: web}", "{path: /etc/web, config: web, file: logo}",
		`logo: {base64: "/w=="}`, "logo: x",
		"tls: {secret: shop-tls}", "tls: off",
	).Replace(everything))
	if diff := cmp.Diff(want, next); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// If a file has no version for a key, the version that the pod has is used.
func TestApplyKeepsVersions(t *testing.T) {
	put := pod.Change{Edits: []pod.Edit{{
		Verb: pod.Put, Kind: pod.KindSecret, Name: "db",
		Fields: pod.Fields{"keys": map[string]any{"url": "", "password": "eeeeeeeeee"}},
	}}}
	next, err := pod.Apply(decode(t, everything), put)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"url": "aaaaaaaaaa", "password": "eeeeeeeeee"}
	if diff := cmp.Diff(want, next.Secret("db").Keys); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	next, err = pod.Apply(nil, put)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Unset(); err == nil || err.Error() != "secret/db spec.keys: no value yet for url" {
		t.Errorf("in a pod without the secret: %v", err)
	}
}

// The name of a content depends on the config, the file name and the bytes.
func TestContentObject(t *testing.T) {
	a, b := pod.ContentOf([]byte("a")), pod.ContentOf([]byte("b"))
	if a.Object("web", "f") != pod.ContentOf([]byte("a")).Object("web", "f") {
		t.Error("the same bytes have two names")
	}
	names := map[string]bool{a.Object("web", "f"): true, b.Object("web", "f"): true, a.Object("web", "g"): true, a.Object("api", "f"): true}
	if len(names) != 4 {
		t.Errorf("different contents share a name: %v", names)
	}
}
