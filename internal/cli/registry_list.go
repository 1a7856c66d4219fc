package cli

import (
	"context"
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
	return lister(a, &cobra.Command{
		Short:   "List the registries that the pod is signed in to, and as whom",
		Example: "  psc registry list",
	}, "is signed in to no registry",
		func(ctx context.Context, w *workspace) ([]registryDocument, error) {
			logins, _, err := w.logins(ctx)
			docs := []registryDocument{}
			for _, server := range slices.Sorted(maps.Keys(logins)) {
				docs = append(docs, registryDocument{server, logins[server].Username})
			}
			return docs, err
		},
		func(d registryDocument) string { return "registry/" + d.Server },
		func(out io.Writer, docs []registryDocument) {
			rows := make([][]string, len(docs))
			for i, d := range docs {
				rows[i] = []string{d.Server, d.Username}
			}
			a.view.Table(out, []string{"SERVER", "USER"}, rows)
		})
}
