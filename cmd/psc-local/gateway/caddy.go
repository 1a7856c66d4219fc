package gateway

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddypki" // the CA, and through caddytls its issuer
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage" // where the CA is kept
	"k8s.io/apimachinery/pkg/types"
)

const dialTimeout = 2 * time.Second

// proxy answers requests by its table and pool. Caddy listens, terminates TLS, issues certificates and
// forwards. Its configuration contains no routes and is loaded once. That is on purpose: a reload of Caddy
// closes idle client connections (a client that is writing a request to one at that moment loses it), the
// connections to every pod and all WebSockets, so one user's deployment would disturb all others.
type proxy struct {
	table atomic.Pointer[table]
	pool  *pool
	ports map[string]int // by scheme: the ports that clients dial
}

func newProxy(o Options) *proxy {
	p := &proxy{pool: &pool{services: map[types.NamespacedName]map[string]*endpoints{}}, ports: map[string]int{"http": o.HTTPPort, "https": o.HTTPSPort}}
	p.table.Store(newTable())
	return p
}

// swap makes t the table of all requests from the next one on.
func (p *proxy) swap(t *table) {
	t.adopt(p.table.Load())
	p.table.Store(t)
}

// start loads Caddy and writes the CA's root to Dir/ca.crt. A process has one Caddy, and so one proxy.
func (p *proxy) start(o Options) error {
	for _, m := range []caddy.Module{handler{p}, permission{p}, certificates{p}} {
		caddy.RegisterModule(m)
	}
	config, err := json.Marshal(caddyConfig(o))
	if err != nil {
		return err
	}
	if err := caddy.Load(config, true); err != nil {
		return fmt.Errorf("start caddy: %w", err)
	}
	root, err := os.ReadFile(filepath.Join(o.Dir, "pki", "authorities", "local", "root.crt"))
	if err != nil {
		return fmt.Errorf("read the root certificate: %w", err)
	}
	if err := os.WriteFile(filepath.Join(o.Dir, "ca.crt"), root, 0o644); err != nil { //nolint:gosec // public by nature
		return fmt.Errorf("write the root certificate: %w", err)
	}
	return nil
}

func caddyConfig(o Options) any {
	type m = map[string]any
	// forward sends a request to the upstream, in one version of HTTP.
	forward := func(version string) []m {
		return []m{{
			"handler":   "reverse_proxy",
			"upstreams": []m{{"dial": "{http.vars." + upstream + "}"}},
			"transport": m{"protocol": "http", "versions": []string{version}, "dial_timeout": dialTimeout, "compression": false, "keep_alive": m{"max_idle_conns_per_host": 256}},
		}}
	}
	server := func(listen string, more m) m {
		s := m{
			"listen":          []string{listen},
			"automatic_https": m{"disable": true}, // no redirects and no ACME: routes decide
			// The gateway never ends a quiet upload, stream or WebSocket.
			"read_idle_timeout": -1, "write_idle_timeout": -1,
			"routes": []m{{"handle": []m{{"handler": "psc_gateway"}, {"handler": "subroute", "routes": []m{
				{"match": []m{{"vars": m{upstreamH2C: []string{"true"}}}}, "handle": forward("h2c"), "terminal": true},
				{"handle": forward("1.1")},
			}}}}},
			"errors": m{"routes": []m{{"handle": []m{{
				"handler": "static_response", "body": "psc-local: {http.error.message}\n", "headers": m{"Content-Type": []string{"text/plain; charset=utf-8"}},
			}}}}},
		}
		for k, v := range more {
			s[k] = v
		}
		return s
	}
	return m{
		"admin":   m{"disabled": true, "config": m{"persist": false}},
		"logging": m{"logs": m{"default": m{"level": "ERROR", "sampling": m{"first": 10, "thereafter": 1000}}}},
		"storage": m{"module": "file_system", "root": o.Dir},
		"apps": m{
			"http": m{"grace_period": 5 * time.Second, "servers": m{
				"http":  server(o.HTTP, m{"protocols": []string{"h1", "h2c"}}),
				"https": server(o.HTTPS, m{"protocols": []string{"h1", "h2"}, "tls_connection_policies": []m{{}}}),
			}},
			"pki": m{"certificate_authorities": m{"local": m{"name": "psc-local", "install_trust": false}}},
			"tls": m{
				"automation": m{
					"policies":  []m{{"on_demand": true, "issuers": []m{{"module": "internal"}}, "get_certificate": []m{{"via": "psc"}}}},
					"on_demand": m{"permission": m{"module": "psc"}},
				},
				"disable_ocsp_stapling": true, "disable_storage_check": true, "disable_storage_clean": true,
			},
		},
	}
}

type (
	handler      struct{ p *proxy }
	permission   struct{ p *proxy }
	certificates struct{ p *proxy }
)

var (
	_ caddyhttp.MiddlewareHandler = handler{}
	_ caddytls.OnDemandPermission = permission{}
)

func (h handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.psc_gateway", New: func() caddy.Module { return &handler{h.p} }}
}

func (h permission) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tls.permission.psc", New: func() caddy.Module { return &permission{h.p} }}
}

func (h certificates) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "tls.get_certificate.psc", New: func() caddy.Module { return &certificates{h.p} }}
}

// CertificateAllowed lets Caddy issue certificates for the hostnames of HTTPS listeners only.
func (h permission) CertificateAllowed(_ context.Context, name string) error {
	if _, ok := h.p.table.Load().certificate(name); !ok {
		return fmt.Errorf("%w: no listener for %s", caddytls.ErrPermissionDenied, name)
	}
	return nil
}

// GetCertificate serves the certificate of a listener's Secret; nil lets Caddy issue one.
func (h certificates) GetCertificate(_ context.Context, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c, _ := h.p.table.Load().certificate(hello.ServerName)
	return c, nil
}
