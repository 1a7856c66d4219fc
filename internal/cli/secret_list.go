package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/pod"
)

// secretDocument is a secret for scripts. It never has a value.
type secretDocument struct {
	Name  string      `json:"name"`
	Keys  []secretKey `json:"keys"`
	Users []string    `json:"users,omitempty"`
}

type secretKey struct {
	Name string `json:"name"`
	// Version tells one value of the key from another, and says nothing of either.
	Version string `json:"version"`
}

func newSecretList(a *app) *cobra.Command {
	return lister(a, &cobra.Command{
		Short:   "List the secrets and their keys, drafts included",
		Example: "  psc secret list",
	}, "has no secrets. Make one with: psc secret set NAME KEY",
		func(ctx context.Context, w *workspace) ([]secretDocument, error) {
			spec, err := w.headSpec(ctx)
			docs := []secretDocument{}
			for name, secret := range spec.Secrets() {
				doc := secretDocument{Name: name, Users: users(spec, pod.KindSecret, name)}
				for _, key := range slices.Sorted(maps.Keys(secret.Keys)) {
					doc.Keys = append(doc.Keys, secretKey{key, secret.Keys[key]})
				}
				docs = append(docs, doc)
			}
			return docs, err
		},
		func(d secretDocument) string { return "secret/" + d.Name },
		func(out io.Writer, docs []secretDocument) {
			var rows [][]string
			for _, d := range docs {
				for _, key := range d.Keys {
					rows = append(rows, []string{d.Name, key.Name, key.Version, strings.Join(d.Users, ", ")})
				}
			}
			a.view.Table(out, []string{"SECRET", "KEY", "VERSION", "USED BY"}, rows)
		})
}
