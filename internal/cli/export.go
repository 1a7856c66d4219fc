package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/pod"
)

func newExport(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export [FOLDER]",
		Short: "Write all resources as files that apply takes back unchanged",
		Long:  "Print all resources of the newest revision, or write one file for each into a folder.",
		Example: "  psc export > shop.yaml\n" +
			"  psc export psc/",
		Args: between(0, "FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			spec, err := w.spec(cmd.Context())
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return a.exportTo(args[0], spec)
			}
			names := make([]string, 0, len(spec))
			for _, ref := range spec.Refs() {
				names = append(names, ref.String())
			}
			stream, err := encodeAll(spec)
			if err != nil {
				return err
			}
			return a.view.Answer(list[pod.File]{pod.Files(spec)}, names, func(out io.Writer) { fmt.Fprint(out, stream) })
		},
	}
}

// encodeAll is every resource of a spec as one stream of YAML documents.
func encodeAll(spec pod.Spec) (string, error) {
	stream := ""
	for _, ref := range spec.Refs() {
		text, err := pod.Encode(pod.FileOf(ref.Name, spec[ref]))
		if err != nil {
			return "", err
		}
		stream += "---\n" + string(text)
	}
	return stream, nil
}

func (a *app) exportTo(folder string, spec pod.Spec) error {
	if err := os.MkdirAll(folder, 0o777); err != nil { //nolint:gosec // they hold no secrets: the umask decides
		return err
	}
	var paths []string
	for _, ref := range spec.Refs() {
		text, err := pod.Encode(pod.FileOf(ref.Name, spec[ref]))
		if err != nil {
			return err
		}
		path := filepath.Join(folder, fmt.Sprintf("%s.%s.yaml", ref.Kind.Word(), ref.Name))
		if err := os.WriteFile(path, text, 0o666); err != nil { //nolint:gosec // as above
			return err
		}
		paths = append(paths, path)
	}
	return a.view.Answer(list[string]{paths}, paths, func(out io.Writer) {
		for _, path := range paths {
			fmt.Fprintln(out, path)
		}
	})
}
