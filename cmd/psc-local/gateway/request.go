package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
)

const (
	// retryFor limits how long a failed request is retried at other endpoints: a request to simulated pods
	// must fail while the user is still waiting for it.
	retryFor = 2 * time.Second
	// The variables that tell reverse_proxy where to send a request, and whether to send it as HTTP/2 without TLS.
	upstream, upstreamH2C = "psc_upstream", "psc_upstream_h2c"
)

// ServeHTTP routes r; next is Caddy's reverse proxy.
func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	e := h.p.table.Load().find(r)
	if e == nil {
		return caddyhttp.Error(http.StatusNotFound, fmt.Errorf("no route for %s%s", r.Host, r.URL.Path))
	}
	if f := e.rule.response; f != nil {
		w = &headerWriter{ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, filter: f}
	}
	if f := e.rule.redirect; f != nil {
		status := http.StatusFound
		if f.StatusCode != nil {
			status = *f.StatusCode
		}
		w.Header().Set("Location", location(f, e, r, h.p.ports))
		w.WriteHeader(status)
		return nil
	}
	if f := e.rule.request; f != nil {
		modify(r.Header, f)
		if host := r.Header.Get("Host"); host != "" { // Go keeps it apart from the other headers
			r.Host = host
			r.Header.Del("Host")
		}
	}
	if f := e.rule.rewrite; f != nil {
		if f.Hostname != nil {
			r.Host = string(*f.Hostname)
		}
		if f.Path != nil {
			raw := r.URL.RawPath
			r.URL.Path, r.URL.RawPath = newPath(f.Path, r.URL.Path, e), ""
			if raw != "" && f.Path.Type == v1.PrefixMatchHTTPPathModifier {
				r.URL.RawPath = newPath(f.Path, raw, e)
			}
		}
	}
	if e.rule.timeout > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), e.rule.timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	switch b := e.rule.split.next(); {
	case b == nil:
		return caddyhttp.Error(http.StatusInternalServerError, errors.New("the route has no backend with a weight above 0"))
	case b.invalid != "":
		return caddyhttp.Error(http.StatusInternalServerError, errors.New(b.invalid))
	default:
		return h.forward(w, r, b.service, next)
	}
}

// forward tries the endpoints of s in turn, as they are at the time of each attempt. It tries another one
// after a refused connection, because nothing was sent, and for a GET or HEAD that got no answer. It never
// does so after the start of an answer, which Caddy does not report as an error.
func (h handler) forward(w http.ResponseWriter, r *http.Request, s service, next caddyhttp.Handler) error {
	err := caddyhttp.Error(http.StatusServiceUnavailable, fmt.Errorf("service %s/%s has no ready endpoints", s.namespace, s.name))
	until := time.Now().Add(retryFor)
	caddyhttp.SetVar(r.Context(), upstreamH2C, strconv.FormatBool(s.h2c))
	var tried []string
	for address := h.p.pool.next(s, nil); address != ""; address = h.p.pool.next(s, tried) {
		tried = append(tried, address)
		caddyhttp.SetVar(r.Context(), upstream, address)
		failed := next.ServeHTTP(w, r)
		if failed == nil {
			return nil
		}
		if !errors.As(failed, &err) {
			err = caddyhttp.Error(http.StatusBadGateway, failed)
		}
		unsent := errors.As(failed, new(reverseproxy.DialError))
		if r.Context().Err() != nil || time.Now().After(until) || !unsent && r.Method != http.MethodGet && r.Method != http.MethodHead {
			break
		}
	}
	if errors.Is(r.Context().Err(), context.DeadlineExceeded) {
		err.StatusCode = http.StatusGatewayTimeout
	}
	return err
}

// headerWriter applies a ResponseHeaderModifier when the final headers are written.
type headerWriter struct {
	*caddyhttp.ResponseWriterWrapper
	filter *v1.HTTPHeaderFilter
}

func (w *headerWriter) WriteHeader(status int) {
	if w.filter != nil && (status >= 200 || status == http.StatusSwitchingProtocols) {
		modify(w.Header(), w.filter)
		w.filter = nil
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

func modify(h http.Header, f *v1.HTTPHeaderFilter) {
	for _, s := range f.Set {
		h.Set(string(s.Name), s.Value)
	}
	for _, a := range f.Add {
		h.Add(string(a.Name), a.Value)
	}
	for _, name := range f.Remove {
		h.Del(name)
	}
}

// newPath returns path as modified by m.
func newPath(m *v1.HTTPPathModifier, path string, e *entry) string {
	if m.Type == v1.FullPathHTTPPathModifier {
		return *m.ReplaceFullPath
	}
	rest := strings.TrimPrefix(path, strings.TrimSuffix(*e.match.Path.Value, "/"))
	if path = strings.TrimSuffix(*m.ReplacePrefixMatch, "/") + rest; path == "" {
		return "/"
	}
	return path
}

// location returns the URL to which f redirects r. A change of scheme leads to the port that serves the new
// scheme. In the specification that is the well-known port, here it may be another one.
func location(f *v1.HTTPRequestRedirectFilter, e *entry, r *http.Request, ports map[string]int) string {
	to := url.URL{Scheme: "http", Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if r.TLS != nil {
		to.Scheme = "https"
	}
	host, port := hostname(r.Host), 0
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port, _ = strconv.Atoi(p)
	}
	if f.Scheme != nil && *f.Scheme != to.Scheme {
		to.Scheme, port = *f.Scheme, ports[*f.Scheme]
	}
	if f.Port != nil {
		port = int(*f.Port)
	}
	if f.Hostname != nil {
		host = string(*f.Hostname)
	}
	if f.Path != nil {
		to.Path, to.RawPath = newPath(f.Path, r.URL.Path, e), ""
	}
	to.Host = host
	if port != 0 && port != map[string]int{"http": 80, "https": 443}[to.Scheme] {
		to.Host += ":" + strconv.Itoa(port)
	}
	return to.String()
}
