package cli

import (
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
	return &cobra.Command{
		Use:     "list",
		Short:   "List the secrets and their keys, drafts included",
		Example: "  psc secret list",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			spec, err := w.headSpec(cmd.Context())
			if err != nil {
				return err
			}
			docs := []secretDocument{}
			var rows [][]string
			for name, secret := range spec.Secrets() {
				doc := secretDocument{Name: name, Users: users(spec, pod.KindSecret, name)}
				for _, key := range slices.Sorted(maps.Keys(secret.Keys)) {
					doc.Keys = append(doc.Keys, secretKey{key, secret.Keys[key]})
					rows = append(rows, []string{name, key, secret.Keys[key], strings.Join(doc.Users, ", ")})
				}
				docs = append(docs, doc)
			}
			return a.view.Answer(list[secretDocument]{docs}, refNames(spec, pod.KindSecret), func(out io.Writer) {
				if len(docs) == 0 {
					a.view.Say("Pod %s has no secrets. Make one with: psc secret set NAME KEY", w.pod)
					return
				}
				a.view.Table(out, []string{"SECRET", "KEY", "VERSION", "USED BY"}, rows)
			})
		},
	}
}
