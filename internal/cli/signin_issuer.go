package cli

import (
	"context"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/workspace"
)

// atIssuer signs in at an OpenID Connect issuer. It returns the entries for the kubeconfig, and holds the tokens; neither is written.
func (s *session) atIssuer(ctx context.Context, search login.Search, server *login.Server, issuer login.Issuer, m method) (*workspace.Kubeconfig, string, error) {
	provider, err := issuer.Discover(ctx)
	if err != nil {
		return nil, "", err
	}
	search.Tell("the issuer %s knows psc as %s", issuer.URL, issuer.ClientID)
	config, name, err := login.Entry(server, login.Credentials{Renewed: true})
	if err == nil {
		err = s.credentials.Probe() // before the issuer issues a token
	}
	if err != nil {
		return nil, "", err
	}
	tokens, err := s.flow(ctx, server, issuer, provider, m)
	if err != nil {
		return nil, "", err
	}
	search.Tell("%s has issued a token (%s)", issuer.URL, tokens.How)
	again := search.Address
	if m.issuer != "" {
		again += " --issuer " + m.issuer + " --client-id " + m.clientID
	}
	s.credentials.Hold(name, again, issuer, tokens)
	return config, name, nil
}

// flow signs in with a password if the owner of the platform wants it so, or with a browser: on this machine, or with a code on
// another one. If the issuer has no codes, the user pastes the address to which it sends the browser.
func (s *session) flow(ctx context.Context, server *login.Server, issuer login.Issuer, provider *login.Provider, m method) (login.Tokens, error) {
	switch {
	case m.username != "" && !provider.TakesPasswords():
		return login.Tokens{}, fault.New(fault.Usage, "%s takes no passwords from programs", issuer.URL).WithHint("--web signs in with the browser")
	case !m.chosen() && !s.interactive():
		return login.Tokens{}, fault.New(fault.Usage, "%s signs in users at %s, and there is no terminal to ask", server.Address, issuer.URL).
			WithHint("%s", scripted(provider))
	}
	s.say("Signing in to %s at %s", server.Address, issuer.URL) // they may be of different owners
	switch {
	case m.username != "", provider.TakesPasswords() && !m.web:
		return withPassword(ctx, s, m, provider.Password)
	case hasBrowser() || !provider.HasDevice():
		return withBrowser(ctx, s, provider.Browser)
	}
	return provider.Device(ctx, func(d login.DeviceCode) {
		s.view.Prompt("Open %s in a browser on any machine, and enter the code:\n  %s\n", d.Page, d.Code)
		if d.Complete != "" {
			s.view.Prompt("Or open %s\n", d.Complete)
		}
	})
}

// scripted names the ways to sign in without a terminal.
func scripted(provider *login.Provider) string {
	if provider.TakesPasswords() {
		return "--username USER --password-stdin, --web, --token-stdin, or set " + tokenVariable
	}
	return "--web signs in with the browser; or --token-stdin, or set " + tokenVariable
}
