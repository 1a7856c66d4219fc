package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/image"
)

func newRegistryLogin(a *app) *cobra.Command {
	var (
		login             image.Login
		stdin, fromDocker bool
	)
	cmd := &cobra.Command{
		Use:   "login SERVER",
		Short: "Let the pod pull images from a registry that asks who you are",
		Long: "Keep a user name and a password for a registry in the pod. The registry is asked first whether it takes them.\n" +
			"The apps get them with the next deploy, which starts nothing anew for it; psc uses them when it pins an image\n" +
			"for which docker login has nothing. Everybody who may read the pod's secrets can read them: use a robot account.",
		Example: "  psc registry login ghcr.io --username robot\n" +
			"  pass show ghcr | psc registry login ghcr.io --username robot --password-stdin\n" +
			"  psc registry login ghcr.io --from-docker",
		Args: exactly("SERVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, w, err := a.openRegistry(args[0])
			if err != nil {
				return err
			}
			if fromDocker {
				if login, err = image.FromDocker(server); err != nil {
					return err
				}
			} else if err := a.askLogin(&login, stdin); err != nil {
				return err
			}
			if err := image.Check(cmd.Context(), server, login); err != nil {
				return err
			}
			err = w.changeLogins(cmd.Context(), func(logins image.Logins) error {
				logins[server] = login
				return nil
			})
			if err != nil {
				return err
			}
			return a.view.Answer(registryDocument{server, login.Username}, []string{"registry/" + server}, func(out io.Writer) {
				fmt.Fprintf(out, "Pod %s is signed in to %s as %s\n", w.pod, server, login.Username)
				a.view.Say("The apps get it with: psc deploy")
			})
		},
	}
	cmd.Flags().StringVarP(&login.Username, "username", "u", "", "user `NAME`")
	cmd.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from stdin")
	cmd.Flags().BoolVar(&fromDocker, "from-docker", false, "take what docker login has kept")
	cmd.MarkFlagsMutuallyExclusive("from-docker", "username")
	cmd.MarkFlagsMutuallyExclusive("from-docker", "password-stdin")
	return cmd
}

func (a *app) askLogin(login *image.Login, stdin bool) error {
	if login.Username == "" {
		return fault.New(fault.Usage, "--username is missing").WithHint("--from-docker takes what docker login has kept")
	}
	if !stdin {
		password, err := a.askHidden("password", "pipe it to --password-stdin")
		login.Password = string(password)
		return err
	}
	password, err := io.ReadAll(io.LimitReader(a.In, 1<<20))
	login.Password = string(bytes.TrimRight(password, "\r\n"))
	if err == nil && login.Password == "" {
		return fault.New(fault.Usage, "the password is empty")
	}
	return err
}
