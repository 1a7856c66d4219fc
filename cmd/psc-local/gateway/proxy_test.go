package gateway

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	discovery "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// started starts the only proxy of the process. Every test swaps in its own table.
var started = sync.OnceValues(func() (*running, error) {
	dir, err := os.MkdirTemp("", "psc-gateway")
	if err != nil {
		return nil, err
	}
	plain, secure := listen(), listen() // both at once: their ports differ
	o := Options{HTTP: plain.Addr().String(), HTTPS: secure.Addr().String(), Dir: dir}
	_, _ = plain.Close(), secure.Close()
	if _, err := o.complete(); err != nil {
		return nil, err
	}
	s := &running{newProxy(o), o}
	return s, s.start(o)
})

type running struct {
	*proxy
	options Options
}

func TestMain(m *testing.M) {
	code := m.Run()
	if s, err := started(); err == nil {
		_ = os.RemoveAll(s.options.Dir)
	}
	os.Exit(code)
}

func listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return l
}

// refused is an address on which no process listens. A free port would not do: the next listener may get it.
const refused = "127.0.0.1:1"

// serve routes by YAML documents and by the GatewayClass and Gateway of gatewayYAML.
func serve(t testing.TB, documents string) *running {
	t.Helper()
	s, err := started()
	if err != nil {
		t.Fatal(err)
	}
	table, statuses := translate(parse(t, gatewayYAML+"---\n"+strings.TrimSuffix(documents, "---\n")))
	for name, parents := range statuses.routes {
		for _, p := range parents {
			for _, c := range p.Conditions {
				t.Logf("%s %s=%s %s", name, c.Type, c.Status, c.Message)
			}
		}
	}
	s.swap(table)
	return s
}

// endpoints sets the addresses that are ready behind the port "http" of a Service in namespace shop.
func (s *running) endpoints(service string, addresses ...string) {
	var slices []*discovery.EndpointSlice
	for _, a := range addresses {
		host, port, _ := net.SplitHostPort(a)
		n, _ := strconv.Atoi(port)
		slices = append(slices, &discovery.EndpointSlice{
			AddressType: discovery.AddressTypeIPv4, Endpoints: []discovery.Endpoint{{Addresses: []string{host}}},
			Ports: []discovery.EndpointPort{{Name: new("http"), Port: new(int32(n))}},
		})
	}
	s.pool.set(types.NamespacedName{Namespace: "shop", Name: service}, slices)
}

