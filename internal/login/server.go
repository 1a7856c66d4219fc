package login

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
)

// Search finds an API server at an address that a user gives. It sends no credentials.
type Search struct {
	// Address is a host, with or without a port, or a URL. Without a port it is 443, or else 6443.
	Address string
	// Authority is a file with the certificate authority of the server; empty for those of the system, the kubeconfig, or the
	// server itself with Pin or Trust.
	Authority string
	// Insecure skips the check of the server's certificate.
	Insecure bool
	// Pin is the fingerprint of the only authority to accept, as in Authority.Fingerprint.
	Pin string
	// Known are authorities, in PEM, that the kubeconfig has for a host.
	Known func(host string) []byte
	// Trust is asked for an authority that this machine does not know. Its error ends the search.
	Trust func(Authority) error
	// Tell gets a line for each step. It may be nil.
	Tell func(format string, args ...any)
}

// Server is an API server.
type Server struct {
	// Address is its URL.
	Address string
	// Authority is the certificate authority that the user trusts, in PEM; empty for those of the system.
	Authority []byte
	// Insecure servers are used without a check of the certificate.
	Insecure bool

	client *http.Client // anonymous
	issuer *Issuer      // that a platform names for it; nil if it names none
}

const (
	patience      = 10 * time.Second // for a server that does not answer
	offerPatience = 3 * time.Second  // for a document that it may not have
	maxAnswer     = 1 << 20
)

// errPage is the error for an address that shows a page for people.
var errPage = errors.New("that is a web page, not an API server")

// Find returns the server. It fails if the certificate cannot be trusted.
func (s Search) Find(ctx context.Context) (*Server, error) {
	if s.Tell == nil {
		s.Tell = func(string, ...any) {}
	}
	addresses, err := addresses(s.Address)
	if err != nil {
		return nil, err
	}
	var problem error
	for _, u := range addresses {
		server, err := s.at(ctx, u)
		if errors.Is(err, errPage) {
			server, err = s.named(ctx, server)
		}
		if err == nil {
			s.Tell("the API server is %s", server.Address)
			return server, nil
		}
		s.Tell("%s: %v", u, err)
		var unanswered *url.Error
		if errors.Is(err, errPage) || problem == nil {
			problem = err
		}
		if !errors.Is(err, errPage) && (!errors.As(err, &unanswered) || ctx.Err() != nil) {
			return nil, err
		}
	}
	return nil, s.worded(addresses[0], problem)
}

