package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/login"
)

func newLogout(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "logout",
		Short: "Forget the current context, and the credentials that login made",
		Long: "Forget which context and pod were current. What psc login SERVER wrote into the kubeconfig is\n" +
			"removed; contexts of others stay.",
		Example: "  psc logout",
		Args:    exactly(),
		RunE: func(_ *cobra.Command, _ []string) error {
			name := a.settings.Context()
			if name == "" {
				return a.view.Answer(struct{}{}, nil, func(io.Writer) { a.view.Say("You are not signed in with psc") })
			}
			if login.Ours(name) {
				if err := login.Remove(kube.Rules(a.kubeconfig), name); err != nil {
					return err
				}
			}
			if err := a.settings.Forget(name); err != nil {
				return err
			}
			return a.view.Answer(map[string]string{"context": name}, []string{"context/" + name}, func(out io.Writer) {
				fmt.Fprintf(out, "Signed out of %s\n", name)
			})
		},
	}
}
