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
}

func (m *method) flags(cmd *cobra.Command) {
	section(cmd, "User", func(flags *pflag.FlagSet) {
		flags.BoolVar(&m.tokenStdin, "token-stdin", false, "read the token from stdin instead of "+tokenVariable+" or a prompt")
		flags.StringVar(&m.certificate, "client-certificate", "", "`FILE` with the client certificate")
		flags.StringVar(&m.key, "client-key", "", "`FILE` with the key of the client certificate")
		flags.StringVar(&m.username, "username", "", "sign in as `USER`, with the password (OpenShift)")
		flags.BoolVar(&m.passwordStdin, "password-stdin", false, "read the password from stdin instead of a prompt")
		flags.BoolVar(&m.web, "web", false, "sign in with the browser (OpenShift)")
	})
	cmd.MarkFlagsMutuallyExclusive("token-stdin", "client-certificate", "username", "web")
}

// check reports flags that need others.
func (m method) check() error {
	switch {
	case (m.certificate == "") != (m.key == ""):
		return fault.New(fault.Usage, "--client-certificate and --client-key must be given together")
	case m.passwordStdin && m.username == "":
		return fault.New(fault.Usage, "--password-stdin needs --username USER")
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
	c := login.Credentials{Certificate: m.certificate, Key: m.key}
	if m.certificate == "" {
		if c.Token, err = s.token(ctx, server, m); err != nil {
			return nil, "", err
		}
	}
	return login.Entry(server, c)
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

// token returns the token of a user: from stdin, the environment, the OAuth server, or a prompt.
func (s *session) token(ctx context.Context, server *login.Server, m method) (login.Token, error) {
	chosen := m.username != "" || m.web
	switch {
	case m.tokenStdin:
		return s.tokenFrom(io.ReadAll(io.LimitReader(s.In, 1<<20)))
	case os.Getenv(tokenVariable) != "" && !chosen:
		return s.tokenFrom([]byte(os.Getenv(tokenVariable)), nil)
	}
	oauth, err := server.OAuth(ctx)
	switch {
	case err != nil && chosen:
		return login.Token{}, err
	case oauth == nil && chosen:
		return login.Token{}, fault.New(fault.Usage, "%s has no OAuth server: it takes neither passwords nor the browser", server.Address).
			WithHint("sign in with a token (--token-stdin) or a client certificate")
	case oauth == nil:
		return s.tokenFrom(s.askHidden("token", "pipe it to --token-stdin, or set "+tokenVariable))
	case m.web:
		return s.browser(ctx, oauth)
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
		return s.browser(ctx, oauth)
	}
	return s.password(ctx, oauth, m)
}

func (s *session) tokenFrom(data []byte, err error) (login.Token, error) {
	token := login.Token{Secret: strings.TrimSpace(string(data))}
	if err == nil && token.Secret == "" {
		err = fault.New(fault.Usage, "the token is empty")
	}
	return token, err
}

// password signs in with a user name and a password, and asks for what is not given.
func (s *session) password(ctx context.Context, oauth *login.OAuth, m method) (login.Token, error) {
	if m.username == "" {
		s.view.Prompt("User name: ")
		_, _ = fmt.Fscanln(s.In, &m.username) // an empty line is an error
		if m.username == "" {
			return login.Token{}, fault.New(fault.Usage, "the user name is empty")
		}
	}
	read := func() ([]byte, error) { return s.askHidden("password", "pipe it to --password-stdin") }
	if m.passwordStdin {
		read = func() ([]byte, error) { return io.ReadAll(io.LimitReader(s.In, 1<<20)) }
	}
	password, err := read()
	if err != nil {
		return login.Token{}, err
	}
	password = bytes.TrimRight(password, "\r\n")
	if len(password) == 0 {
		return login.Token{}, fault.New(fault.Usage, "the password is empty")
	}
	token, err := oauth.Password(ctx, m.username, string(password))
	if errors.Is(err, login.ErrPassword) {
		return token, fault.Wrap(fault.Denied, err)
	}
	return token, err
}

// browser signs in with the browser. Over SSH, or without a screen, the user opens the page elsewhere and pastes the address to which
// the server sends the browser.
func (s *session) browser(ctx context.Context, oauth *login.OAuth) (login.Token, error) {
	var pasted chan string
	if s.interactive() {
		pasted = make(chan string)
		go func() { // ends with the process
			for lines := bufio.NewScanner(s.In); lines.Scan(); {
				pasted <- lines.Text()
			}
		}()
	}
	return oauth.Browser(ctx, func(address string) {
		s.view.Prompt("Sign in with the browser: %s\n", address)
		program := os.Getenv(browserVariable)
		switch {
		case program != "":
			cmd := exec.CommandContext(ctx, program, address)
			if err := cmd.Start(); err != nil {
				s.view.Warn("%s could not be started: %v", program, err)
				return
			}
			go func() { _ = cmd.Wait() }() // it may stay open
		case hasDisplay() && os.Getenv("SSH_CONNECTION") == "":
			s.browse(address)
		case pasted != nil:
			s.view.Prompt("If the browser is on another machine, paste the address of the page that it cannot open:\n")
		}
	}, pasted)
}
