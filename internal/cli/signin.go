package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/workspace"
)

// browserVariable names a program that opens the page of a sign-in, instead of the browser of the desktop.
const browserVariable = "PSC_BROWSER"

// method is how a user wants to sign in to a server; the zero value leaves it to the server.
type method struct {
	tokenStdin       bool
	certificate, key string
	username         string
	passwordStdin    bool
	web              bool
	issuer, clientID string
}

func (m *method) flags(cmd *cobra.Command) {
	section(cmd, "User", func(flags *pflag.FlagSet) {
		flags.BoolVar(&m.tokenStdin, "token-stdin", false, "read the token from stdin instead of "+tokenVariable+" or a prompt")
		flags.StringVar(&m.certificate, "client-certificate", "", "`FILE` with the client certificate")
		flags.StringVar(&m.key, "client-key", "", "`FILE` with the key of the client certificate")
		flags.StringVar(&m.username, "username", "", "sign in as `USER`, with the password")
		flags.BoolVar(&m.passwordStdin, "password-stdin", false, "read the password from stdin instead of a prompt")
		flags.BoolVar(&m.web, "web", false, "sign in with the browser, here or on another machine")
		flags.StringVar(&m.issuer, "issuer", "", "`URL` of the OpenID Connect issuer, if the cluster does not name it")
		flags.StringVar(&m.clientID, "client-id", "", "`ID` of psc at the issuer")
	})
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "client-certificate", "username", "web")
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "client-certificate", "username", "issuer") // only a platform lets programs ask for passwords
}

// check reports flags that need others.
func (m method) check() error {
	switch {
	case (m.certificate == "") != (m.key == ""):
		return fault.New(fault.Usage, "--client-certificate and --client-key must be given together")
	case m.passwordStdin && m.username == "":
		return fault.New(fault.Usage, "--password-stdin needs --username USER")
	case (m.issuer == "") != (m.clientID == ""):
		return fault.New(fault.Usage, "--issuer and --client-id must be given together")
	}
	return nil
}

// signIn finds a server and signs in to it. It returns the entries for the kubeconfig, which are not written yet.
func (s *session) signIn(ctx context.Context, search login.Search, m method) (*workspace.Kubeconfig, string, error) {
	if err := m.check(); err != nil {
		return nil, "", err
	}
	if search.Pin != "" {
		if err := login.CheckPin(search.Pin); err != nil {
			return nil, "", err
		}
	}
	search.Known = func(host string) []byte { return login.KnownAuthority(s.kubeconfig, host) }
	search.Trust = func(a login.Authority) error { return s.trust(search.Address, a) }
	search.Tell = func(format string, args ...any) {
		if s.verbose {
			s.say("  "+format, args...)
		}
	}
	server, err := search.Find(ctx)
	if err != nil {
		return nil, "", err
	}
	if !strings.HasSuffix(server.Address, strings.TrimRight(search.Address, "/")) { // nobody should type a password for an unknown one
		s.say("The API server is %s", server.Address)
	}
	if err := s.settings.Probe(); err != nil { // before a server issues a token
		return nil, "", err
	}
	if err := s.kubeconfigFiles().Probe(server.Entry()); err != nil {
		return nil, "", err
	}
	if m.certificate != "" {
		return login.Entry(server, login.Credentials{Certificate: m.certificate, Key: m.key})
	}
	if token, ok, err := s.given(m); ok || err != nil {
		return entryFor(server, token, err)
	}
	offer := login.Offer{Issuer: &login.Issuer{URL: m.issuer, ClientID: m.clientID}}
	if m.issuer == "" {
		if offer, err = server.Offer(ctx, search.Tell); err != nil && m.chosen() {
			return nil, "", err
		} else if err != nil {
			s.view.Warn("%v", err)
		}
	}
	if offer.Issuer != nil {
		return s.atIssuer(ctx, search, server, *offer.Issuer, m)
	}
	token, err := s.token(ctx, server, offer.OAuth, m)
	return entryFor(server, token, err)
}

// chosen reports whether the user wants to sign in with a password or a page.
func (m method) chosen() bool { return m.username != "" || m.web }

func entryFor(server *login.Server, token login.Token, err error) (*workspace.Kubeconfig, string, error) {
	if err != nil {
		return nil, "", err
	}
	return login.Entry(server, login.Credentials{Token: token})
}

// trust asks whether to trust a certificate authority that this machine does not know. --yes does not answer it: a user has to
// compare the fingerprint.
func (s *session) trust(address string, a login.Authority) error {
	if !s.interactive() {
		return fault.New(fault.Usage, "the certificate of %s is signed by %q, which this machine does not trust", a.Host, a.Name).
			WithHint("if the owner of the cluster confirms this fingerprint: psc login %s --trust %s", address, a.Fingerprint)
	}
	s.view.Prompt("The certificate of %s is signed by %q, which this machine does not trust.\n  %s\n", a.Host, a.Name, a.Fingerprint)
	if !s.ask("Is this the fingerprint that the owner of the cluster gave you? Trust it?") {
		return fault.New(fault.Failed, "%s is not trusted: nothing was changed", a.Host).WithHint("--certificate-authority FILE")
	}
	return nil
}

