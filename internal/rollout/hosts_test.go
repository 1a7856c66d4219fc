package rollout

import "testing"

// A gateway sends a request to the longest path that matches: so a route takes requests from a shorter path of another pod, and
// none from a longer one.
func TestWithin(t *testing.T) {
	for _, test := range []struct {
		host, path, otherHost, otherPath string
		want                             bool
	}{
		{"a", "/", "a", "/", true},
		{"a", "/login", "a", "/", true},
		{"a", "/login", "a", "/login", true},
		{"a", "/login/new", "a", "/login", true},
		{"a", "/login/new", "a", "/login/", true},
		{"a", "/", "a", "/login", false},
		{"a", "/logins", "a", "/login", false},
		{"a", "/", "b", "/", false},
		{"a.b", "/", "*.b", "/", false}, // a gateway prefers the exact host
	} {
		if got := (claim{test.host, test.path}).within(claim{test.otherHost, test.otherPath}); got != test.want {
			t.Errorf("%s%s within %s%s: got %v, want %v", test.host, test.path, test.otherHost, test.otherPath, got, test.want)
		}
	}
}
