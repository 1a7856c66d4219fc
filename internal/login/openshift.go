package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pscdev/psc/internal/fault"
)

// OAuth is the OAuth server of an OpenShift cluster. https://docs.redhat.com/en/documentation/openshift_container_platform/4.19/html/authentication_and_authorization/understanding-authentication
type OAuth struct {
	// Issuer is its address.
	Issuer    string
	authorize string
	token     string
	s256      bool
	client    *http.Client
}

// Token is what a user gets for a sign-in.
type Token struct {
	// Secret is the token itself.
	Secret string
	// Until is when it expires; zero if the server does not say so.
	Until time.Time
	// How is "password" or "browser".
	How string
}

// ErrPassword is the error for a wrong user name or password.
var ErrPassword = errors.New("wrong user name or password")

// The clients that every OpenShift has, for passwords and for the browser.
const (
	challengingClient = "openshift-challenging-client"
	browserClient     = "openshift-cli-client"
)

// OAuth returns the OAuth server of an OpenShift cluster; nil if the server has none, such as any other Kubernetes.
func (s *Server) OAuth(ctx context.Context) (*OAuth, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var doc struct {
		Issuer    string   `json:"issuer"`
		Authorize string   `json:"authorization_endpoint"`
		Token     string   `json:"token_endpoint"`
		Methods   []string `json:"code_challenge_methods_supported"`
	}
	ok, err := s.document(ctx, "/.well-known/oauth-authorization-server", &doc)
	if err != nil || !ok || doc.Issuer == "" {
		return nil, err
	}
	issuer := strings.TrimRight(doc.Issuer, "/")
	for _, address := range []string{doc.Authorize, doc.Token} {
		if !strings.HasPrefix(address, issuer+"/") || !strings.HasPrefix(address, "https://") {
			return nil, fault.New(fault.Failed, "%s names %s for sign-ins, which is not a page of its OAuth server %s", s.Address, address, issuer)
		}
	}
	// Its certificate is often one for the pages of the cluster: the system knows the authority, or it is that of the API server.
	settings := &tls.Config{InsecureSkipVerify: s.Insecure} //nolint:gosec // only if the user asks for it
	if len(s.Authority) > 0 {
		if settings.RootCAs, err = x509.SystemCertPool(); err != nil {
			settings.RootCAs = x509.NewCertPool()
		}
		settings.RootCAs.AppendCertsFromPEM(s.Authority)
	}
	return &OAuth{issuer, doc.Authorize, doc.Token, slices.Contains(doc.Methods, "S256"), anonymous(settings)}, nil
}

// flow is one sign-in. State and verifier are random, so that nobody else can end it.
type flow struct {
	client, redirect, state, verifier string
}

func newFlow(client, redirect string) flow {
	return flow{client, redirect, rand.Text(), rand.Text() + rand.Text()}
}

func (o *OAuth) authorizeURL(f flow) string {
	q := url.Values{"client_id": {f.client}, "response_type": {"code"}, "redirect_uri": {f.redirect}, "state": {f.state}}
	if o.s256 {
		hash := sha256.Sum256([]byte(f.verifier))
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(hash[:]))
		q.Set("code_challenge_method", "S256")
	}
	return o.authorize + "?" + q.Encode()
}