// client returns a client that dials the proxy for every host and trusts only its CA.
func (s *running) client(t testing.TB) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(s.options.Dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			to := s.options.HTTP
			if strings.HasSuffix(address, ":443") {
				to = s.options.HTTPS
			}
			return new(net.Dialer).DialContext(ctx, network, to)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func get(t testing.TB, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	response, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// pod starts a backend that answers with its name and the request.
func pod(t testing.TB, name string) (address string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Pod", name)
		fmt.Fprintf(w, "%s %s%s X-In=%s", name, r.Host, r.URL.RequestURI(), r.Header.Get("X-In"))
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.Listener.Addr().String()
}

const services = `
kind: Service
metadata: {namespace: shop, name: web}
spec: {ports: [{name: http, port: 80}]}
---
kind: Service
metadata: {namespace: shop, name: api}
spec: {ports: [{name: http, port: 80}]}
---
`

func TestRequests(t *testing.T) {
	s := serve(t, services+`
kind: HTTPRoute
metadata: {namespace: shop, name: web}
spec:
  parentRefs: [{namespace: infra, name: main}]
  hostnames: [web.localhost]
  rules:
  - backendRefs: [{name: web, port: 80}]
  - matches: [{path: {type: PathPrefix, value: /api}}]
    backendRefs: [{name: api, port: 80}]
  - matches: [{path: {type: Exact, value: /missing}}]
    backendRefs: [{name: missing, port: 80}]
  - matches: [{path: {type: Exact, value: /empty}}]
    backendRefs: [{name: empty, port: 80}]
  - matches: [{path: {value: /old}}]
    filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]
  - matches: [{path: {value: /strip}}]
    filters:
    - {type: URLRewrite, urlRewrite: {hostname: inner, path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}
    - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-In, value: "1"}]}}
    - {type: ResponseHeaderModifier, responseHeaderModifier: {add: [{name: X-Out, value: "2"}], remove: [X-Pod]}}
    backendRefs: [{name: web, port: 80}]
---
kind: HTTPRoute
metadata: {namespace: shop, name: wild}
spec:
  parentRefs: [{namespace: infra, name: main}]
  hostnames: ["*.localhost"]
  rules: [{backendRefs: [{name: api, port: 80}]}]
---
kind: Service
metadata: {namespace: shop, name: empty}
spec: {ports: [{name: http, port: 80}]}
`)
	s.endpoints("web", pod(t, "web"))
	s.endpoints("api", pod(t, "api"))
	c := s.client(t)
	for _, test := range []struct {
		url    string
		status int
		body   string
	}{
		{"http://web.localhost/", 200, "web web.localhost/ X-In="},
		{"http://WEB.localhost/x%2Fy?q=1", 200, "web WEB.localhost/x%2Fy?q=1 X-In="},
		{"http://web.localhost/api", 200, "api web.localhost/api X-In="},
		{"http://web.localhost/api/x", 200, "api web.localhost/api/x X-In="},
		{"http://web.localhost/apix", 200, "web web.localhost/apix X-In="},
		{"http://other.localhost/", 200, "api other.localhost/ X-In="},
		{"http://strip.web.localhost/", 200, "api strip.web.localhost/ X-In="},
		{"https://web.localhost/", 200, "web web.localhost/ X-In="},
		{"http://web.localhost/strip/a/b?q=1", 200, "web inner/a/b?q=1 X-In=1"},
		{"http://web.localhost/missing", 500, "psc-local: Service shop/missing does not exist\n"},
		{"http://web.localhost/empty", 503, "psc-local: service shop/empty has no ready endpoints\n"},
		{"http://example.com/x", 404, "psc-local: no route for example.com/x\n"},
		{"http://web.localhost/old", 301, ""},
	} {
		response, body := get(t, c, test.url)
		if response.StatusCode != test.status || !strings.HasSuffix(body, test.body) {
			t.Errorf("%s: %d %q, want %d %q", test.url, response.StatusCode, body, test.status, test.body)
		}
		switch {
		case test.status == 301:
			if want := fmt.Sprintf("https://web.localhost:%d/old", s.options.HTTPSPort); response.Header.Get("Location") != want {
				t.Errorf("redirected to %s, want %s", response.Header.Get("Location"), want)
			}
		case strings.Contains(test.url, "//web.localhost/strip"):
			if response.Header.Get("X-Out") != "2" || response.Header.Get("X-Pod") != "" {
				t.Errorf("response headers not modified: %v", response.Header)
			}
		}
	}
}

// TestWeights: 90/10 stays 90/10 for any number of endpoints, and a missing Service answers its share with errors.
func TestWeights(t *testing.T) {
	route := `
kind: HTTPRoute
metadata: {namespace: shop, name: web}
spec:
  parentRefs: [{namespace: infra, name: main}]
  hostnames: [web.localhost]
  rules: [{backendRefs: [{name: web, port: 80, weight: %d}, {name: api, port: 80, weight: %d}, {name: missing, port: 80, weight: %d}]}]
`
	for _, weights := range [][3]int{{90, 10, 0}, {1, 1, 0}, {2, 1, 1}, {0, 1, 0}, {500, 300, 200}} {
		s := serve(t, services+fmt.Sprintf(route, weights[0], weights[1], weights[2]))
		s.endpoints("web", pod(t, "web-1"), pod(t, "web-2"), pod(t, "web-3"))
		s.endpoints("api", pod(t, "api-1"))
		c, got := s.client(t), map[string]int{}
		for i := range 1000 {
			if i%100 == 50 { // another user's deployment must not reset the counting
				serve(t, services+fmt.Sprintf(route, weights[0], weights[1], weights[2]))
			}
			response, body := get(t, c, "http://web.localhost/")
			if response.StatusCode == 500 {
				body = "missing-1 "
			}
			got[strings.SplitN(body, "-", 2)[0]]++
		}
		for i, name := range []string{"web", "api", "missing"} {
			want := 1000 * weights[i] / (weights[0] + weights[1] + weights[2])
			if got[name] < want-10 || got[name] > want+10 {
				t.Errorf("weights %v: %s got %d of 1000, want %d", weights, name, got[name], want)
			}
		}
	}
}

func TestTLS(t *testing.T) {
	s := serve(t, services+`
kind: HTTPRoute
metadata: {namespace: shop, name: web}
spec:
  parentRefs: [{namespace: infra, name: main}]
  hostnames: [tls.localhost]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`)
	s.endpoints("web", pod(t, "web"))
	c := s.client(t)
	response, _ := get(t, c, "https://tls.localhost/")
	if response.Proto != "HTTP/2.0" {
		t.Errorf("got %s", response.Proto)
	}
	if names := response.TLS.PeerCertificates[0].DNSNames; len(names) != 1 || names[0] != "tls.localhost" {
		t.Errorf("certificate for %q", names)
	}
	// No listener has this hostname, so no certificate is issued for it.
	if response, err := c.Get("https://example.com/"); err == nil {
		response.Body.Close()
		t.Error("a certificate for example.com")
	}
	// The Secret of a listener takes over for its hostname; nothing restarts.
	cert := selfSigned(t, "own.localhost")
	table := newTable()
	table.https.certificates["own.localhost"] = &cert
	s.swap(table)
	conn, err := tls.Dial("tcp", s.options.HTTPS, &tls.Config{ServerName: "own.localhost", InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0].Raw; string(got) != string(cert.Certificate[0]) {
		t.Error("not the certificate of the Secret")
	}
}

func selfSigned(t *testing.T, name string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestFailures: a request that no pod answers fails soon, with the status that says why.
func TestFailures(t *testing.T) {
	s := serve(t, services+`
kind: HTTPRoute
metadata: {namespace: shop, name: web}
spec:
  parentRefs: [{namespace: infra, name: main}]
  hostnames: [web.localhost]
  rules:
  - backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /slow}}]
    timeouts: {request: 100ms}
    backendRefs: [{name: api, port: 80}]
`)
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer slow.Close()
	defer close(release)
	s.endpoints("api", slow.Listener.Addr().String())
	s.endpoints("web", refused, "127.0.0.1:2")
	for path, want := range map[string]int{"/": http.StatusBadGateway, "/slow": http.StatusGatewayTimeout} {
		begin := time.Now()
		response, body := get(t, s.client(t), "http://web.localhost"+path)
		if took := time.Since(begin); response.StatusCode != want || took > time.Second {
			t.Errorf("%s: %d after %s: %s", path, response.StatusCode, took, body)
		}
	}
}

// TestH2C: a backend that speaks only HTTP/2 without TLS, as gRPC does, gets the requests of all clients, with their trailers, and
// answers while a request is still being sent.
func TestH2C(t *testing.T) {
	s := serve(t, `
kind: Service
metadata: {namespace: shop, name: web}
spec: {ports: [{name: http, port: 80, appProtocol: kubernetes.io/h2c}]}
---
kind: HTTPRoute
metadata: {namespace: shop, name: web}
spec:
  parentRefs: [{namespace: infra, name: main}]
  hostnames: [h2c.localhost]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`)
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		w.Header().Set("X-Proto", r.Proto)
		buffer := make([]byte, 64)
		for n, err := 0, error(nil); err == nil; n, err = r.Body.Read(buffer) {
			_, _ = w.Write(buffer[:n])
			_ = http.NewResponseController(w).Flush() // the first time, the status
		}
		w.Header().Set("Grpc-Status", "0")
	}))
	backend.Config.Protocols = new(http.Protocols)
	backend.Config.Protocols.SetUnencryptedHTTP2(true)
	backend.Start()
	defer backend.Close()
	s.endpoints("web", refused, backend.Listener.Addr().String())

	plain := s.client(t)
	transport := plain.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	for _, test := range []struct {
		url, proto string
		client     *http.Client
	}{
		{"http://h2c.localhost/", "HTTP/1.1", s.client(t)},
		{"https://h2c.localhost/", "HTTP/2.0", s.client(t)},
		{"http://h2c.localhost/", "HTTP/2.0", plain},
	} {
		body, write := io.Pipe()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, test.url, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Te", "trailers")
		if test.proto == "HTTP/1.1" { // it sends the request before it reads the answer
			go func() { fmt.Fprint(write, "one"); write.Close() }()
		}
		response, err := test.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if test.proto != "HTTP/1.1" {
			fmt.Fprint(write, "one")
			got := make([]byte, 3)
			if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != "one" {
				t.Errorf("%s: %q %v while the request is being sent", test.url, got, err)
			}
			write.Close()
		}
		rest, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != 200 || response.Proto != test.proto || response.Header.Get("X-Proto") != "HTTP/2.0" || response.Trailer.Get("Grpc-Status") != "0" {
			t.Errorf("%s over %s: %d %s to %s: %q %v, trailer %v", test.url, test.proto, response.StatusCode, response.Proto, response.Header.Get("X-Proto"), rest, err, response.Trailer)
		}
	}
}

// TestWebSocket: an upgraded connection passes through and survives a change of the routes.
func TestWebSocket(t *testing.T) {
	route := services + `
kind: HTTPRoute
metadata: {namespace: shop, name: web}
spec:
  parentRefs: [{namespace: infra, name: main}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
`
	s := serve(t, route)
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
		_, _ = io.Copy(conn, rw)
	}))
	defer echo.Close()
	s.endpoints("web", echo.Listener.Addr().String())
	conn, err := net.Dial("tcp", s.options.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v %v", response, err)
	}
	for i := range 3 {
		fmt.Fprintf(conn, "line %d\n", i)
		if line, err := r.ReadString('\n'); err != nil || line != fmt.Sprintf("line %d\n", i) {
			t.Fatalf("%q %v", line, err)
		}
		serve(t, route)
		s.endpoints("web")
	}
}

