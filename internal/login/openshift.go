package login

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
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

// oauth returns the OAuth server of an OpenShift cluster; nil if the server has none, such as any other Kubernetes.
func (s *Server) oauth(ctx context.Context) (*OAuth, error) {
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

func (o *OAuth) authorizeURL(f flow) string { return f.page(o.authorize, o.s256, nil) }

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
	code, err := f.code(o.Issuer, answer)
	if err != nil {
		return Token{}, err
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {f.redirect}, "code_verifier": {f.verifier}}
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
	f, answer, err := browse(ctx, browserClient, o.authorizeURL, open, pasted)
	if err != nil {
		return Token{}, err
	}
	return o.redeem(ctx, f, answer, "browser")
}

// tokenName returns the name of the object of a token, which does not tell the token.
func tokenName(token string) (name string, ok bool) {
	secret, ok := strings.CutPrefix(token, tokenPrefix)
	hash := sha256.Sum256([]byte(secret))
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(hash[:]), ok
}

const tokenPrefix = "sha256~"
