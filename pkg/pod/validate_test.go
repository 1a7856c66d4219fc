package pod_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

func validate(t *testing.T, s pod.Spec) pod.Problems {
	t.Helper()
	err := pod.Validate(s)
	var problems pod.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("got %T, want Problems", err)
	}
	return problems
}

// All problems of a spec are reported at once, sorted by path.
func TestValidate(t *testing.T) {
	user := int64(-1)
	s := pod.Spec{
		ref(pod.KindApp, "1st"):  &pod.App{Image: "web:1"},
		ref(pod.KindApp, "apis"): &pod.App{Image: "api:1"},
		ref(pod.KindApp, "web"): &pod.App{
			Image:     "Not an image",
			User:      &user,
			Instances: number(10001),
			Size:      "huge",
			CPU:       "-1",
			Memory:    "lots",
			Ports:     []pod.Port{{Name: "http", Port: 0}, {Name: "http", Port: 90}, {Name: "web", Port: 90}, {Name: "far-too-long-name", Port: 65536}},
			Env: map[string]pod.EnvValue{
				"API":     {App: "api"},
				"APIS":    {App: "apis"},
				"=":       {Value: "x"},
				"NOTHING": {Value: ""},
			},
			Health:   &pod.Health{Path: "healthz", TCP: true, Port: 70000},
			Strategy: "canary",
		},
		ref(pod.KindRoute, "shop"): &pod.Route{
			Hosts: []string{"Shop.example.com", "*.example.com", "a.example.com", "a.example.com"},
			TLS:   pod.TLS{Mode: "on"},
			Rules: []pod.Rule{
				{Path: "api", To: []pod.Target{{App: "apis"}}},
				{Path: "/a", To: []pod.Target{{App: "web", Weight: number(0)}}},
				{Path: "/a/", To: nil},
				{Path: "/b", To: []pod.Target{{App: "wbe"}, {App: "web", Weight: number(-1)}, {App: "web", Weight: number(1000001)}}},
			},
		},
		ref(pod.KindRoute, "none"): &pod.Route{},
	}
	want := []string{
		`app/1st metadata.name: "1st" is not allowed: use a-z, 0-9 and -, start with a letter, and end with a letter or digit, at most 63 characters`,
		`app/web spec.cpu: "-1" is not a quantity such as 500m`,
		`app/web spec.env.=: "=" is not allowed: use letters, digits, _, - and dots, and do not start with a digit`,
		`app/web spec.env.API: no app named "api", did you mean "apis"?`,
		`app/web spec.env.APIS: app "apis" has no port`,
		`app/web spec.health: needs exactly one of path, command, tcp, grpc and off`,
		`app/web spec.health.path: must begin with /, is "healthz"`,
		`app/web spec.health.port: must be 1 to 65535, is 70000`,
		`app/web spec.image: "Not an image" is not an image name such as ghcr.io/acme/web:1.4`,
		`app/web spec.instances: must be 0 to 10000, is 10001`,
		`app/web spec.memory: "lots" is not a quantity such as 512Mi`,
		`app/web spec.ports[far-too-long-name].name: "far-too-long-name" is not allowed: use a-z, 0-9 and single -, with at least one letter, at most 15 characters`,
		`app/web spec.ports[far-too-long-name].port: must be 1 to 65535, is 65536`,
		`app/web spec.ports[http]: is listed twice`,
		`app/web spec.ports[http].port: must be 1 to 65535, is 0`,
		`app/web spec.ports[web].port: 90 is listed twice`,
		`app/web spec.size: must be one of small, medium, large, xlarge, is "huge"`,
		`app/web spec.strategy: must be rolling or recreate, is "canary"`,
		`app/web spec.user: must be between 0 and 2147483647, inclusive, is -1`,
		`route/none spec.rules: is empty: name the app that the route leads to`,
		`route/shop spec.hosts[Shop.example.com]: "Shop.example.com" is not allowed: use a-z, 0-9, - and dots`,
		`route/shop spec.hosts[a.example.com]: is listed twice`,
		`route/shop spec.rules[/a/]: is listed twice`,
		`route/shop spec.rules[/a/].to: is empty: name the app that the path leads to`,
		`route/shop spec.rules[/a].to: all weights are 0: no app would get the traffic`,
		`route/shop spec.rules[/b].to[wbe]: no app named "wbe", did you mean "web"?`,
		`route/shop spec.rules[/b].to[web]: is listed twice`,
		`route/shop spec.rules[/b].to[web].weight: must be 0 to 1000000, is -1`,
		`route/shop spec.rules[/b].to[web].weight: must be 0 to 1000000, is 1000001`,
		`route/shop spec.rules[api].path: must begin with /, is "api"`,
		`route/shop spec.rules[api].to[apis]: app "apis" has no port`,
		`route/shop spec.tls: must be auto, off or {secret: name}, is "on"`,
	}
	if diff := cmp.Diff(want, strings.Split(validate(t, s).Error(), "\n")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A valid spec has no problems.
func TestValid(t *testing.T) {
	off, command := &pod.Health{Off: true}, &pod.Health{Command: []string{"true"}}
	for name, s := range map[string]pod.Spec{
		"nothing": nil,
		"shop":    shop(),
		"workers": {
			ref(pod.KindApp, "a"):                     &pod.App{Image: "localhost:5000/a/b-c:v1.2_3@sha256:" + strings.Repeat("0", 64), Instances: number(0)},
			ref(pod.KindApp, "b"):                     &pod.App{Image: "b", Health: off, CPU: "2", Memory: "1Gi", Size: "large", Strategy: "recreate"},
			ref(pod.KindApp, "c"):                     &pod.App{Image: "c", Health: command},
			ref(pod.KindApp, "d"):                     &pod.App{Image: "d", Health: &pod.Health{Path: "/", Port: 80}},
			ref(pod.KindApp, strings.Repeat("e", 63)): &pod.App{Image: "e", Env: map[string]pod.EnvValue{"a.b-c": {}}},
		},
		// Several routes can have the same host or the same path, but not both.
		"routes side by side": {
			ref(pod.KindApp, "a"):   &pod.App{Image: "a", Ports: []pod.Port{{Name: "http", Port: 80}}},
			ref(pod.KindRoute, "1"): &pod.Route{Hosts: []string{"a.eu"}, TLS: pod.TLS{Mode: pod.TLSOff}, Rules: []pod.Rule{{Path: "/a", To: []pod.Target{{App: "a"}}}}},
			ref(pod.KindRoute, "2"): &pod.Route{Hosts: []string{"a.eu"}, TLS: pod.TLS{Mode: pod.TLSAuto}, Rules: []pod.Rule{{Path: "/b", To: []pod.Target{{App: "a"}}}}},
			ref(pod.KindRoute, "3"): &pod.Route{Hosts: []string{"b.eu"}, Rules: []pod.Rule{{Path: "/a", To: []pod.Target{{App: "a"}}}}},
			ref(pod.KindRoute, "4"): &pod.Route{Rules: []pod.Rule{{Path: "/a/%20~b;c", To: []pod.Target{{App: "a"}}}}},
			ref(pod.KindRoute, "5"): &pod.Route{Rules: []pod.Rule{{Path: "/a", To: []pod.Target{{App: "a"}}}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if problems := validate(t, s); problems != nil {
				t.Error(problems)
			}
		})
	}
}

// A health check needs a port of the app, unless it runs a command.
func TestValidateHealth(t *testing.T) {
	ports := []pod.Port{{Name: "http", Port: 80}}
	for name, test := range map[string]struct {
		app  pod.App
		want pod.Problems
	}{
		"none":                {app: pod.App{Health: &pod.Health{}}, want: pod.Problems{{Path: "app/web spec.health", Message: "needs exactly one of path, command, tcp, grpc and off"}}},
		"only a port":         {app: pod.App{Health: &pod.Health{Port: 80}}, want: pod.Problems{{Path: "app/web spec.health", Message: "needs exactly one of path, command, tcp, grpc and off"}}},
		"no port":             {app: pod.App{Health: &pod.Health{TCP: true}}, want: pod.Problems{{Path: "app/web spec.health", Message: "needs a port: the app has none that can be checked"}}},
		"path without a port": {app: pod.App{Health: &pod.Health{Path: "/"}}, want: pod.Problems{{Path: "app/web spec.health", Message: "needs a port: the app has none that can be checked"}}},
		"first port":          {app: pod.App{Health: &pod.Health{TCP: true}, Ports: ports}},
	} {
		t.Run(name, func(t *testing.T) {
			test.app.Image = "web"
			if diff := cmp.Diff(test.want, validate(t, pod.Spec{ref(pod.KindApp, "web"): &test.app})); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Each row is an app as a file spells it, and the problem of its checks, ports, limit or capabilities; "" is none.
func TestValidateApp(t *testing.T) {
	const dns = "ports: [{name: dns, port: 53}, {name: dns-udp, port: 53, protocol: UDP}, {name: http, port: 80}]"
	for spec, want := range map[string]string{
		dns: "",
		dns + "\n  health: {path: /, headers: {Host: shop.example.com}, timeout: 10s, every: 15s}":     "",
		dns + "\n  health: {path: /, headers: {Host: a, host: b}}":                                     "spec.health.headers.host: is the same header as Host",
		dns + "\n  health: {path: /, headers: {\"a b\": x}}":                                           "spec.health.headers.a b: a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
		dns + "\n  health: {path: /, headers: {A: \"x\\ny\"}}":                                         "spec.health.headers.A: has a line break or another control character",
		dns + "\n  health: {tcp: true, headers: {A: x}}":                                               "spec.health.headers: needs a path: only an HTTP request has headers",
		dns + "\n  health: {tcp: true, timeout: 500ms}":                                                `spec.health.timeout: "500ms" is not a duration such as 90s, in whole seconds, of at most 24h`,
		dns + "\n  health: {tcp: true, every: 15}":                                                     `spec.health.every: "15" is not a duration such as 90s, in whole seconds, of at most 24h`,
		dns + "\n  health: {tcp: true, port: 53}":                                                      "",
		dns + "\n  health: {grpc: true}":                                                               "spec.health.grpc: needs port http to have the protocol h2c",
		dns + "\n  liveness: {path: /livez, every: 30s}":                                               "",
		dns + "\n  liveness: {off: true}":                                                              "spec.liveness.off: is the default: remove spec.liveness",
		dns + "\n  liveness: {tcp: true, path: /}":                                                     "spec.liveness: needs exactly one of path, command, tcp, grpc and off",
		dns + "\n  mainPort: dns":                                                                      "spec.ports[http]: must be the main port: routes and other apps reach the main port at 80",
		"ports: [{name: a, port: 1}, {name: b, port: 2}]\n  mainPort: b":                               "",
		"ports: [{name: web, port: 1}, {name: udp, port: 2, protocol: UDP}]\n  mainPort: wed":          `spec.mainPort: the app has no TCP port named "wed", did you mean "web"?`,
		"ports: [{name: web, port: 1}, {name: udp, port: 2, protocol: UDP}]\n  mainPort: udp":          `spec.mainPort: the app has no TCP port named "udp"`,
		"ports: [{name: udp, port: 80, protocol: UDP}]":                                                "",
		"ports: [{name: udp, port: 80, protocol: UDP}]\n  health: {tcp: true}":                         "spec.health: needs a port: the app has none that can be checked",
		"ports: [{name: udp, port: 80, protocol: UDP}]\n  health: {tcp: true, port: 80}":               "spec.health.port: is port udp, and UDP cannot be checked: use a command or off",
		"ports: [{name: a, port: 1, protocol: UDP}, {name: b, port: 1, protocol: UDP}]":                "spec.ports[b].port: 1 is listed twice",
		"ports: [{name: a, port: 1, protocol: TCP}, {name: b, port: 1, protocol: h2c}]":                "spec.ports[b].port: 1 is listed twice",
		"ports: [{name: a, port: 1, protocol: udp}]":                                                   `spec.ports[a].protocol: must be one of TCP, h2c, UDP, is "udp", did you mean "UDP"?`,
		"ports: [{name: a, port: 1, protocol: gRPC}]":                                                  `spec.ports[a].protocol: must be one of TCP, h2c, UDP, is "gRPC": gRPC is h2c`,
		"ports: [{name: a, port: 1, protocol: http}]":                                                  `spec.ports[a].protocol: must be one of TCP, h2c, UDP, is "http": http is TCP`,
		"ports: [{name: a, port: 1, protocol: h2c}]\n  health: {grpc: true}\n  liveness: {grpc: true}": "",
		"health: {grpc: true, port: 9000}":                                                             "",
		"cpuLimit: 100m":                                                                               "",
		"cpuLimit: 99m":                                                                                `spec.cpuLimit: "99m" is less than the CPU request, 100m`,
		"cpuLimit: 2000":                                                                               `spec.cpuLimit: "2000" is more than 1000 CPUs: a thousandth of a CPU is 1m`,
		"cpuLimit: much":                                                                               `spec.cpuLimit: "much" is not a quantity such as 500m`,
		"capabilities: [NET_ADMIN, NET_RAW]":                                                           "",
		"capabilities: [NET_ADMIN, NET_ADMIN]":                                                         "spec.capabilities[NET_ADMIN]: is listed twice",
		"capabilities: [CAP_NET_ADMIN]":                                                                `spec.capabilities[CAP_NET_ADMIN]: is not a Linux capability such as NET_ADMIN, did you mean "NET_ADMIN"?`,
	} {
		s, err := pod.Decode([]byte("apiVersion: psc.dev/v1\nkind: App\nmetadata: {name: web}\nspec:\n  image: web\n  " + spec))
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		if got := strings.TrimPrefix(validate(t, s).Error(), "app/web "); got != want {
			t.Errorf("%s\n got %s\nwant %s", spec, got, want)
		}
	}
}

// The main port does not depend on the order where it has a name or the number 80.
func TestMain(t *testing.T) {
	for want, app := range map[string]pod.App{
		"":      {Ports: []pod.Port{{Name: "udp", Port: 53, Protocol: "UDP"}}},
		"first": {Ports: []pod.Port{{Name: "udp", Port: 53, Protocol: "UDP"}, {Name: "first", Port: 1}, {Name: "http", Port: 8080}}},
		"http":  {Ports: []pod.Port{{Name: "dns", Port: 53}, {Name: "http", Port: 80}, {Name: "more", Port: 81}}},
		"more":  {MainPort: "more", Ports: []pod.Port{{Name: "dns", Port: 53}, {Name: "http", Port: 8080}, {Name: "more", Port: 81}}},
	} {
		if got, ok := app.Main(); got.Name != want || ok != (want != "") {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

// Amounts that no machine has are typing errors, and an empty string is not a command.
func TestValidateAbsurd(t *testing.T) {
	for want, app := range map[string]pod.App{
		`app/web spec.cpu: "1001" is more than 1000 CPUs: a thousandth of a CPU is 1m`:      {CPU: "1001"},
		`app/web spec.memory: "11Ti" is more than 10Ti: the units are Mi and Gi`:            {Memory: "11Ti"},
		`app/web spec.command: begins with an empty string: name the program to run`:        {Command: []string{""}},
		`app/web spec.health.command: begins with an empty string: name the program to run`: {Health: &pod.Health{Command: []string{"", "x"}}},
	} {
		app.Image = "web"
		err := pod.Validate(pod.Spec{ref(pod.KindApp, "web"): &app})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	most := &pod.App{Image: "web", CPU: "1000", Memory: "10Ti", Command: []string{"x", ""}}
	if err := pod.Validate(pod.Spec{ref(pod.KindApp, "web"): most}); err != nil {
		t.Error(err)
	}
}

// Memory in the wrong unit is a problem of the spec, before the app is killed for it.
func TestValidateMemory(t *testing.T) {
	for memory, want := range map[string]string{
		"512m": `"512m" is less than 1Mi: the units are Mi and Gi`,
		"512":  `"512" is less than 1Mi: the units are Mi and Gi`,
		"512M": "",
		"1Mi":  "",
		"0":    `"0" is not a quantity such as 512Mi`,
	} {
		problems := validate(t, pod.Spec{ref(pod.KindApp, "web"): &pod.App{Image: "web", Memory: memory}})
		got := ""
		if len(problems) > 0 {
			got = problems[0].Message
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", memory, got, want)
		}
	}
}

// A path that the Gateway API would reject is a problem of the spec.
func TestValidatePaths(t *testing.T) {
	for path, want := range map[string]string{
		"/a b":                          `"/a b" has characters that are not allowed in a path: escape them, as in %20`,
		"/ä":                            `"/ä" has characters that are not allowed in a path: escape them, as in %20`,
		"/a#b":                          `"/a#b" has characters that are not allowed in a path: escape them, as in %20`,
		"/100%":                         `"/100%" has characters that are not allowed in a path: escape them, as in %20`,
		"/a//b":                         `must not have an empty segment, the segments . and .., or %2f, is "/a//b"`,
		"/a/./b":                        `must not have an empty segment, the segments . and .., or %2f, is "/a/./b"`,
		"/a/..":                         `must not have an empty segment, the segments . and .., or %2f, is "/a/.."`,
		"/a%2Fb":                        `must not have an empty segment, the segments . and .., or %2f, is "/a%2Fb"`,
		"/" + strings.Repeat("a", 1024): "has 1025 characters: at most 1024 are allowed",
		"/.well-known/...":              "",
		"/a.b/..c":                      "",
	} {
		s := shop()
		s.Route("shop").Rules = []pod.Rule{{Path: path, To: []pod.Target{{App: "web"}}}}
		problems := validate(t, s)
		got := ""
		if len(problems) > 0 {
			got = problems[0].Message
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// The limits of the Gateway API are checked before the API server checks them.
func TestValidateCounts(t *testing.T) {
	s := shop()
	r := &pod.Route{}
	for i := range 17 {
		app := fmt.Sprintf("a%d", i)
		s[ref(pod.KindApp, app)] = s.App("web")
		r.Hosts = append(r.Hosts, app+".example.com")
		r.Rules = append(r.Rules, pod.Rule{Path: "/" + app, To: []pod.Target{{App: "web"}}})
		r.Rules[0].To = append(r.Rules[0].To, pod.Target{App: app})
	}
	r.Rules[0].To = r.Rules[0].To[1:]
	s[ref(pod.KindRoute, "shop")] = r
	want := pod.Problems{
		{Path: "route/shop spec.hosts", Message: "has 17 items: at most 16 are allowed"},
		{Path: "route/shop spec.rules", Message: "has 17 items: at most 16 are allowed"},
		{Path: "route/shop spec.rules[/a0].to", Message: "has 17 items: at most 16 are allowed"},
	}
	if diff := cmp.Diff(want, validate(t, s)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// Two routes cannot have the same host and path. It is reported once, at the second of the two.
func TestValidateClash(t *testing.T) {
	s := shop()
	s[ref(pod.KindRoute, "more")] = &pod.Route{
		Hosts: []string{"shop.example.com"},
		Rules: []pod.Rule{{Path: "/api/", To: []pod.Target{{App: "api"}}}},
	}
	want := pod.Problems{{Path: "route/shop spec.rules[/api]", Message: `shop.example.com/api is already used by route "more"`}}
	if diff := cmp.Diff(want, validate(t, s)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A name is suggested only if it is likely: a bad suggestion misleads.
func TestNearest(t *testing.T) {
	fields := []string{"image", "instances", "ports", "env", "health", "web", "web-next", "to"}
	for word, want := range map[string]string{
		"imgae":    "image", // a swap is one slip
		"Image":    "image",
		"instance": "instances",
		"instnces": "instances",
		"port":     "ports",
		"wb":       "web",
		"web-nxt":  "web-next",
		"evn":      "env",
		"ot":       "to",
		"db":       "", // not env, not to
		"x":        "",
		"api":      "",
		"replicas": "",
		"":         "",
	} {
		if got := pod.Nearest(word, fields); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
}
