package gateway

import (
	"crypto/tls"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
)

// table holds the routes of a cluster as requests need them. translate builds it, the proxy swaps it in as a
// whole, and afterwards nothing but the counters in its splits changes.
type table struct {
	http, https listenPort
	splits      map[string]*split // by route and rule, so that the next table can continue the counters
}

type listenPort struct {
	// hosts is indexed by hostname pattern ("a.b", "*.b" or "" for any); each list is in the order of
	// precedence that the specification prescribes.
	hosts map[string][]entry
	// listeners holds the hostnames of each Gateway's listeners: a request belongs to the most specific
	// one alone (listener isolation).
	listeners map[types.NamespacedName]map[string]bool
	// certificates has an entry for every hostname of an HTTPS listener; nil means that Caddy issues it.
	certificates map[string]*tls.Certificate
}

// entry is one match of one rule, seen through one listener.
type entry struct {
	gateway  types.NamespacedName
	listener string // its hostname
	match    v1.HTTPRouteMatch
	rule     *rule
}

// rule is what happens to the requests that match.
type rule struct {
	request, response *v1.HTTPHeaderFilter
	redirect          *v1.HTTPRequestRedirectFilter
	rewrite           *v1.HTTPURLRewriteFilter
	timeout           time.Duration // 0: none
	split             *split
}

// service is a port of a Service, by its name as in EndpointSlices.
type service struct {
	namespace, name, port string
	h2c                   bool // it speaks HTTP/2 without TLS
}

// backend is a share of a rule's traffic. Requests to an invalid backend are answered with 500 and the reason.
type backend struct {
	service service
	weight  int64
	invalid string
}

// split distributes requests to backends by smooth weighted round robin. Any run of requests as long as the
// sum of the weights is divided exactly. The number of endpoints of a backend does not matter.
type split struct {
	backends []backend
	mu       sync.Mutex
	credit   []int64
}

// next returns the backend whose turn it is, or nil if no weight is above zero.
func (s *split) next() *backend {
	s.mu.Lock()
	defer s.mu.Unlock()
	best, total := -1, int64(0)
	for i, b := range s.backends {
		if b.weight == 0 {
			continue
		}
		s.credit[i] += b.weight
		total += b.weight
		if best < 0 || s.credit[i] > s.credit[best] {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	s.credit[best] -= total
	return &s.backends[best]
}

// adopt copies the counters of old. Without it every change to any route would reset all splits, and the
// first turn always goes to the heaviest backend.
func (t *table) adopt(old *table) {
	for key, s := range t.splits {
		if o := old.splits[key]; o != nil && slices.Equal(o.backends, s.backends) {
			o.mu.Lock()
			copy(s.credit, o.credit)
			o.mu.Unlock()
		}
	}
}

func newTable() *table {
	port := func() listenPort {
		return listenPort{map[string][]entry{}, map[types.NamespacedName]map[string]bool{}, map[string]*tls.Certificate{}}
	}
	return &table{http: port(), https: port(), splits: map[string]*split{}}
}

// find returns the entry for r, or nil.
func (t *table) find(r *http.Request) *entry {
	port := &t.http
	if r.TLS != nil {
		port = &t.https
	}
	host := hostname(r.Host)
	for pattern := range patterns(host) {
		for i, e := range port.hosts[pattern] {
			if port.owns(&e, host) && matches(&e.match, r) {
				return &port.hosts[pattern][i]
			}
		}
	}
	return nil
}

// owns reports whether e's listener is the one of its Gateway that host belongs to.
func (p *listenPort) owns(e *entry, host string) bool {
	hostnames := p.listeners[e.gateway]
	if len(hostnames) == 1 {
		return true
	}
	for pattern := range patterns(host) {
		if hostnames[pattern] {
			return pattern == e.listener
		}
	}
	return false
}

// certificate returns the certificate for a server name (nil: Caddy issues it) and whether any listener
// serves that name.
func (t *table) certificate(name string) (*tls.Certificate, bool) {
	for pattern := range patterns(hostname(name)) {
		if c, ok := t.https.certificates[pattern]; ok {
			return c, true
		}
	}
	return nil, false
}

// sort sorts the entries of every host. Entries were added by the age and name of their routes, then as
// written. The specification breaks ties in that order, so the sort is stable.
func (t *table) sort() {
	for _, port := range []listenPort{t.http, t.https} {
		for _, entries := range port.hosts {
			slices.SortStableFunc(entries, func(a, b entry) int { return compare(&a.match, &b.match) })
		}
	}
}

// compare orders matches: exact path, longest path, method, number of headers, number of query parameters
// (https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule).
func compare(a, b *v1.HTTPRouteMatch) int {
	rank := func(m *v1.HTTPRouteMatch) []int {
		exact, method := 0, 0
		if *m.Path.Type == v1.PathMatchExact {
			exact = 1
		}
		if m.Method != nil {
			method = 1
		}
		return []int{exact, len(*m.Path.Value), method, len(m.Headers), len(m.QueryParams)}
	}
	return slices.Compare(rank(b), rank(a))
}

func matches(m *v1.HTTPRouteMatch, r *http.Request) bool {
	if *m.Path.Type == v1.PathMatchExact {
		if r.URL.Path != *m.Path.Value {
			return false
		}
	} else if !hasPathPrefix(r.URL.Path, *m.Path.Value) {
		return false
	}
	if m.Method != nil && string(*m.Method) != r.Method {
		return false
	}
	for _, h := range m.Headers {
		if v := r.Header.Values(string(h.Name)); len(v) == 0 || strings.Join(v, ",") != h.Value {
			return false
		}
	}
	if len(m.QueryParams) > 0 {
		query := r.URL.Query()
		for _, q := range m.QueryParams {
			if v := query[string(q.Name)]; len(v) == 0 || v[0] != q.Value {
				return false
			}
		}
	}
	return true
}

// hasPathPrefix compares element by element: /api is a prefix of /api and /api/x, not of /apix.
func hasPathPrefix(path, prefix string) bool {
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(prefix, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

// patterns yields what matches host, the most specific first: a.b.c, *.b.c, *.c, and "" for any host.
func patterns(host string) iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(host) {
			return
		}
		for _, parent, ok := strings.Cut(host, "."); ok; _, parent, ok = strings.Cut(parent, ".") {
			if !yield("*." + parent) {
				return
			}
		}
		yield("")
	}
}

// intersect returns the pattern of the hosts that both a listener's and a route's hostname match.
func intersect(listener, route string) (string, bool) {
	covers := func(wide, narrow string) bool {
		suffix, wild := strings.CutPrefix(wide, "*")
		return wide == "" || wide == narrow || wild && strings.HasSuffix(strings.TrimPrefix(narrow, "*"), suffix)
	}
	switch {
	case route != "" && covers(listener, route):
		return route, true
	case covers(route, listener):
		return listener, true
	}
	return "", false
}

// hostname returns the host of a Host header or a server name, without the port.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
