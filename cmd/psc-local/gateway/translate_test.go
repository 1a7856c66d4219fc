package gateway

import (
	"crypto/tls"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "rewrite the expected results")

// TestTranslate: one file per rule of the specification; objects in, the table and all statuses out.
func TestTranslate(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			table, statuses := translate(parse(t, string(a.Files[0].Data)))
			got := describe(table) + "\n" + statuses.describe()
			if *update {
				a.Files = []txtar.File{a.Files[0], {Name: "want", Data: []byte(got)}}
				if err := os.WriteFile(file, txtar.Format(a), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(a.Files[1].Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// parse builds a world from YAML documents.
func parse(t testing.TB, text string) *world {
	t.Helper()
	services, namespaces, secrets := map[string]*corev1.Service{}, map[string]labels.Set{}, map[string]bool{}
	w := &world{
		address: "127.0.0.1", httpPort: 80, httpsPort: 443,
		service:   func(namespace, name string) *corev1.Service { return services[namespace+"/"+name] },
		namespace: func(name string) labels.Set { return namespaces[name] },
		certificate: func(namespace, name string) (*tls.Certificate, error) {
			if !secrets[namespace+"/"+name] {
				return nil, errNoSecret
			}
			return &tls.Certificate{}, nil
		},
	}
	for doc := range strings.SplitSeq(text, "\n---\n") {
		var kind metav1.TypeMeta
		into := func(o any) {
			if err := yaml.UnmarshalStrict([]byte(doc), o); err != nil {
				t.Fatalf("%v in\n%s", err, doc)
			}
		}
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			t.Fatal(err)
		}
		switch kind.Kind {
		case "GatewayClass":
			into(add(&w.classes))
		case "Gateway":
			into(add(&w.gateways))
		case "ListenerSet":
			into(add(&w.sets))
		case "HTTPRoute":
			into(add(&w.routes))
		case "ReferenceGrant":
			into(add(&w.grants))
		case "Service":
			s := &corev1.Service{}
			into(s)
			services[s.Namespace+"/"+s.Name] = s
		case "Namespace":
			n := &corev1.Namespace{}
			into(n)
			namespaces[n.Name] = n.Labels
		case "Secret":
			s := &corev1.Secret{}
			into(s)
			secrets[s.Namespace+"/"+s.Name] = true
		default:
			t.Fatalf("kind %q in\n%s", kind.Kind, doc)
		}
	}
	return w
}

func add[T any](list *[]*T) *T {
	*list = append(*list, new(T))
	return (*list)[len(*list)-1]
}

// describe prints the entries that a request is matched with, host by host in the order of precedence.
func describe(t *table) string {
	var b strings.Builder
	for i, port := range []listenPort{t.http, t.https} {
		scheme := []string{"http", "https"}[i]
		for _, host := range slices.Sorted(maps.Keys(port.hosts)) {
			for _, e := range port.hosts[host] {
				fmt.Fprintf(&b, "%s://%s %s %s", scheme, host, *e.match.Path.Type, *e.match.Path.Value)
				if e.match.Method != nil {
					fmt.Fprintf(&b, " %s", *e.match.Method)
				}
				for _, h := range e.match.Headers {
					fmt.Fprintf(&b, " %s=%s", h.Name, h.Value)
				}
				b.WriteString(" ->")
				for _, s := range e.rule.split.backends {
					fmt.Fprintf(&b, " %d*%s/%s:%s%s", s.weight, s.service.namespace, s.service.name, s.service.port, s.invalid)
				}
				if e.rule.timeout > 0 {
					fmt.Fprintf(&b, " within %s", e.rule.timeout)
				}
				b.WriteString("\n")
			}
		}
		for _, host := range slices.Sorted(maps.Keys(port.certificates)) {
			fmt.Fprintf(&b, "certificate %q issued=%t\n", host, port.certificates[host] == nil)
		}
	}
	return b.String()
}

func (s *statuses) describe() string {
	var lines []string
	say := func(of string, conditions []metav1.Condition) {
		for _, c := range conditions {
			if c.Status == metav1.ConditionTrue && c.Reason == c.Type || c.Type == "Conflicted" && c.Status == metav1.ConditionFalse {
				of += " " + map[bool]string{true: "+", false: "-"}[c.Status == metav1.ConditionTrue] + c.Type
				continue
			}
			of += fmt.Sprintf("\n  %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
		}
		lines = append(lines, of)
	}
	for name, c := range s.classes {
		say("class "+name, c)
	}
	for name, g := range s.gateways {
		say(fmt.Sprintf("gateway %s sets=%d", name, *g.AttachedListenerSets), g.Conditions)
		for _, l := range g.Listeners {
			say(fmt.Sprintf("gateway %s listener %s routes=%d kinds=%d", name, l.Name, l.AttachedRoutes, len(l.SupportedKinds)), l.Conditions)
		}
	}
	for name, g := range s.sets {
		say(fmt.Sprintf("listenerset %s", name), g.Conditions)
		for _, l := range g.Listeners {
			say(fmt.Sprintf("listenerset %s listener %s routes=%d kinds=%d", name, l.Name, l.AttachedRoutes, len(l.SupportedKinds)), l.Conditions)
		}
	}
	for name, parents := range s.routes {
		for _, p := range parents {
			say(fmt.Sprintf("route %s parent %s %s/%s", name, deref(p.ParentRef.Kind, "Gateway"), p.ParentRef.Name, deref(p.ParentRef.SectionName, "")), p.Conditions)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// TestMergeParents: entries of other controllers stay as they are, ours change in place, times stay.
func TestMergeParents(t *testing.T) {
	past := metav1.NewTime(time.Unix(1000, 0))
	entry := func(controller v1.GatewayController, name string, status metav1.ConditionStatus, at metav1.Time) v1.RouteParentStatus {
		return v1.RouteParentStatus{ControllerName: controller, ParentRef: v1.ParentReference{Name: v1.ObjectName(name)}, Conditions: []metav1.Condition{
			{Type: "Accepted", Status: status, Reason: "Accepted", LastTransitionTime: at},
		}}
	}
	have := []v1.RouteParentStatus{
		entry(Controller, "gone", "True", past),
		entry("other", "x", "False", past),
		entry(Controller, "kept", "True", past),
	}
	got := mergeParents(have, []v1.RouteParentStatus{entry(Controller, "kept", "True", metav1.Time{}), entry(Controller, "new", "True", past)})
	want := []v1.RouteParentStatus{entry("other", "x", "False", past), entry(Controller, "kept", "True", past), entry(Controller, "new", "True", past)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// thousand returns 1,000 routes, each with its own host and Service, on one Gateway with HTTP and HTTPS.
func thousand(t testing.TB) *world {
	w := parse(t, gatewayYAML)
	services := map[string]*corev1.Service{}
	w.service = func(_, name string) *corev1.Service { return services[name] }
	for i := range 1000 {
		name := fmt.Sprintf("web-%d", i)
		services[name] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}
		w.routes = append(w.routes, &v1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name)}, Spec: v1.HTTPRouteSpec{
			CommonRouteSpec: v1.CommonRouteSpec{ParentRefs: []v1.ParentReference{{Namespace: new(v1.Namespace("infra")), Name: "main"}}},
			Hostnames:       []v1.Hostname{v1.Hostname(name + "-shop.localhost")},
			Rules: []v1.HTTPRouteRule{{BackendRefs: []v1.HTTPBackendRef{{BackendRef: v1.BackendRef{
				BackendObjectReference: v1.BackendObjectReference{Name: v1.ObjectName(name), Port: new(v1.PortNumber(80))},
			}}}}},
		}})
	}
	return w
}

func BenchmarkTranslate1000(b *testing.B) {
	w := thousand(b)
	for b.Loop() {
		table, statuses := translate(w)
		table.adopt(table)
		for _, r := range w.routes {
			mergeParents(r.Status.Parents, statuses.routes[types.NamespacedName{Namespace: r.Namespace, Name: r.Name}])
		}
	}
}

const gatewayYAML = `
kind: GatewayClass
metadata: {name: psc-local, generation: 1}
spec: {controllerName: psc.dev/psc-local}
---
kind: Gateway
metadata: {namespace: infra, name: main, generation: 3}
spec:
  gatewayClassName: psc-local
  allowedListeners: {namespaces: {from: All}}
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
  - {name: https, port: 443, protocol: HTTPS, hostname: "*.localhost", tls: {certificateRefs: [{name: psc-local-ca-issued}]}, allowedRoutes: {namespaces: {from: All}}}
`
