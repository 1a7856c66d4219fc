package gateway

import (
	"net/http/httptest"
	"slices"
	"testing"

	v1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestIntersect(t *testing.T) {
	for _, c := range []struct {
		listener, route, want string
		ok                    bool
	}{
		{"", "", "", true},
		{"", "a.b", "a.b", true},
		{"a.b", "", "a.b", true},
		{"a.b", "a.b", "a.b", true},
		{"a.b", "c.b", "", false},
		{"*.b", "a.b", "a.b", true},
		{"*.b", "x.a.b", "x.a.b", true}, // a wildcard stands for any number of labels
		{"*.b", "b", "", false},         // but not for none
		{"*.b", "ab", "", false},
		{"a.b", "*.b", "a.b", true},
		{"*.b", "*.a.b", "*.a.b", true},
		{"*.a.b", "*.b", "*.a.b", true},
		{"*.a", "*.b", "", false},
	} {
		if got, ok := intersect(c.listener, c.route); got != c.want || ok != c.ok {
			t.Errorf("intersect(%q, %q) = %q, %t; want %q, %t", c.listener, c.route, got, ok, c.want, c.ok)
		}
	}
}

func TestPatterns(t *testing.T) {
	if got, want := slices.Collect(patterns("a.b.c")), []string{"a.b.c", "*.b.c", "*.c", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPathPrefix(t *testing.T) {
	for _, c := range []struct {
		path, prefix string
		want         bool
	}{
		{"/api", "/api", true},
		{"/api/", "/api", true},
		{"/api/x", "/api", true},
		{"/api/x", "/api/", true},
		{"/api", "/api/", true},
		{"/apix", "/api", false},
		{"/API", "/api", false},
		{"/", "/", true},
		{"/x", "/", true},
	} {
		if got := hasPathPrefix(c.path, c.prefix); got != c.want {
			t.Errorf("hasPathPrefix(%q, %q) = %t", c.path, c.prefix, got)
		}
	}
}

// TestNewPath repeats the table in HTTPPathModifier's documentation.
func TestNewPath(t *testing.T) {
	for _, c := range []struct{ path, prefix, replace, want string }{
		{"/foo/bar", "/foo", "/xyz", "/xyz/bar"},
		{"/foo/bar", "/foo", "/xyz/", "/xyz/bar"},
		{"/foo/bar", "/foo/", "/xyz", "/xyz/bar"},
		{"/foo", "/foo", "/xyz", "/xyz"},
		{"/foo/", "/foo", "/xyz", "/xyz/"},
		{"/foo/bar", "/foo", "", "/bar"},
		{"/foo/", "/foo", "", "/"},
		{"/foo", "/foo", "", "/"},
		{"/foo", "/foo", "/", "/"},
	} {
		e := &entry{match: v1.HTTPRouteMatch{Path: &v1.HTTPPathMatch{Value: &c.prefix}}}
		if got := newPath(&v1.HTTPPathModifier{Type: v1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: &c.replace}, c.path, e); got != c.want {
			t.Errorf("%s with %s -> %s = %s, want %s", c.path, c.prefix, c.replace, got, c.want)
		}
	}
}

func TestLocation(t *testing.T) {
	ports := map[string]int{"http": 8080, "https": 8443}
	e := &entry{match: v1.HTTPRouteMatch{Path: &v1.HTTPPathMatch{Value: new("/old")}}}
	for _, c := range []struct {
		url    string
		filter v1.HTTPRequestRedirectFilter
		want   string
	}{
		// The usual redirect; the port is the one that serves HTTPS here.
		{"http://a.localhost:8080/x?y=1", v1.HTTPRequestRedirectFilter{Scheme: new("https")}, "https://a.localhost:8443/x?y=1"},
		{"http://a.localhost:8080/x", v1.HTTPRequestRedirectFilter{Hostname: new(v1.PreciseHostname("b.localhost"))}, "http://b.localhost:8080/x"},
		{"https://a.localhost/x", v1.HTTPRequestRedirectFilter{Hostname: new(v1.PreciseHostname("b.localhost"))}, "https://b.localhost/x"},
		{"https://a.localhost:8443/x", v1.HTTPRequestRedirectFilter{Port: new(v1.PortNumber(443))}, "https://a.localhost/x"},
		{"http://a/old/x", v1.HTTPRequestRedirectFilter{Path: &v1.HTTPPathModifier{Type: v1.PrefixMatchHTTPPathModifier, ReplacePrefixMatch: new("/new")}}, "http://a/new/x"},
	} {
		if got := location(&c.filter, e, httptest.NewRequest("GET", c.url, nil), ports); got != c.want {
			t.Errorf("%s: %s, want %s", c.url, got, c.want)
		}
	}
}

// TestSplit: shares are exact over one sum of the weights, and a heavy backend does not come in bursts.
func TestSplit(t *testing.T) {
	s := &split{backends: []backend{{weight: 90, service: service{name: "a"}}, {weight: 10, service: service{name: "b"}}, {weight: 0}}, credit: make([]int64, 3)}
	got, run, longest := map[string]int{}, 0, 0
	for range 1000 {
		b := s.next().service.name
		got[b]++
		if run++; b == "b" {
			run = 0
		}
		longest = max(longest, run)
	}
	if got["a"] != 900 || got["b"] != 100 || longest > 9 {
		t.Errorf("%v, longest run of a: %d", got, longest)
	}
	if b := (&split{backends: []backend{{weight: 0}}, credit: make([]int64, 1)}).next(); b != nil {
		t.Errorf("weight 0 got traffic: %v", b)
	}
}
