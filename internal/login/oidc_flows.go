package login

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pscdev/psc/internal/fault"
)

// The ways in which an issuer issues tokens.
const (
	grantCode     = "authorization_code"
	grantDevice   = "urn:ietf:params:oauth:grant-type:device_code"
	grantPassword = "password"
)

// TakesPasswords reports whether the owner of the platform and the issuer let programs ask for passwords.
func (p *Provider) TakesPasswords() bool {
	return p.issuer.Password && slices.Contains(p.endpoints.Grants, grantPassword)
}

// HasDevice reports whether the issuer can sign in a user whose browser is on another machine.
func (p *Provider) HasDevice() bool { return strings.HasPrefix(p.endpoints.Device, "https://") }

// scopes returns what to ask for. If the owner of the platform does not say it, these are the usual ones that the issuer lists.
func (p *Provider) scopes() string {
	scopes := p.issuer.Scopes
	if len(scopes) == 0 {
		scopes = []string{"openid"}
		for _, scope := range []string{"profile", "email", "groups", "offline_access"} {
			if slices.Contains(p.endpoints.Scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return strings.Join(scopes, " ")
}

// Browser signs in with a browser, as OAuth.Browser does.
func (p *Provider) Browser(ctx context.Context, open func(address string), pasted <-chan string) (Tokens, error) {
	if !strings.HasPrefix(p.endpoints.Authorize, "https://") {
		return Tokens{}, fault.New(fault.Failed, "%s has no authorization endpoint with an https address", p.issuer.URL)
	}
	page := func(f flow) string {
		return f.page(p.endpoints.Authorize, true, url.Values{"scope": {p.scopes()}, "nonce": {f.nonce}})
	}
	f, answer, err := browse(ctx, p.issuer.ClientID, page, open, pasted)
	if err != nil {
		return Tokens{}, err
	}
	code, err := f.code(p.issuer.URL, answer)
	if err != nil {
		return Tokens{}, err
	}
	form := url.Values{"grant_type": {grantCode}, "code": {code}, "redirect_uri": {f.redirect}, "code_verifier": {f.verifier}}
	tokens, why, err := p.issue(ctx, form, f.nonce)
	if err == nil && why != "" {
		err = fault.New(fault.Denied, "%s gives no token: %s", p.issuer.URL, why).WithHint("try again")
	}
	tokens.How = "browser"
	return tokens, err
}

// Password signs in with a user name and a password. It returns ErrPassword if they are wrong.
func (p *Provider) Password(ctx context.Context, user, password string) (Tokens, error) {
	tokens, why, err := p.issue(ctx, url.Values{"grant_type": {grantPassword}, "username": {user}, "password": {password}, "scope": {p.scopes()}}, "")
	switch {
	case err != nil:
	case strings.HasPrefix(why, ErrInvalidGrant.Error()):
		err = ErrPassword
	case why != "":
		err = fault.New(fault.Denied, "%s gives no token: %s", p.issuer.URL, why).WithHint("sign in with the browser: --web")
	}
	tokens.How = "password"
	return tokens, err
}

// DeviceCode is what a user enters in a browser on any machine: https://datatracker.ietf.org/doc/html/rfc8628
type DeviceCode struct {
	// Page is the address of the page, and Code what it asks for.
	Page string `json:"verification_uri"`
	Code string `json:"user_code"`
	// Complete is the address of the page with the code; it may be empty.
	Complete string `json:"verification_uri_complete"`

	Secret   string `json:"device_code"`
	Expires  int    `json:"expires_in"`
	Interval int    `json:"interval"`
	Error    string `json:"error"`
}

// Device signs in with a browser on another machine. show gets the code for the user.
func (p *Provider) Device(ctx context.Context, show func(DeviceCode)) (Tokens, error) {
	var device DeviceCode
	status, err := p.post(ctx, p.endpoints.Device, url.Values{"scope": {p.scopes()}}, &device)
	if err != nil {
		return Tokens{}, err
	}
	if status != http.StatusOK || device.Secret == "" || !strings.HasPrefix(device.Page, "https://") {
		return Tokens{}, fault.New(fault.Failed, "%s gives no code to sign in with: HTTP %d %s", p.issuer.URL, status, device.Error)
	}
	wait := 5 * time.Second // unless the issuer says otherwise
	if device.Interval > 0 {
		wait = time.Duration(device.Interval) * time.Second
	}
	expired := fault.New(fault.Denied, "the code has expired before it was entered at %s", device.Page).WithHint("try again")
	if device.Expires > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(device.Expires)*time.Second, expired)
		defer cancel()
	}
	show(device)
	return p.poll(ctx, device, wait, expired)
}

// poll asks for the tokens until the user has entered the code.
func (p *Provider) poll(ctx context.Context, device DeviceCode, wait time.Duration, expired error) (Tokens, error) {
	for {
		select {
		case <-ctx.Done():
			return Tokens{}, context.Cause(ctx)
		case <-time.After(wait):
		}
		tokens, why, err := p.issue(ctx, url.Values{"grant_type": {grantDevice}, "device_code": {device.Secret}}, "")
		tokens.How = "code"
		word, _, _ := strings.Cut(why, " ")
		var timeout net.Error
		switch {
		case ctx.Err() != nil:
			return Tokens{}, context.Cause(ctx)
		case errors.As(err, &timeout) && timeout.Timeout():
			wait *= 2
		case err != nil || why == "":
			return tokens, err
		case word == "authorization_pending":
		case word == "slow_down":
			wait += 5 * time.Second
		case word == "expired_token":
			return Tokens{}, expired
		default: // access_denied, for example
			return Tokens{}, fault.New(fault.Denied, "%s refuses the sign-in: %s", p.issuer.URL, why)
		}
	}
}

// issue asks for the tokens of a sign-in; why is the answer of an issuer that issues none. Tokens that cannot be used are revoked.
func (p *Provider) issue(ctx context.Context, form url.Values, nonce string) (tokens Tokens, why string, err error) {
	begin, got := time.Now(), grant{}
	status, err := p.post(ctx, p.endpoints.Token, form, &got)
	switch {
	case err != nil:
		return Tokens{}, "", err
	case got.Error != "":
		return Tokens{}, strings.TrimSpace(got.Error + " " + got.Description), nil
	case status != http.StatusOK:
		return Tokens{}, http.StatusText(status), nil
	}
	tokens = Tokens{ID: got.ID, Refresh: got.Refresh}
	if tokens.Until, err = p.check(got.ID, nonce, begin); err != nil {
		if got.Refresh != "" {
			_ = p.Revoke(context.WithoutCancel(ctx), got.Refresh) // nobody will use it
		}
		return Tokens{}, "", err
	}
	return tokens, "", nil
}
