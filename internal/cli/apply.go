package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
		Long: "Create or replace every resource of the files. FILE can be a folder, for all .yaml, .yml and .json files in it\n" +
			"and in the folders below it that are not hidden, or - for stdin. Other resources stay; with --prune they are removed.\n" +
			"A file has no values of secrets: those of the pod stay, and a deploy waits until the missing ones are set.\n" +
			"With --base, changes of others since that revision stay, and a field that both changed is a conflict.",
		Example: "  psc apply -f psc/ --deploy\n  psc export | psc --pod staging apply -f - --prune --dry-run\n" +
			"  psc apply -f shop.yaml --base 12",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return fault.New(fault.Usage, "-f is missing").WithHint("%s", cmd.UseLine())
			}
			spec, err := s.readFiles(files, prune)
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
	section(cmd, sectionFiles, func(flags *pflag.FlagSet) {
		flags.StringArrayVarP(&files, "filename", "f", nil, "`FILE`, folder, or - for stdin; can be repeated")
		flags.BoolVar(&prune, "prune", false, "remove the resources that no file contains")
		flags.StringVar(&base, "base", "", "`REVISION` that the files were exported from")
	})
	section(cmd, sectionImage, o.addNoPin)
	o.addChange(cmd)
	return cmd
}

// readFiles reads all resources. The error has the problems of all files. With prune, it warns of files that were not read.
func (s *session) readFiles(names []string, prune bool) (pod.Spec, error) {
	resources := pod.Spec{}
	from := map[pod.Ref]string{}
	var problems pod.Problems
	for _, name := range names {
		paths, hidden, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		for _, path := range hidden {
			if prune {
				s.view.Warn("%s was not read, because it is hidden", path)
			}
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

// filesOf returns the files of resources in a folder and in the folders below it, or a single file. hidden are the files there
// that are not read because they are hidden.
func filesOf(name string) (paths, hidden []string, err error) {
	if name == "-" {
		return []string{name}, nil, nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Usage, err)
	}
	if !info.IsDir() {
		return []string{name}, nil, nil
	}
	t, err := treeOf(name)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Usage, err)
	}
	if len(t.paths) == 0 {
		return nil, nil, fault.New(fault.Usage, "folder %s has no .yaml, .yml or .json files", name)
	}
	return t.paths, t.hidden, nil
}

// tree has the files of resources in a folder and in the folders below it.
type tree struct {
	paths, hidden []string
	seen          map[string]bool // the folders that were read, by their paths without links
}

func treeOf(folder string) (tree, error) {
	t := tree{seen: map[string]bool{}}
	err := t.read(folder)
	slices.Sort(t.paths)
	return t, err
}

// read adds the files of a folder. Links are followed, and each folder is read once. Only other endings and hidden
// entries are left out. Everything else that cannot be read is an error, because apply --prune deletes the resources
// that no file contains.
func (t *tree) read(folder string) error {
	target, err := filepath.EvalSymlinks(folder)
	if err == nil {
		target, err = filepath.Abs(target)
	}
	if err != nil || t.seen[target] {
		return err
	}
	t.seen[target] = true
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := t.add(filepath.Join(folder, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) add(path string) error {
	resource := slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(path)))
	if strings.HasPrefix(filepath.Base(path), ".") {
		if resource {
			t.hidden = append(t.hidden, path)
		}
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s is a link that leads nowhere", path)
	case err != nil:
		return err
	case info.IsDir():
		return t.read(path)
	case resource && !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	case resource:
		t.paths = append(t.paths, path)
	}
	return nil
}
