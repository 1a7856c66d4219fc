package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newApply(s *session) *cobra.Command {
	var (
		o     options
		files []string
		base  string
		prune bool
	)
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create or change resources from files",
		Long: "Create or replace every resource of the files. FILE can be a folder, for all of its .yaml, .yml and .json files,\n" +
			"or - for stdin. Other resources stay; with --prune they are removed.\n" +
			"With --base, changes of others since that revision stay, and a field that both changed is a conflict.",
		Example: "  psc apply -f psc/ --deploy\n  psc export | psc --pod staging apply -f - --prune --dry-run\n" +
			"  psc apply -f shop.yaml --base 12",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return fault.New(fault.Usage, "-f is missing").WithHint("%s", cmd.UseLine())
			}
			spec, err := s.readFiles(files)
			if err != nil {
				return err
			}
			number := 0
			if base != "" {
				if number, err = parseRevision(base); err != nil {
					return err
				}
			}
			return s.do(cmd.Context(), &o, func(w *workspace.Workspace) (workspace.Outcome, error) {
				return w.Apply(cmd.Context(), spec, number, prune, o.Options)
			})
		},
	}
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "`FILE`, folder, or - for stdin; can be repeated")
	cmd.Flags().StringVar(&base, "base", "", "`REVISION` that the files were exported from")
	cmd.Flags().BoolVar(&prune, "prune", false, "remove the resources that no file contains")
	o.addNoPin(cmd)
	o.addChange(cmd)
	return cmd
}

// readFiles reads all resources. The error has the problems of all files.
func (s *session) readFiles(names []string) (pod.Spec, error) {
	resources := pod.Spec{}
	from := map[pod.Ref]string{}
	var problems pod.Problems
	for _, name := range names {
		paths, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			spec, err := s.readFile(path)
			var found pod.Problems
			if errors.As(err, &found) {
				for _, p := range found {
					p.File = path
					problems = append(problems, p)
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			for ref, r := range spec {
				if from[ref] != "" {
					problems = append(problems, pod.Problem{File: path, Path: ref.String(), Message: "is also defined in " + from[ref]})
				}
				resources[ref], from[ref] = r, path
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if len(resources) == 0 {
		return nil, fault.New(fault.Usage, "the files contain no resources")
	}
	return resources, nil
}

// maxResources is more bytes than any file of resources has, with the files of its configs.
const maxResources = 256 << 20

func (s *session) readFile(path string) (pod.Spec, error) {
	data, err := s.read(path, maxResources)
	if err != nil {
		return nil, err
	}
	return pod.Decode(data)
}

// filesOf returns the files of a folder, or a single file.
func filesOf(name string) ([]string, error) {
	if name == "-" {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err)
	}
	if !info.IsDir() {
		return []string{name}, nil
	}
	var paths []string
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		found, err := filepath.Glob(filepath.Join(name, pattern))
		if err != nil {
			return nil, fmt.Errorf("read folder %s: %w", name, err)
		}
		paths = append(paths, found...)
	}
	if len(paths) == 0 {
		return nil, fault.New(fault.Usage, "folder %s has no .yaml, .yml or .json files", name)
	}
	slices.Sort(paths)
	return paths, nil
}
