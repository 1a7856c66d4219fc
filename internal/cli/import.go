package cli

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pscdev/psc/internal/compose"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/convert"
	"github.com/pscdev/psc/pkg/pod"
)

func newImport(s *session) *cobra.Command {
	var (
		o     options
		files []string
		image string
	)
	cmd := &cobra.Command{
		Use:   "import -f FILE",
		Short: "Create resources from Kubernetes manifests, a Compose file or a Procfile",
		Long: "Create or replace resources from Kubernetes manifests, a Compose file or a Procfile, and list what psc left out or expresses\n" +
			"in another way. FILE can be a folder, for its Compose file or Procfile, or for all .yaml, .yml and .json files in it and in the\n" +
			"folders below it, or - for stdin. The result is a draft to read and change: see psc export. Of a Helm chart or a Kustomization, import what helm\n" +
			"template or kubectl kustomize writes. psc pod adopt --import does the same with what runs in a namespace.\n\n" +
			"Variables in a Compose file are those of the environment, and else of the file .env beside it. A Procfile\n" +
			"is read with the app.json beside it, and needs --image.",
		Example: "  psc import -f k8s/\n" +
			"  psc import -f compose.yaml\n" +
			"  psc import -f Procfile --image ghcr.io/acme/web:1.4\n" +
			"  kubectl kustomize overlays/staging | psc import -f - --dry-run\n" +
			"  psc import -f web.yaml -m \"from plain manifests\" --deploy",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return fault.New(fault.Usage, "-f is missing").WithHint("%s", cmd.UseLine())
			}
			result, err := s.readImports(files, image)
			if err != nil {
				return err
			}
			return s.importResult(cmd, &o, result)
		},
	}
	section(cmd, sectionFiles, func(flags *pflag.FlagSet) {
		flags.StringArrayVarP(&files, "filename", "f", nil, "`FILE`, folder, or - for stdin; can be repeated")
	})
	section(cmd, sectionImage, func(flags *pflag.FlagSet) {
		flags.StringVar(&image, "image", "", "`IMAGE` that the processes of a Procfile run in")
		o.addNoPin(flags)
	})
	o.addChange(cmd)
	return cmd
}

// importResult makes a revision of a conversion.
func (s *session) importResult(cmd *cobra.Command, o *options, result convert.Result) error {
	s.view.LeftOut(result.Left)
	if len(result.Spec) == 0 {
		return fault.New(fault.Usage, "nothing can be taken in")
	}
	o.left = result.Left
	return s.do(cmd.Context(), o, func(w *workspace.Workspace) (workspace.Outcome, error) {
		return w.Import(cmd.Context(), result.Spec, result.Values, o.Options)
	})
}

// readImports reads a Procfile, a Compose file, or Kubernetes objects. image is that of the processes of a Procfile.
func (s *session) readImports(names []string, image string) (convert.Result, error) {
	if len(names) == 1 {
		procfile, path := procfileOf(names[0]), composeFile(names[0])
		if procfile != "" && (image != "" || path == "" || path == names[0]) { // many folders have a Compose file for development too
			return s.readProcfile(procfile, image)
		}
		if image == "" && path != "" {
			data, err := s.read(path, maxResources)
			if err != nil {
				return convert.Result{}, err
			}
			if tree := compose.Tree(data); tree != nil {
				return s.readCompose(path, tree)
			}
			return s.readManifests(map[string][]byte{path: data}, names)
		}
	}
	if image != "" {
		return convert.Result{}, fault.New(fault.Usage, "--image is for one Procfile, and %s is none", strings.Join(names, " "))
	}
	return s.readManifests(nil, names)
}

// readManifests reads and converts Kubernetes objects. known are files that were read already. The error has the problems of all files.
func (s *session) readManifests(known map[string][]byte, names []string) (convert.Result, error) {
	var (
		objects  []convert.Object
		problems pod.Problems
	)
	for _, name := range names {
		paths, _, err := filesOf(name)
		if err != nil {
			return convert.Result{}, err
		}
		for _, path := range paths {
			if tool := toolOf(path); tool != nil {
				return convert.Result{}, tool
			}
		}
		for _, path := range paths {
			data, read := known[path]
			if !read {
				if data, err = s.read(path, maxResources); err != nil {
					return convert.Result{}, err
				}
			}
			if compose.Tree(data) != nil {
				return convert.Result{}, fault.New(fault.Usage, "%s is a Compose file: import it alone", path)
			}
			found, err := convert.Parse(path, data)
			var wrong pod.Problems
			if errors.As(err, &wrong) {
				problems = append(problems, wrong...)
			}
			objects = append(objects, found...)
		}
	}
	if len(problems) > 0 {
		return convert.Result{}, problems
	}
	if len(objects) == 0 {
		return convert.Result{}, fault.New(fault.Usage, "the files contain no objects")
	}
	return convert.Kubernetes(objects, convert.Options{})
}

// toolOf returns the error for a file that only another tool can read.
func toolOf(path string) error {
	folder := filepath.Dir(path)
	switch base := strings.ToLower(filepath.Base(path)); {
	case base == "chart.yaml":
		return fault.New(fault.Usage, "%s is a Helm chart", folder).WithHint("helm template %s | psc import -f -", folder)
	case strings.TrimSuffix(strings.TrimSuffix(base, ".yaml"), ".yml") == "kustomization":
		return fault.New(fault.Usage, "%s is a Kustomization", folder).WithHint("kubectl kustomize %s | psc import -f -", folder)
	}
	return nil
}