// given returns the token that the user already has, if there is one.
func (s *session) given(m method) (token login.Token, ok bool, err error) {
	switch {
	case m.tokenStdin:
		token, err = s.tokenFrom(io.ReadAll(io.LimitReader(s.In, 1<<20)))
	case s.Token != "" && !m.chosen() && m.issuer == "":
		token, err = s.tokenFrom([]byte(s.Token), nil)
	default:
		return token, false, nil
	}
	return token, true, err
}

// token returns the token of a user: from the OAuth server, or from a prompt if there is none.
func (s *session) token(ctx context.Context, server *login.Server, oauth *login.OAuth, m method) (login.Token, error) {
	switch {
	case oauth == nil && m.chosen():
		return login.Token{}, fault.New(fault.Usage, "%s does not say how users sign in: it names no issuer, and has no OAuth server", server.Address).
			WithHint("sign in with a token (--token-stdin) or a client certificate, or ask its owner for --issuer URL --client-id ID")
	case oauth == nil:
		return s.tokenFrom(s.askHidden("token", "pipe it to --token-stdin, or set "+tokenVariable))
	case m.web:
		return withBrowser(ctx, s, oauth.Browser)
	case m.username == "" && !s.interactive():
		return login.Token{}, fault.New(fault.Usage, "no user name, and no terminal to ask for it").
			WithHint("--username USER --password-stdin, --token-stdin, or set %s", tokenVariable)
	}
	takes, err := oauth.TakesPasswords(ctx)
	switch {
	case err != nil:
		return login.Token{}, err
	case !takes && m.username != "":
		return login.Token{}, fault.New(fault.Usage, "%s takes no passwords from programs", oauth.Issuer).WithHint("--web signs in with the browser")
	case !takes:
		return withBrowser(ctx, s, oauth.Browser)
	}
	return withPassword(ctx, s, m, oauth.Password)
}

func (s *session) tokenFrom(data []byte, err error) (login.Token, error) {
	token := login.Token{Secret: strings.TrimSpace(string(data))}
	if err == nil && token.Secret == "" {
		err = fault.New(fault.Usage, "the token is empty")
	}
	return token, err
}

// withPassword asks for the user name and the password if they are not given, and signs in with them.
func withPassword[T any](ctx context.Context, s *session, m method, signIn func(ctx context.Context, user, password string) (T, error)) (T, error) {
	var none T
	if m.username == "" {
		s.view.Prompt("User name: ")
		_, _ = fmt.Fscanln(s.In, &m.username) // an empty line is an error
		if m.username == "" {
			return none, fault.New(fault.Usage, "the user name is empty")
		}
	}
	read := func() ([]byte, error) { return s.askHidden("password", "pipe it to --password-stdin") }
	if m.passwordStdin {
		read = func() ([]byte, error) { return io.ReadAll(io.LimitReader(s.In, 1<<20)) }
	}
	secret, err := read()
	if err != nil {
		return none, err
	}
	secret = bytes.TrimRight(secret, "\r\n")
	if len(secret) == 0 {
		return none, fault.New(fault.Usage, "the password is empty")
	}
	out, err := signIn(ctx, m.username, string(secret))
	if errors.Is(err, login.ErrPassword) {
		err = fault.Wrap(fault.Denied, err)
	}
	return out, err
}

// withBrowser signs in with the browser. Over SSH, or without a screen, the user opens the page elsewhere and pastes the address to which
// the server sends the browser.
func withBrowser[T any](ctx context.Context, s *session, signIn func(ctx context.Context, open func(address string), pasted <-chan string) (T, error)) (T, error) {
	var pasted chan string
	if s.interactive() {
		pasted = make(chan string)
		go func() { // ends with the process
			for lines := bufio.NewScanner(s.In); lines.Scan(); {
				pasted <- lines.Text()
			}
		}()
	}
	return signIn(ctx, func(address string) {
		s.view.Prompt("Sign in with the browser: %s\n", address)
		switch {
		case hasBrowser():
			s.openPage(ctx, address)
		case pasted != nil:
			s.view.Prompt("If the browser is on another machine, paste the address of the page that it cannot open:\n")
		}
	}, pasted)
}

// hasBrowser reports whether psc can show a page to the user.
func hasBrowser() bool {
	return os.Getenv(browserVariable) != "" || hasDisplay() && os.Getenv("SSH_CONNECTION") == ""
}

// openPage opens a page with the user's program, or the browser of the desktop.
func (s *session) openPage(ctx context.Context, address string) {
	program := os.Getenv(browserVariable)
	if program == "" {
		s.browse(address)
		return
	}
	cmd := exec.CommandContext(ctx, program, address)
	if err := cmd.Start(); err != nil {
		s.view.Warn("%s could not be started: %v", program, err)
		return
	}
	go func() { _ = cmd.Wait() }() // it may stay open
}
