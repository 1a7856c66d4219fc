package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
)

// configDocument is a config for scripts.
type configDocument struct {
	Name  string   `json:"name"`
	Files []string `json:"files"`
	Bytes int      `json:"bytes"`
	Users []string `json:"users,omitempty"`
}

func newConfigList(a *app) *cobra.Command {
	return lister(a, &cobra.Command{
		Short:   "List the configs, drafts included",
		Example: "  psc config list",
	}, "has no configs. Make one with: psc config set NAME FILE",
		func(ctx context.Context, w *workspace) ([]configDocument, error) {
			spec, err := w.headSpec(ctx)
			docs := []configDocument{}
			for name, config := range spec.Configs() {
				doc := configDocument{Name: name, Files: slices.Sorted(maps.Keys(config.Files)), Users: users(spec, pod.KindConfig, name)}
				for _, c := range config.Files {
					doc.Bytes += c.Size
				}
				docs = append(docs, doc)
			}
			return docs, err
		},
		func(d configDocument) string { return "config/" + d.Name },
		func(out io.Writer, docs []configDocument) {
			rows := make([][]string, len(docs))
			for i, d := range docs {
				rows[i] = []string{d.Name, strings.Join(d.Files, ", "), view.Bytes(d.Bytes), strings.Join(d.Users, ", ")}
			}
			a.view.Table(out, []string{"CONFIG", "FILES", "SIZE", "USED BY"}, rows)
		})
}

// users are the resources that name a config, secret or disk.
func users(spec pod.Spec, kind pod.Kind, name string) []string {
	var out []string
	for _, ref := range spec.Users(pod.Ref{Kind: kind, Name: name}) {
		out = append(out, ref.String())
	}
	return out
}
