package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

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
		r          login.Request
		tokenStdin bool
		toKubectl  bool
	)
	cmd := &cobra.Command{
		Use:   "login [SERVER]",
		Short: "Sign in to a cluster, and make it the current one",
		Long: "Use a context of your kubeconfig, or sign in to a server with a token or a client certificate. If the kubeconfig has\n" +
			"several contexts, psc asks for one. It asks the server who you are. In the kubeconfig it writes only its own entries,\n" +
			"and changes the current context only with --switch.",
		Example: "  psc login\n  psc login --context staging\n" +
			"  psc login https://api.example.com:6443 --token-stdin < token\n" +
			"  psc login api.example.com:6443 --client-certificate me.crt --client-key me.key",
		Args: between(0, "SERVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var c workspace.Connection
			if len(args) == 0 && (tokenStdin || r != login.Request{}) {
				return fault.New(fault.Usage, "SERVER is missing").WithHint("%s", cmd.UseLine())
			}
			if len(args) == 1 {
				if cmd.Flags().Changed(config.Context) {
					return fault.New(fault.Usage, "SERVER and --context cannot be combined")
				}
				r.Server = args[0]
				if err := s.credentials(&r, tokenStdin); err != nil {
					return err
				}
				var err error
				if c.Config, c.Context, err = login.Entry(r); err != nil {
					return err
				}
			} else {
				var err error
				if c.Context, err = s.chooseContext(); err != nil {
					return err
				}
			}
			return s.login(cmd.Context(), c, toKubectl)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&tokenStdin, "token-stdin", false, "read the token from stdin instead of "+tokenVariable+" or a prompt")
	flags.StringVar(&r.Certificate, "client-certificate", "", "`FILE` with the client certificate")
	flags.StringVar(&r.Key, "client-key", "", "`FILE` with the key of the client certificate")
	flags.StringVar(&r.Authority, "certificate-authority", "", "`FILE` with the CA certificate of the server")
	flags.BoolVar(&r.Insecure, "insecure-skip-tls-verify", false, "do not check the server's certificate")
	flags.BoolVar(&toKubectl, "switch", false, "make it the current context of the kubeconfig too, for kubectl")
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
	if err := s.settings.Writable(); err != nil {
		return err
	}
	cluster, err := s.connectTo(c)
	if err != nil {
		return err
	}
	doc, err := cluster.User(ctx)
	if err != nil {
		return err
	}
	if c.Config != nil {
		if err := s.kubeconfigFiles().Save(c.Config, c.Context); err != nil {
			return err
		}
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
	if err := s.view.Line(doc, []string{doc.Ref()}, "Signed in to %s (%s) as %s", doc.Context, doc.Server, doc.User); err != nil {
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

// credentials reads a token if there is no client certificate: from stdin, the environment, or a prompt.
func (s *session) credentials(r *login.Request, tokenStdin bool) error {
	switch {
	case (r.Certificate == "") != (r.Key == ""):
		return fault.New(fault.Usage, "--client-certificate and --client-key must be given together")
	case r.Certificate != "":
		return nil
	case tokenStdin:
		data, err := io.ReadAll(io.LimitReader(s.In, 1<<20))
		if err != nil {
			return fmt.Errorf("read the token: %w", err)
		}
		r.Token = strings.TrimSpace(string(data))
	case os.Getenv(tokenVariable) != "":
		r.Token = os.Getenv(tokenVariable)
	default:
		data, err := s.askHidden("token", "pipe it to --token-stdin, or set "+tokenVariable)
		if err != nil {
			return err
		}
		r.Token = strings.TrimSpace(string(data))
	}
	if r.Token == "" {
		return fault.New(fault.Usage, "the token is empty")
	}
	return nil
}

func newLogout(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "logout",
		Short:   "Sign out: forget the current context and its credentials",
		Long:    "Forget the current context and pod. psc removes only the kubeconfig entries that psc login SERVER wrote.",
		Example: "  psc logout",
		Args:    exactly(),
		RunE: func(_ *cobra.Command, _ []string) error {
			name := s.settings.Context()
			if name == "" {
				return s.view.Nothing("You are not signed in with psc")
			}
			if login.Ours(name) {
				if err := s.kubeconfigFiles().Remove(name); err != nil {
					return err
				}
			}
			if err := s.settings.Forget(name); err != nil {
				return err
			}
			return s.view.Line(map[string]string{"context": name}, []string{"context/" + name}, "Signed out of %s", name)
		},
	}
}

func newWhoami(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "whoami",
		Short:   "Show the user that you are signed in as, and the current pod",
		Example: "  psc whoami\n  psc whoami -o jsonpath={.user}",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			doc, err := cluster.User(cmd.Context())
			if err != nil {
				return err
			}
			doc.Pod = s.settings.Pod(cluster.Context)
			return s.view.User(doc)
		},
	}
}
