package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
)

// exported is one document of an export.
type exported struct {
	kind, name string
	document   any
	text       []byte
}

func newExport(a *app) *cobra.Command {
	var kubernetes bool
	cmd := &cobra.Command{
		Use:   "export [FOLDER]",
		Short: "Write all resources as files that apply takes back unchanged",
		Long: "Print all resources of the newest revision, or write one file for each into a folder. With --kubernetes it is\n" +
			"what they become in this cluster, for tools that speak of that: everything but the values of secrets.",
		Example: "  psc export > shop.yaml\n" +
			"  psc export psc/\n" +
			"  psc export --kubernetes manifests/",
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
			var all []exported
			if kubernetes {
				all, err = a.exportKubernetes(cmd.Context(), w, spec)
			} else {
				all, err = exportFiles(spec)
			}
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return a.exportTo(args[0], all)
			}
			documents := list[any]{Items: []any{}}
			names := make([]string, 0, len(all))
			for _, e := range all {
				documents.Items = append(documents.Items, e.document)
				names = append(names, e.kind+"/"+e.name)
			}
			return a.view.Answer(documents, names, func(out io.Writer) { fmt.Fprint(out, stream(all)) })
		},
	}
	cmd.Flags().BoolVar(&kubernetes, "kubernetes", false, "as objects of Kubernetes")
	return cmd
}

func exportFiles(spec pod.Spec) ([]exported, error) {
	all := make([]exported, 0, len(spec))
	for _, ref := range spec.Refs() {
		file := pod.FileOf(ref.Name, spec[ref])
		text, err := pod.Encode(file)
		if err != nil {
			return nil, err
		}
		all = append(all, exported{ref.Kind.Word(), ref.Name, file, text})
	}
	return all, nil
}

// exportKubernetes leaves out psc's mark of what it wrote itself: whoever writes these objects may change them.
func (a *app) exportKubernetes(ctx context.Context, w *workspace, spec pod.Spec) ([]exported, error) {
	cluster, err := w.cluster(ctx, spec)
	if err != nil {
		return nil, err
	}
	objects, err := render.Objects(w.pod, spec, cluster)
	if err != nil {
		return nil, invalid(err)
	}
	var all []exported
	add := func(kind, name string, object any) error {
		text, err := yaml.Marshal(object)
		all = append(all, exported{strings.ToLower(kind), name, object, text})
		return err
	}
	for _, cm := range w.store.ConfigMaps(spec) {
		if err := add(cm.Kind, cm.Name, cm); err != nil {
			return nil, err
		}
	}
	for _, o := range objects {
		annotations := o.GetAnnotations()
		if delete(annotations, object.AnnotationHash); len(annotations) == 0 {
			annotations = nil
		}
		o.SetAnnotations(annotations)
		if err := add(o.GetKind(), o.GetName(), o.Object); err != nil {
			return nil, err
		}
	}
	for name, secret := range spec.Secrets() {
		for key, version := range secret.Keys {
			a.view.Warn("the value of %s is not in it: it is in the Secret %s of this pod", name+"/"+key, secret.Object(name, version))
		}
	}
	return all, nil
}

// encodeAll is every resource of a spec as one stream of YAML documents.
func encodeAll(spec pod.Spec) (string, error) {
	all, err := exportFiles(spec)
	return stream(all), err
}

func stream(all []exported) string {
	var out strings.Builder
	for _, e := range all {
		out.WriteString("---\n" + string(e.text))
	}
	return out.String()
}

func (a *app) exportTo(folder string, all []exported) error {
	if err := os.MkdirAll(folder, 0o777); err != nil { //nolint:gosec // they hold no secrets: the umask decides
		return err
	}
	var paths []string
	for _, e := range all {
		path := filepath.Join(folder, fmt.Sprintf("%s.%s.yaml", e.kind, e.name))
		if err := os.WriteFile(path, e.text, 0o666); err != nil { //nolint:gosec // as above
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
