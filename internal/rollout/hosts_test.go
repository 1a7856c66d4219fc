package rollout

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/pkg/object"
)

// A gateway sends a request to the most exact host, then to the longest path that matches. So a route takes requests from a wildcard
// and from a shorter path of another pod, and none from a more exact host or a longer path.
func TestWithin(t *testing.T) {
	for _, test := range []struct {
		host, path, otherHost, otherPath string
		want                             bool
	}{
		{"a", "/", "a", "/", true},
		{"a", "/login", "a", "/", true},
		{"a", "/login", "a", "/login", true},
		{"a", "/login/new", "a", "/login", true},
		{"a", "/", "a", "/login", false},
		{"a", "/logins", "a", "/login", false},
		{"a", "/", "b", "/", false},
		{"*.shop.example", "/", "*.shop.example", "/", true},
		{"a.shop.example", "/", "*.shop.example", "/", true},
		{"a.shop.example", "/login", "*.shop.example", "/", true},
		{"a.shop.example", "/", "*.shop.example", "/login", false},
		{"a.b.shop.example", "/", "*.shop.example", "/", true},
		{"*.b.shop.example", "/", "*.shop.example", "/", true},
		{"*.shop.example", "/", "a.shop.example", "/", false},
		{"*.shop.example", "/", "*.b.shop.example", "/", false},
		{"shop.example", "/", "*.shop.example", "/", false},
		{"a.workshop.example", "/", "*.shop.example", "/", false},
		// A wildcard for the whole domain of the cluster serves what no pod serves.
		{"web-shop.apps.example", "/", "*.apps.example", "/", false},
		{"web-shop.apps.example", "/", "*.example", "/", false},
		{"*.apps.example", "/", "*.apps.example", "/", true},
		{"a.web.apps.example", "/", "*.web.apps.example", "/", true},
	} {
		if got := (claim{test.host, test.path}).within(claim{test.otherHost, test.otherPath}, "apps.example"); got != test.want {
			t.Errorf("%s%s within %s%s: got %v, want %v", test.host, test.path, test.otherHost, test.otherPath, got, test.want)
		}
	}
}

// An older HTTPRoute gets the requests of equal matches: of the same listener, host and path. psc says that only if the gateway has
// accepted it.
func TestServedElsewhere(t *testing.T) {
	type change func(*gatewayv1.HTTPRoute)
	created := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	route := func(namespace, name string, changes ...change) *gatewayv1.HTTPRoute {
		r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Labels: map[string]string{object.LabelPod: namespace}, CreationTimestamp: metav1.NewTime(created),
		}}
		r.Spec.ParentRefs = []gatewayv1.ParentReference{{
			Namespace: new(gatewayv1.Namespace("gateways")), Name: "public", SectionName: new(gatewayv1.SectionName("https")),
		}}
		r.Spec.Hostnames = []gatewayv1.Hostname{"a.example"}
		r.Spec.Rules = []gatewayv1.HTTPRouteRule{{Matches: []gatewayv1.HTTPRouteMatch{{
			Path: &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchPathPrefix), Value: new("/login")},
		}}}}
		r.Status.Parents = []gatewayv1.RouteParentStatus{{Conditions: []metav1.Condition{{Type: "Accepted", Status: metav1.ConditionTrue}}}}
		for _, c := range changes {
			c(r)
		}
		return r
	}
	age := func(d time.Duration) change {
		return func(r *gatewayv1.HTTPRoute) { r.CreationTimestamp = metav1.NewTime(created.Add(-d)) }
	}
	path := func(kind gatewayv1.PathMatchType, value string) change {
		return func(r *gatewayv1.HTTPRoute) {
			r.Spec.Rules[0].Matches[0].Path = &gatewayv1.HTTPPathMatch{Type: &kind, Value: &value}
		}
	}
	host := func(host gatewayv1.Hostname) change {
		return func(r *gatewayv1.HTTPRoute) { r.Spec.Hostnames = []gatewayv1.Hostname{host} }
	}
	parent := func(c func(*gatewayv1.ParentReference)) change {
		return func(r *gatewayv1.HTTPRoute) { c(&r.Spec.ParentRefs[0]) }
	}
	unlabeled := func(r *gatewayv1.HTTPRoute) { r.Labels = nil }
	older := age(time.Hour)
	const theirs = "a.example/login is served by route web of pod theirs, which is older"
	for name, test := range map[string]struct {
		other *gatewayv1.HTTPRoute
		want  string
	}{
		"older":                {route("theirs", "web", older), theirs},
		"newer":                {route("theirs", "web", age(-time.Second)), ""},
		"same age, later name": {route("theirs", "web"), ""},
		"same age, before":     {route("before", "web"), "a.example/login is served by route web of pod before, which is older"},
		"of nobody":            {route("theirs", "web", older, unlabeled), "a.example/login is served by HTTPRoute web of namespace theirs, which is older"},
		"of nobody, same pod":  {route("mine", "by-hand", older, unlabeled), "a.example/login is served by HTTPRoute by-hand of namespace mine, which is older"},
		"of the same pod":      {route("mine", "old", older), ""},
		"is being deleted":     {route("theirs", "web", older, func(r *gatewayv1.HTTPRoute) { r.DeletionTimestamp = new(metav1.Now()) }), ""},
		"not accepted":         {route("theirs", "web", older, func(r *gatewayv1.HTTPRoute) { r.Status.Parents = nil }), ""},
		"slash":                {route("theirs", "web", older, path(gatewayv1.PathMatchPathPrefix, "/login/")), theirs},
		"shorter path":         {route("theirs", "web", older, path(gatewayv1.PathMatchPathPrefix, "/")), ""},
		"longer path":          {route("theirs", "web", older, path(gatewayv1.PathMatchPathPrefix, "/login/new")), ""},
		"exact path":           {route("theirs", "web", older, path(gatewayv1.PathMatchExact, "/login")), ""},
		"one method":           {route("theirs", "web", older, func(r *gatewayv1.HTTPRoute) { r.Spec.Rules[0].Matches[0].Method = new(gatewayv1.HTTPMethodGet) }), ""},
		"wildcard":             {route("theirs", "web", older, host("*.example")), ""},
		"another host":         {route("theirs", "web", older, host("b.example")), ""},
		"another listener":     {route("theirs", "web", older, parent(func(p *gatewayv1.ParentReference) { p.SectionName = new(gatewayv1.SectionName("http")) })), ""},
		"all listeners":        {route("theirs", "web", older, parent(func(p *gatewayv1.ParentReference) { p.SectionName = nil })), theirs},
		"another gateway":      {route("theirs", "web", older, parent(func(p *gatewayv1.ParentReference) { p.Name = "private" })), ""},
		"gateway of its own":   {route("theirs", "web", older, parent(func(p *gatewayv1.ParentReference) { p.Namespace = nil })), ""},
		"ListenerSet":          {route("theirs", "web", older, parent(func(p *gatewayv1.ParentReference) { p.Kind = new(gatewayv1.Kind("ListenerSet")) })), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := servedElsewhere(route("mine", "web"), []*gatewayv1.HTTPRoute{test.other})
			if s.Reason != test.want {
				t.Errorf("got %q, want %q", s.Reason, test.want)
			}
		})
	}
}