// challenge asks for a code, without credentials if user is empty. Without the CSRF header the server never asks for a password.
func (o *OAuth) challenge(ctx context.Context, f flow, user, password string) (status int, header http.Header, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, o.authorizeURL(f), nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("X-CSRF-Token", "1") //nolint:canonicalheader // as the server has it
	if user != "" {
		request.SetBasicAuth(user, password)
	}
	answer, err := o.client.Do(request)
	if err != nil {
		return 0, nil, o.unanswered(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode, answer.Header, nil
}

// unanswered is the error for a server that did not answer, without the request, whose URL is of no use to anybody.
func (o *OAuth) unanswered(err error) error {
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return fault.New(fault.Failed, "the OAuth server %s does not answer: %w", o.Issuer, err).WithHint("check the network, or sign in with a token: --token-stdin")
}

// TakesPasswords reports whether the server accepts a user name and a password from programs.
func (o *OAuth) TakesPasswords(ctx context.Context) (bool, error) {
	status, header, err := o.challenge(ctx, newFlow(challengingClient, o.Issuer+"/oauth/token/implicit"), "", "")
	if err != nil {
		return false, err
	}
	return status == http.StatusUnauthorized && slices.ContainsFunc(header.Values("WWW-Authenticate"), func(h string) bool {
		return strings.HasPrefix(strings.ToLower(h), "basic")
	}), nil
}

// Password signs in with a user name and a password. It returns ErrPassword if they are wrong.
func (o *OAuth) Password(ctx context.Context, user, password string) (Token, error) {
	f := newFlow(challengingClient, o.Issuer+"/oauth/token/implicit")
	status, header, err := o.challenge(ctx, f, user, password)
	if err != nil {
		return Token{}, err
	}
	to, err := url.Parse(header.Get("Location"))
	switch {
	case status == http.StatusUnauthorized:
		return Token{}, ErrPassword
	case err != nil || status != http.StatusFound || !strings.HasPrefix(to.String(), f.redirect+"?"):
		return Token{}, fault.New(fault.Failed, "the OAuth server %s gives no answer to a password (HTTP %d)", o.Issuer, status).WithHint("sign in with the browser: --web")
	}
	return o.redeem(ctx, f, to.Query(), "password")
}

// redeem gets the token for the answer to a flow.
func (o *OAuth) redeem(ctx context.Context, f flow, answer url.Values, how string) (Token, error) {
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.state)) != 1 {
		return Token{}, fault.New(fault.Failed, "the answer of %s is not for this sign-in: its state differs", o.Issuer).WithHint("try again")
	}
	if why := answer.Get("error"); why != "" {
		return Token{}, fault.New(fault.Denied, "%s refuses the sign-in: %s", o.Issuer, strings.TrimSpace(why+" "+answer.Get("error_description")))
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {f.redirect}, "code_verifier": {f.verifier}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.token, strings.NewReader(form.Encode()))
	if err != nil {
		return Token{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	request.SetBasicAuth(f.client, "") // the server knows a public client by this, and not by a field of the form
	begin := time.Now()
	response, err := o.client.Do(request)
	if err != nil {
		return Token{}, o.unanswered(err)
	}
	defer func() { _ = response.Body.Close() }()
	var got struct {
		Token   string `json:"access_token"`
		Expires int64  `json:"expires_in"`
		Error   string `json:"error"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&got); err != nil || got.Token == "" {
		return Token{}, fault.New(fault.Denied, "%s gives no token: %s %s", o.Issuer, response.Status, got.Error).WithHint("try again")
	}
	token := Token{Secret: got.Token, How: how}
	if got.Expires > 0 {
		token.Until = begin.Add(time.Duration(got.Expires) * time.Second).Truncate(time.Second)
	}
	return token, nil
}

// Browser signs in with a browser on this machine. open gets the address of the page to show. pasted may provide the address of the
// page that a browser on another machine could not show.
func (o *OAuth) Browser(ctx context.Context, open func(address string), pasted <-chan string) (Token, error) {
	var network net.ListenConfig
	listener, err := network.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return Token{}, fmt.Errorf("wait for the browser: %w", err)
	}
	f := newFlow(browserClient, "http://"+listener.Addr().String()+"/callback") // exactly this host and path, with any port
	answers := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: patience, Handler: callback(answers)}
	go func() { _ = server.Serve(listener) }()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(ctx) // after the page was sent
	}()
	open(o.authorizeURL(f))
	for {
		select {
		case <-ctx.Done():
			return Token{}, ctx.Err()
		case answer := <-answers:
			return o.redeem(ctx, f, answer, "browser")
		case text := <-pasted:
			if u, err := url.Parse(strings.TrimSpace(text)); err == nil && u.Query().Has("state") {
				return o.redeem(ctx, f, u.Query(), "browser")
			}
		}
	}
}

// callback takes one answer from a browser.
func callback(answers chan<- url.Values) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'")
		header.Set("Cache-Control", "no-store")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!doctype html><title>psc</title><p>You can close this page. The sign-in continues in the terminal.")
		select {
		case answers <- r.URL.Query():
		default: // one answer is enough
		}
	})
	return mux
}

// tokenName returns the name of the object of a token, which does not tell the token.
func tokenName(token string) (name string, ok bool) {
	secret, ok := strings.CutPrefix(token, tokenPrefix)
	hash := sha256.Sum256([]byte(secret))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(hash[:]), ok
}

const tokenPrefix = "sha256~"
