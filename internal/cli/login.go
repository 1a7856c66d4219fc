package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/login"
)

// tokenVariable holds a token in CI. A token is never an argument: those can be seen by everybody on the machine.
const tokenVariable = "PSC_TOKEN"

func newLogin(a *app) *cobra.Command {
	var (
		r          login.Request
		tokenStdin bool
	)
	cmd := &cobra.Command{
		Use:   "login [SERVER]",
		Short: "Sign in to a cluster, and use it from now on",
		Long: "Use a context of your kubeconfig, or sign in to a server with a token or a client certificate. The\n" +
			"server is asked who you are. Your kubeconfig's current context stays what it is.",
		Example: "  psc login --context staging\n" +
			"  psc login https://api.example.com:6443 --token-stdin < token\n" +
			"  psc login api.example.com:6443 --client-certificate me.crt --client-key me.key",
		Args: between(0, "SERVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := kube.Options{Kubeconfig: a.kubeconfig, Context: a.settings.Context(), UserAgent: "psc/" + a.Version}
			if len(args) == 0 && (tokenStdin || r != login.Request{}) {
				return fault.New(fault.Usage, "the SERVER is missing").WithHint("%s", cmd.UseLine())
			}
			if len(args) == 1 {
				if cmd.Flags().Changed(config.Context) {
					return fault.New(fault.Usage, "give a SERVER or --context, not both")
				}
				r.Server = args[0]
				if err := a.credentials(&r, tokenStdin); err != nil {
					return err
				}
				var err error
				if o.Config, o.Context, err = login.Entry(r); err != nil {
					return err
				}
			}
			return a.login(cmd, o)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&tokenStdin, "token-stdin", false, "read the token from stdin ("+tokenVariable+" in the environment works too)")
	flags.StringVar(&r.Certificate, "client-certificate", "", "file with a client certificate")
	flags.StringVar(&r.Key, "client-key", "", "file with the key of the client certificate")
	flags.StringVar(&r.Authority, "certificate-authority", "", "file with the certificate that signs the server's")
	flags.BoolVar(&r.Insecure, "insecure-skip-tls-verify", false, "do not check the server's certificate")
	return cmd
}

// login checks with the server who is signed in, and only then writes anything down.
func (a *app) login(cmd *cobra.Command, o kube.Options) error {
	if a.verbose {
		o.Trace = a.trace
	}
	client, err := kube.Connect(o)
	if err != nil {
		return err
	}
	user, err := client.Whoami(cmd.Context())
	if err != nil {
		return err
	}
	if o.Config != nil {
		if err := login.Save(kube.Rules(a.kubeconfig), o.Config, o.Context); err != nil {
			return err
		}
	}
	if err := a.settings.UseContext(client.Context); err != nil {
		return err
	}
	doc := whoamiDocument{
		User: user.Name, Groups: user.Groups, Context: client.Context, Server: client.Server, Pod: a.settings.Pod(client.Context),
	}
	return a.view.Answer(doc, []string{"user/" + user.Name}, func(out io.Writer) {
		fmt.Fprintf(out, "Signed in to %s (%s) as %s\n", client.Context, client.Server, user.Name)
		if doc.Pod == "" {
			a.view.Say("Next: psc new-pod NAME, or psc pod use NAME")
		}
	})
}

// credentials reads a token where no client certificate is given: from stdin, the environment, or a question.
func (a *app) credentials(r *login.Request, tokenStdin bool) error {
	switch {
	case (r.Certificate == "") != (r.Key == ""):
		return fault.New(fault.Usage, "--client-certificate and --client-key belong together")
	case r.Certificate != "":
		return nil
	case tokenStdin:
		data, err := io.ReadAll(io.LimitReader(a.In, 1<<20))
		if err != nil {
			return fmt.Errorf("read the token: %w", err)
		}
		r.Token = strings.TrimSpace(string(data))
	case os.Getenv(tokenVariable) != "":
		r.Token = os.Getenv(tokenVariable)
	default:
		data, err := a.askHidden("token", "pipe it to --token-stdin, or set "+tokenVariable)
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