// TestNoRequestLost sends requests without a pause on kept-alive connections while routes change and pods are
// replaced as in a rolling update: the new pod is ready, the old one leaves the endpoints, then ends. The
// requests include POSTs, which no client and no proxy repeats. One endpoint refuses connections all the time.
func TestNoRequestLost(t *testing.T) {
	route := func(host string, weight int) string {
		return services + fmt.Sprintf(`
kind: HTTPRoute
metadata: {namespace: shop, name: web}
spec:
  parentRefs: [{namespace: infra, name: main}]
  hostnames: [load.localhost, %s]
  rules: [{backendRefs: [{name: web, port: 80, weight: %d}, {name: api, port: 80, weight: 10}]}]
`, host, weight)
	}
	const changes, delay, requests = 300, 5, 5
	s := serve(t, route("x.localhost", 1))
	ctx, stop := context.WithCancel(t.Context())
	// All pods listen from the start, so that no pod gets the port of one that has ended.
	var pods [changes + 1]*httptest.Server
	var addresses [changes + 1]string
	for i := range pods {
		pods[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		}))
		t.Cleanup(pods[i].Close)
		addresses[i] = pods[i].Listener.Addr().String()
	}
	s.endpoints("web", addresses[0], refused)
	s.endpoints("api", pod(t, "api"), refused)

	var group sync.WaitGroup
	var sent, lost atomic.Int64
	var answered [4]chan struct{} // by client
	for i, to := range []string{"http://load.localhost/", "https://load.localhost/", "http://load.localhost/", "https://load.localhost/"} {
		c := s.client(t)
		answered[i] = make(chan struct{}, requests)
		group.Go(func() {
			for ctx.Err() == nil {
				var response *http.Response
				var err error
				if i < 2 {
					response, err = c.Post(to, "text/plain", strings.NewReader("hello"))
				} else {
					response, err = c.Get(to)
				}
				sent.Add(1)
				var body []byte
				if err == nil {
					body, err = io.ReadAll(response.Body)
					response.Body.Close()
				}
				if err != nil || response.StatusCode != 200 {
					lost.Add(1)
					t.Errorf("%s: %v %s", to, err, body)
				}
				select {
				case answered[i] <- struct{}{}:
				case <-ctx.Done():
				}
			}
		})
	}
	for change := range changes {
		for _, client := range answered {
			for range requests {
				<-client
			}
		}
		s.endpoints("web", addresses[change], addresses[change+1], refused)
		s.swap(must(translate(parse(t, gatewayYAML+"---"+route(fmt.Sprintf("h%d.localhost", change), 1+change%20)))))
		s.endpoints("web", addresses[change+1], refused)
		// A pod's preStop hook sleeps until no request that chose the pod is still on its way to it: since the
		// pod left the endpoints, every client has had more answers than its channel holds.
		if ended := change - delay; ended >= 0 {
			group.Go(func() { _ = pods[ended].Config.Shutdown(ctx) })
		}
	}
	stop()
	group.Wait()
	t.Logf("%d requests, %d lost", sent.Load(), lost.Load())
}

func must(t *table, _ *statuses) *table { return t }

// BenchmarkRequest1000 measures a request through the proxy with 1,000 routes, of which the table needs one lookup.
func BenchmarkRequest1000(b *testing.B) {
	s := serve(b, services)
	s.swap(must(translate(thousand(b))))
	s.endpoints("web-500", pod(b, "web"))
	c, to := s.client(b), &url.URL{Scheme: "http", Host: "web-500-shop.localhost", Path: "/"}
	for b.Loop() {
		if response, _ := get(b, c, to.String()); response.StatusCode != 200 {
			b.Fatal(response.Status)
		}
	}
}
