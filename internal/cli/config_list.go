package cli

import (
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
	return &cobra.Command{
		Use:     "list",
		Short:   "List the configs, drafts included",
		Example: "  psc config list",
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
			docs := []configDocument{}
			var rows [][]string
			for name, config := range spec.Configs() {
				doc := configDocument{Name: name, Files: slices.Sorted(maps.Keys(config.Files)), Users: users(spec, pod.KindConfig, name)}
				for _, c := range config.Files {
					doc.Bytes += c.Size
				}
				docs = append(docs, doc)
				rows = append(rows, []string{name, strings.Join(doc.Files, ", "), view.Bytes(doc.Bytes), strings.Join(doc.Users, ", ")})
			}
			return a.view.Answer(list[configDocument]{docs}, refNames(spec, pod.KindConfig), func(out io.Writer) {
				if len(docs) == 0 {
					a.view.Say("Pod %s has no configs. Make one with: psc config set NAME FILE", w.pod)
					return
				}
				a.view.Table(out, []string{"CONFIG", "FILES", "SIZE", "USED BY"}, rows)
			})
		},
	}
}

// users are the resources that name a config, secret or disk.
func users(spec pod.Spec, kind pod.Kind, name string) []string {
	var out []string
	for _, ref := range spec.Users(pod.Ref{Kind: kind, Name: name}) {
		out = append(out, ref.String())
	}
	return out
}

// refNames are the resources of a kind as -o name writes them.
func refNames(spec pod.Spec, kind pod.Kind) []string {
	names := spec.Names(kind)
	for i, name := range names {
		names[i] = pod.Ref{Kind: kind, Name: name}.String()
	}
	return names
}
