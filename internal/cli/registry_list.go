package cli

import (
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

func newRegistry(a *app) *cobra.Command {
	return noun("registry", "Logins of the pod to registries of images", newRegistryLogin(a), newRegistryList(a), newRegistryLogout(a))
}

// registryDocument is a login for scripts. The password is not in it.
type registryDocument struct {
	Server   string `json:"server"`
	Username string `json:"username"`
}

func newRegistryList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the registries that the pod is signed in to, and as whom",
		Example: "  psc registry list",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			logins, _, err := w.logins(cmd.Context())
			if err != nil {
				return err
			}
			all := []registryDocument{}
			var names []string
			var rows [][]string
			for _, server := range slices.Sorted(maps.Keys(logins)) {
				all = append(all, registryDocument{server, logins[server].Username})
				names = append(names, "registry/"+server)
				rows = append(rows, []string{server, logins[server].Username})
			}
			return a.view.Answer(list[registryDocument]{all}, names, func(out io.Writer) {
				if len(rows) == 0 {
					a.view.Say("Pod %s is signed in to no registry", w.pod)
					return
				}
				a.view.Table(out, []string{"SERVER", "USER"}, rows)
			})
		},
	}
}
