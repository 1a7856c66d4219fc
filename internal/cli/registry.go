package cli

import (
	"bytes"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/report"
)

func newRegistry(s *session) *cobra.Command {
	return noun("registry", "Manage registry logins: credentials of the pod for image registries",
		newRegistryLogin(s), newRegistryList(s), newRegistryLogout(s))
}

func newRegistryList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the registry logins of the pod",
		Example: "  psc registry list",
	}, "has no registry logins", "psc registry login SERVER --username NAME", func(w *workspace.Workspace, ctx context.Context) ([]report.Login, error) {
		return w.Registry().Logins(ctx)
	}, view.Logins)
}

func newRegistryLogin(s *session) *cobra.Command {
	var (
		login             workspace.Login
		stdin, fromDocker bool
	)
	cmd := &cobra.Command{
		Use:   "login SERVER",
		Short: "Sign the pod in to a private registry",
		Long: "Store a user name and a password for a registry in the pod, after the registry has accepted them. Apps use them\n" +
			"from the next deploy on, without a restart. psc uses them to pin images if docker login has no login. Every user\n" +
			"who can read the pod's secrets can read them: use a robot account.",
		Example: "  psc registry login ghcr.io --username robot\n" +
			"  pass show ghcr | psc registry login ghcr.io --username robot --password-stdin\n" +
			"  psc registry login ghcr.io --from-docker",
		Args: exactly("SERVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, w, err := s.openRegistry(args[0])
			if err != nil {
				return err
			}
			if fromDocker {
				if login, err = workspace.DockerLogin(server); err != nil {
					return err
				}
			} else if err := s.askLogin(&login, stdin); err != nil {
				return err
			}
			if err := w.Registry().SignIn(cmd.Context(), server, login); err != nil {
				return err
			}
			doc := report.Login{Server: server, Username: login.Username}
			if err := s.view.Line(doc, []string{doc.Ref()}, "Pod %s is signed in to %s as %s", w.Pod, server, login.Username); err != nil {
				return err
			}
			s.view.Next("psc deploy, so that the apps use it")
			return nil
		},
	}
	cmd.Flags().StringVarP(&login.Username, "username", "u", "", "name of the `USER`")
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from stdin")
	cmd.Flags().BoolVar(&fromDocker, "from-docker", false, "use the login that docker login stored")
	cmd.MarkFlagsMutuallyExclusive("from-docker", "username")
	cmd.MarkFlagsMutuallyExclusive("from-docker", "password-stdin")
	return cmd
}

func (s *session) askLogin(login *workspace.Login, stdin bool) error {
	if login.Username == "" {
		return fault.New(fault.Usage, "--username is missing").WithHint("--from-docker uses the login that docker login stored")
	}
	if !stdin {
		password, err := s.askHidden("password", "pipe it to --password-stdin")
		login.Password = string(password)
		return err
	}
	password, err := io.ReadAll(io.LimitReader(s.In, 1<<20))
	login.Password = string(bytes.TrimRight(password, "\r\n"))
	if err == nil && login.Password == "" {
		return fault.New(fault.Usage, "the password is empty")
	}
	return err
}

func newRegistryLogout(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "logout SERVER",
		Short:             "Sign the pod out of a registry",
		Example:           "  psc registry logout ghcr.io",
		Args:              exactly("SERVER"),
		ValidArgsFunction: s.complete(func([]string) []string { return s.names("registries") }),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, w, err := s.openRegistry(args[0])
			if err != nil {
				return err
			}
			if err := w.Registry().SignOut(cmd.Context(), server); err != nil {
				return err
			}
			doc := report.Login{Server: server}
			return s.view.Line(doc, []string{doc.Ref()}, "Pod %s is signed out of %s", w.Pod, server)
		},
	}
}

// openRegistry opens the pod, and returns the name of a registry as Docker writes it.
func (s *session) openRegistry(name string) (string, *workspace.Workspace, error) {
	server, err := workspace.RegistryServer(name)
	if err != nil {
		return "", nil, err
	}
	w, err := s.open()
	return server, w, err
}
