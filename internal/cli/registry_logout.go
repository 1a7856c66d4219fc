package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/image"
)

func newRegistryLogout(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "logout SERVER",
		Short:   "Forget the pod's login to a registry",
		Example: "  psc registry logout ghcr.io",
		Args:    exactly("SERVER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			server, w, err := a.openRegistry(args[0])
			if err != nil {
				return err
			}
			err = w.changeLogins(cmd.Context(), func(logins image.Logins) error {
				if _, ok := logins[server]; !ok {
					return fault.New(fault.Usage, "pod %s is not signed in to %s", w.pod, server).WithHint("psc registry list")
				}
				delete(logins, server)
				return nil
			})
			if err != nil {
				return err
			}
			return a.view.Answer(map[string]string{"server": server}, []string{"registry/" + server}, func(out io.Writer) {
				fmt.Fprintf(out, "Pod %s is signed out of %s\n", w.pod, server)
			})
		},
	}
}
