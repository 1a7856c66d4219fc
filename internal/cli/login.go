package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/login"
	"github.com/pscdev/psc/internal/userfile"
	"github.com/pscdev/psc/internal/workspace"
)

// tokenVariable has the token in CI. A token is never an argument, because other users can read arguments.
const tokenVariable = "PSC_TOKEN"

func newLogin(s *session) *cobra.Command {
	var (
		how       method
		search    login.Search
		toKubectl bool
	)
	cmd := &cobra.Command{
		Use:   "login [SERVER]",
		Short: "Sign in to a cluster, and make it the current one",
		Long: "Use a context of your kubeconfig, or sign in to a server: with a token, a client certificate, or as the server\n" +
			"wants it: with your user name and password, in the browser, or with a code in a browser on another machine.\n" +
			"If the kubeconfig has several contexts, psc asks for one. It asks the server who you are. In the kubeconfig it\n" +
			"writes only its own entries, and changes the current context only with --switch. If this machine does not trust\n" +
			"the server's CA, psc shows its fingerprint and asks; --trust answers that.",
		Example: "  psc login\n  psc login --context staging\n  psc login apps.example.com\n" +
			"  psc login https://api.example.com:6443 --token-stdin < token\n" +
			"  psc login api.example.com:6443 --client-certificate me.crt --client-key me.key",
		Args: between(0, "SERVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var c workspace.Connection
			err := s.settings.Writable() // before a server issues a token
			switch {
			case err != nil:
			case len(args) == 0 && (how != method{} || search.Authority != "" || search.Pin != "" || search.Insecure):
				return fault.New(fault.Usage, "SERVER is missing").WithHint("%s", cmd.UseLine())
			case len(args) == 0:
				c.Context, err = s.chooseContext()
			case cmd.Flags().Changed(config.Context):
				return fault.New(fault.Usage, "SERVER and --context cannot be combined")
			default:
				search.Address = args[0]
				c.Config, c.Context, err = s.signIn(cmd.Context(), search, how)
			}
			if err != nil {
				return err
			}
			return s.login(cmd.Context(), c, toKubectl)
		},
	}
	how.flags(cmd)
	section(cmd, "Server", func(flags *pflag.FlagSet) {
		flags.StringVar(&search.Authority, "certificate-authority", "", "`FILE` with the CA certificate of the server")
		flags.StringVar(&search.Pin, "trust", "", "trust the server's CA if it has this `FINGERPRINT`: sha256:...")
		flags.BoolVar(&search.Insecure, "insecure-skip-tls-verify", false, "do not check the server's certificate")
	})
	section(cmd, "Kubeconfig", func(flags *pflag.FlagSet) {
		flags.BoolVar(&toKubectl, "switch", false, "make it the current context of the kubeconfig too, for kubectl")
	})
	cmd.MarkFlagsMutuallyExclusive("certificate-authority", "trust", "insecure-skip-tls-verify")
	return cmd
}

// kubeconfigFiles returns the kubeconfig to write.
func (s *session) kubeconfigFiles() login.Kubeconfig {
	return login.Kubeconfig{Path: s.kubeconfig, Patience: userfile.Patience{Notice: s.waits}}
}

// waits reports that another process has a file of the user.
func (s *session) waits(holder string) { s.say("  waiting for %s", holder) }

// login asks the server for the user before it writes the kubeconfig and the settings.
func (s *session) login(ctx context.Context, c workspace.Connection, toKubectl bool) error {
	cluster, err := s.connectTo(c)
	if err != nil {
		return err
	}
	doc, err := cluster.User(ctx)
	if c.Config != nil {
		if err == nil {
			err = s.credentials.Save(c.Context)
		}
		if err == nil {
			err = s.kubeconfigFiles().Save(c.Config, c.Context)
		}
		if err != nil { // nobody will use the token that the server has just issued
			_ = login.RevokeIn(context.WithoutCancel(ctx), c.Config, c.Context)
			s.credentials.Drop(context.WithoutCancel(ctx), c.Context)
		}
	}
	if err != nil {
		return err
	}
	if toKubectl {
		if err := s.kubeconfigFiles().Switch(cluster.Context); err != nil {
			return err
		}
	}
	if err := s.settings.UseContext(cluster.Context); err != nil {
		return err
	}
	doc.Pod = s.settings.Pod(cluster.Context)
	if doc.Insecure {
		s.view.Warn("the certificate of the server is not checked: anyone on the way can read and change what you send")
	}
	if err := s.view.SignedIn(doc); err != nil {
		return err
	}
	if doc.Pod == "" {
		s.view.Next("psc new-pod NAME, or psc pod use NAME")
	}
	return nil
}

// contextGone returns an error if psc's current context is no longer in the kubeconfig. One that a flag or the environment names is
// checked when it is used.
func (s *session) contextGone(name string) error {
	if name == "" || s.settings.Explicit(config.Context) {
		return nil
	}
	contexts, _ := login.Contexts(s.kubeconfig)
	if len(contexts) == 0 || slices.Contains(contexts, name) {
		return nil
	}
	return fault.New(fault.Usage, "your current context %q is no longer in the kubeconfig", name).
		WithHint("psc login --context NAME; the contexts are: %s", strings.Join(contexts, ", "))
}

// chooseContext returns the context to sign in to if none is named: the only one, the answer of a user, or the current one.
func (s *session) chooseContext() (string, error) {
	if s.settings.Explicit(config.Context) {
		return s.settings.Context(), nil
	}
	contexts, current := login.Contexts(s.kubeconfig)
	if own := s.settings.Context(); slices.Contains(contexts, own) {
		current = own
	}
	switch {
	case len(contexts) == 0:
		return "", nil
	case len(contexts) == 1:
		return contexts[0], nil
	case s.interactive():
		return s.askContext(contexts, current)
	case slices.Contains(contexts, current):
		return current, nil
	}
	return "", fault.New(fault.Usage, "the kubeconfig has several contexts and no current one").
		WithHint("psc login --context NAME; the contexts are: %s", strings.Join(contexts, ", "))
}

// askContext asks for one of several contexts. An empty answer means the current one, if there is one.
func (s *session) askContext(contexts []string, current string) (string, error) {
	for i, name := range contexts {
		s.view.Prompt("  %d  %s\n", i+1, name)
	}
	s.view.Prompt("Context to sign in to%s: ", strings.TrimSuffix(" ["+current+"]", " []"))
	answer := ""
	_, _ = fmt.Fscanln(s.In, &answer) // an empty line is an error
	if n, err := strconv.Atoi(answer); err == nil && 1 <= n && n <= len(contexts) && !slices.Contains(contexts, answer) {
		answer = contexts[n-1]
	}
	answer = cmp.Or(answer, current)
	if !slices.Contains(contexts, answer) {
		return "", fault.New(fault.Usage, "the kubeconfig has no context %q", answer).
			WithHint("psc login --context NAME; the contexts are: %s", strings.Join(contexts, ", "))
	}
	return answer, nil
}
