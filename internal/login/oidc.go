package login

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pscdev/psc/internal/fault"
)

// Issuer is an OpenID Connect issuer, and psc as its client: https://openid.net/specs/openid-connect-core-1_0.html
type Issuer struct {
	// URL is its identifier, and ClientID the name of psc there: a public client, which has no secret.
	URL, ClientID string
	// Scopes are what psc asks for.
	Scopes []string
	// Authority is its certificate authority, in PEM; empty for those of the system.
	Authority []byte
	// Password is true if its owner lets programs ask for passwords.
	Password bool
}

// Tokens are what an issuer issues for a sign-in.
type Tokens struct {
	// ID is the ID token, which the API server accepts.
	ID string
	// Refresh is the refresh token; empty if the issuer has issued none.
	Refresh string
	// Until is the end of the ID token, on the clock of this machine.
	Until time.Time
	// How is "browser", "code" or "password"; empty after a refresh.
	How string
}

// ErrInvalidGrant is in the error for a refresh token that the issuer does not accept, and will not accept later.
var ErrInvalidGrant = errors.New("invalid_grant")

// Provider has the addresses of an issuer.
type Provider struct {
	issuer    Issuer
	client    *http.Client
	endpoints endpoints
}

// endpoints is the document in which an issuer says what it offers.
type endpoints struct {
	Issuer    string   `json:"issuer"`
	Authorize string   `json:"authorization_endpoint"`
	Token     string   `json:"token_endpoint"`
	Device    string   `json:"device_authorization_endpoint"`
	Revoke    string   `json:"revocation_endpoint"`
	Grants    []string `json:"grant_types_supported"`
	Scopes    []string `json:"scopes_supported"`
}

// Discover asks an issuer for its addresses.
func (i Issuer) Discover(ctx context.Context) (*Provider, error) {
	if !strings.HasPrefix(i.URL, "https://") {
		return nil, fault.New(fault.Usage, "the issuer %q is not an https address", i.URL)
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(i.Authority) > 0 {
		var err error
		if settings.RootCAs, err = x509.SystemCertPool(); err != nil {
			settings.RootCAs = x509.NewCertPool()
		}
		settings.RootCAs.AppendCertsFromPEM(i.Authority)
	}
	p := &Provider{issuer: i, client: anonymous(settings)}
	address := strings.TrimRight(i.URL, "/") + "/.well-known/openid-configuration"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	status, err := p.send(request, &p.endpoints)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK:
		return nil, fault.New(fault.Failed, "%s is not an OpenID Connect issuer: it answers %d to %s", i.URL, status, address)
	case p.endpoints.Issuer != i.URL:
		return nil, fault.New(fault.Failed, "%s says that it is the issuer %q", i.URL, p.endpoints.Issuer)
	case !strings.HasPrefix(p.endpoints.Token, "https://"):
		return nil, fault.New(fault.Failed, "%s has no token endpoint with an https address", i.URL)
	}
	return p, nil
}

// send sends a request and reads the JSON of the answer, whatever its status is.
func (p *Provider) send(request *http.Request, into any) (status int, err error) {
	request.Header.Set("Accept", "application/json")
	answer, err := p.client.Do(request)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		return 0, fault.New(fault.Failed, "the issuer %s does not answer: %w", p.issuer.URL, err).WithHint("check the network, then try again")
	}
	defer func() { _ = answer.Body.Close() }()
	err = json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) && answer.StatusCode == http.StatusOK { // there is nothing to say about a revocation
		return 0, fault.New(fault.Failed, "the answer of the issuer %s is not JSON", p.issuer.URL).WithHint("try again")
	}
	return answer.StatusCode, nil
}

// grant is the answer of a token endpoint.
type grant struct {
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
	Error   string `json:"error"`
	// Description is for people.
	Description string `json:"error_description"`
}

// post sends a form to an endpoint of the issuer. The form has the client's name, and no secret of the client.
func (p *Provider) post(ctx context.Context, endpoint string, form url.Values, into any) (status int, err error) {
	form.Set("client_id", p.issuer.ClientID)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return p.send(request, into)
}

// Refresh gets the next tokens for a refresh token, which most issuers accept once. An error that is not ErrInvalidGrant says nothing
// about the refresh token. If the issuer has replaced it and the ID token cannot be used, there is an error and the next refresh token.
func (p *Provider) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	begin, got := time.Now(), grant{}
	status, err := p.post(ctx, p.endpoints.Token, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}, &got)
	switch {
	case err != nil:
		return Tokens{}, err
	case got.Error == ErrInvalidGrant.Error():
		return Tokens{}, fault.New(fault.Denied, "the issuer %s does not renew the sign-in: %w", p.issuer.URL, ErrInvalidGrant)
	case status != http.StatusOK:
		return Tokens{}, fault.New(fault.Failed, "the issuer %s does not renew the sign-in: HTTP %d %s", p.issuer.URL, status, got.Error).WithHint("try again")
	}
	tokens := Tokens{ID: got.ID, Refresh: got.Refresh}
	tokens.Until, err = p.check(got.ID, "", begin)
	return tokens, err
}

// check returns the end of an ID token on the clock of this machine. The API server checks the signature; the issuer has sent the
// token itself: https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation. A nonce is only expected after a browser.
func (p *Provider) check(token, nonce string, begin time.Time) (time.Time, error) {
	var claims struct {
		Issuer   string   `json:"iss"`
		Audience audience `json:"aud"`
		Expires  float64  `json:"exp"`
		Issued   float64  `json:"iat"`
		Nonce    string   `json:"nonce"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, fault.New(fault.Failed, "the issuer %s issues no ID token", p.issuer.URL).WithHint("ask its owner to allow the scope openid for %s", p.issuer.ClientID)
	}
	data, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(data, &claims)
	}
	wrong := func(format string, args ...any) (time.Time, error) {
		return time.Time{}, fault.New(fault.Failed, "the ID token of the issuer %s %s", p.issuer.URL, fmt.Sprintf(format, args...))
	}
	switch life := time.Duration((claims.Expires - claims.Issued) * float64(time.Second)); {
	case err != nil:
		return wrong("cannot be read")
	case claims.Issuer != p.issuer.URL:
		return wrong("is one of %q", claims.Issuer)
	case !slices.Contains(claims.Audience, p.issuer.ClientID):
		return wrong("is for %q, and not for %s", []string(claims.Audience), p.issuer.ClientID)
	case nonce != "" && subtle.ConstantTimeCompare([]byte(claims.Nonce), []byte(nonce)) != 1:
		return wrong("is not for this sign-in: its nonce differs")
	case life <= 0:
		return wrong("has expired already")
	default:
		return begin.Add(life), nil
	}
}

// audience is one name, or a list of names.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// Revoke makes the issuer forget a refresh token, and what was issued for it: https://datatracker.ietf.org/doc/html/rfc7009
func (p *Provider) Revoke(ctx context.Context, refresh string) error {
	if !strings.HasPrefix(p.endpoints.Revoke, "https://") {
		return fault.New(fault.Failed, "the issuer %s has no address for that", p.issuer.URL)
	}
	var got grant
	status, err := p.post(ctx, p.endpoints.Revoke, url.Values{"token": {refresh}, "token_type_hint": {"refresh_token"}}, &got)
	if err == nil && status != http.StatusOK {
		err = fault.New(fault.Failed, "the issuer %s answers HTTP %d %s", p.issuer.URL, status, got.Error)
	}
	return err
}