func (s Search) worded(u *url.URL, err error) error {
	if errors.Is(err, errPage) {
		out := fault.New(fault.Usage, "%s: %w", u, err)
		if _, domain, ok := strings.Cut(u.Hostname(), ".apps."); ok {
			return out.WithHint("psc login https://api.%s:6443", domain)
		}
		return out.WithHint("ask the owner of the platform for the address of the API server, such as https://api.%s:6443", u.Hostname())
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return fault.New(fault.Failed, "%s does not answer: %w", u, err).WithHint("check the address and the network")
}

// addresses returns the URLs at which a server may be.
func addresses(text string) ([]*url.URL, error) {
	address := text
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err == nil && u.Scheme == "http" {
		return nil, fault.New(fault.Usage, "credentials are only sent over https, not to %s", withoutUser(text))
	}
	if err != nil || u.Host == "" || u.Scheme != "https" || u.User != nil || u.RawQuery != "" {
		return nil, fault.New(fault.Usage, "%q is not the address of a server such as https://api.example.com:6443", withoutUser(text))
	}
	if u.Port() != "" {
		return []*url.URL{u}, nil
	}
	other := *u
	other.Host = net.JoinHostPort(u.Hostname(), "6443")
	return []*url.URL{u, &other}, nil
}

// withoutUser returns an address without a user and a password in it.
func withoutUser(address string) string {
	if _, host, ok := strings.Cut(address, "@"); ok {
		return "…@" + host
	}
	return address
}

// at checks the server at an address, and its certificate.
func (s Search) at(ctx context.Context, u *url.URL) (*Server, error) {
	server := &Server{Address: u.String(), Insecure: s.Insecure}
	settings := &tls.Config{InsecureSkipVerify: s.Insecure} //nolint:gosec // only if the user asks for it
	switch {
	case s.Authority != "":
		var err error
		if server.Authority, err = os.ReadFile(s.Authority); err != nil {
			return nil, fault.Wrap(fault.Usage, err)
		}
		if settings.RootCAs = pool(server.Authority); settings.RootCAs == nil {
			return nil, fault.New(fault.Usage, "--certificate-authority %s is not a certificate in PEM", s.Authority)
		}
	case s.Pin != "":
		settings.RootCAs = x509.NewCertPool() // no authority but this one
	}
	server.client = anonymous(settings)
	answer, err := server.get(ctx, "/")
	var untrusted *tls.CertificateVerificationError
	if errors.As(err, &untrusted) {
		authority, refused := s.authority(ctx, u, untrusted)
		if refused != nil {
			return nil, refused
		}
		server.Authority = authority
		server.client = anonymous(&tls.Config{RootCAs: pool(authority), MinVersion: tls.VersionTLS12})
		answer, err = server.get(ctx, "/")
	}
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close()
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind == "text/html" || answer.StatusCode/100 == 3 || kind != "application/json" && server.namesAnother(ctx) {
		return server, errPage
	}
	return server, nil
}

// namesAnother reports whether a server that answers neither as a page nor as an API server has the document of a platform: a web
// server may have nothing else.
func (s *Server) namesAnother(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, offerPatience)
	defer cancel()
	var doc document
	ok, err := s.document(ctx, documentPath, &doc)
	return err == nil && ok && doc.Server != "" && doc.Server != s.Address
}

// named returns the API server that a platform names in a document beside its pages. Its authority is as trusted as the page.
func (s Search) named(ctx context.Context, page *Server) (*Server, error) {
	var doc document
	ok, err := page.document(ctx, documentPath, &doc)
	if err != nil || !ok || doc.Server == "" {
		return nil, errPage
	}
	issuer, err := doc.issuer(page.Address + documentPath)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(doc.Server)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fault.New(fault.Failed, "%s names %q as its API server, which is not an https address", page.Address, doc.Server)
	}
	s.Tell("%s names the API server %s", page.Address, doc.Server)
	s.Authority, s.Pin = "", "" // they were for the page
	if len(doc.Authority) > 0 {
		s.Known = func(string) []byte { return doc.Authority }
	}
	server, err := s.at(ctx, u)
	var unanswered *url.Error
	switch {
	case errors.Is(err, errPage):
		return nil, fault.New(fault.Failed, "%s names %s as its API server, but that is a web page, too", page.Address, doc.Server)
	case errors.As(err, &unanswered):
		return nil, s.worded(u, err)
	case err == nil:
		server.issuer = issuer
	}
	return server, err
}

// anonymous returns a client that follows no redirect.
func anonymous(settings *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       patience,
		Transport:     &http.Transport{TLSClientConfig: settings, Proxy: http.ProxyFromEnvironment, OnProxyConnectResponse: kube.ProxyAnswer, ForceAttemptHTTP2: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func pool(pem []byte) *x509.CertPool {
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(pem) {
		return nil
	}
	return p
}

func (s *Server) get(ctx context.Context, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Address+path, nil)
	if err != nil {
		return nil, err
	}
	return s.client.Do(request)
}

// document reads a JSON document of the server; ok is false if there is none.
func (s *Server) document(ctx context.Context, path string, into any) (ok bool, err error) {
	answer, err := s.get(ctx, path)
	if err != nil {
		return false, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return false, nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return false, fmt.Errorf("read %s of %s: %w", path, s.Address, err)
	}
	return true, nil
}
