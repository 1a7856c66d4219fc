package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newExport(s *session) *cobra.Command {
	var kubernetes bool
	cmd := &cobra.Command{
		Use:   "export [FOLDER]",
		Short: "Write all resources as files for psc apply",
		Long: "Print all resources of the newest revision, or write one file for each into a folder, and warn of other files there.\n" +
			"With --kubernetes, print or write the Kubernetes objects that psc renders for this cluster, without the values of\n" +
			"secrets.",
		Example: "  psc export > shop.yaml\n" +
			"  psc export psc/\n" +
			"  psc export --kubernetes manifests/",
		Args: between(0, "FOLDER"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			spec, err := w.Spec(cmd.Context())
			if err != nil {
				return err
			}
			if spec, err = w.Fill(cmd.Context(), spec); err != nil {
				return err
			}
			var all []report.File
			if kubernetes {
				all, err = s.exportKubernetes(cmd.Context(), w, spec)
			} else {
				all, err = textsOf(spec)
			}
			switch {
			case err != nil:
				return err
			case len(args) > 0:
				return s.exportTo(args[0], all)
			}
			return s.view.Files(all)
		},
	}
	cmd.Flags().BoolVar(&kubernetes, "kubernetes", false, "export Kubernetes objects instead of resources")
	return cmd
}

// exportKubernetes returns the objects that psc renders for this cluster. It warns about the values that are left out.
func (s *session) exportKubernetes(ctx context.Context, w *workspace.Workspace, spec pod.Spec) ([]report.File, error) {
	all, err := w.Objects(ctx, spec)
	if err != nil {
		return nil, err
	}
	for name, secret := range spec.Secrets() {
		for key, version := range secret.Keys {
			s.view.Warn("the value of %s is left out: it is in the Secret %s of this pod", name+"/"+key, secret.Object(name, version))
		}
	}
	return all, nil
}

func (s *session) exportTo(folder string, all []report.File) error {
	if err := os.MkdirAll(folder, 0o777); err != nil { //nolint:gosec // they hold no secrets: the umask decides
		return err
	}
	var paths []string
	for _, f := range all {
		path := filepath.Join(folder, fmt.Sprintf("%s.%s.yaml", f.Kind, f.Name))
		if err := os.WriteFile(path, []byte(f.Text), 0o666); err != nil { //nolint:gosec // as above
			return err
		}
		paths = append(paths, path)
	}
	there, err := treeOf(folder)
	if err != nil {
		s.view.Warn("cannot look for old files in %s: %v", folder, err)
	}
	for _, path := range there.paths {
		if !slices.Contains(paths, path) {
			s.view.Warn("%s is not part of this export, but apply -f %s reads it too: delete it if it is out of date", path, folder)
		}
	}
	text := ""
	for _, path := range paths {
		text += path + "\n"
	}
	return s.view.Text(report.List[string]{Items: paths}, paths, text)
}
