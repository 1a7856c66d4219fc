package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newApply(a *app) *cobra.Command {
	var (
		c            changeFlags
		files        []string
		prune, noPin bool
	)
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Make or change resources as files say",
		Long: "Make every resource of the files what they say. A folder stands for all of its .yaml, .yml and .json\n" +
			"files, and - for stdin. Resources that no file names stay; with --prune they go.",
		Example: "  psc apply -f psc/ --deploy\n  psc export | psc --pod staging apply -f - --prune --dry-run",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(files) == 0 {
				return fault.New(fault.Usage, "-f is missing").WithHint("%s", cmd.UseLine())
			}
			spec, err := a.readFiles(files)
			if err != nil {
				return err
			}
			w, err := a.open()
			if err != nil {
				return err
			}
			w.stage(spec)
			var puts []pod.Edit
			for _, ref := range spec.Refs() {
				edit := pod.Edit{Verb: pod.Put, Kind: ref.Kind, Name: ref.Name, Fields: pod.Tree(spec[ref])}
				a.pin(cmd.Context(), edit.Fields, noPin)
				puts = append(puts, edit)
			}
			return a.changeBy(cmd.Context(), &c, func(now pod.Spec) pod.Change {
				edits := slices.Clone(puts)
				for _, ref := range now.Refs() {
					if _, named := spec[ref]; prune && !named {
						edits = append(edits, pod.Edit{Verb: pod.Delete, Kind: ref.Kind, Name: ref.Name})
					}
				}
				return pod.Change{Edits: edits}
			})
		},
	}
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "file, folder, or - for stdin; may be given several times")
	cmd.Flags().BoolVar(&prune, "prune", false, "take out of the pod what no file names")
	cmd.Flags().BoolVar(&noPin, "no-pin", false, "keep the tags of images, do not ask registries what they stand for")
	c.add(cmd)
	return cmd
}

// readFiles reads all resources. Everything that is wrong with any of the files is said at once.
func (a *app) readFiles(names []string) (pod.Spec, error) {
	all := pod.Spec{}
	from := map[pod.Ref]string{}
	var wrong pod.Problems
	for _, name := range names {
		paths, err := filesOf(name)
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			spec, err := a.readFile(path)
			var problems pod.Problems
			if errors.As(err, &problems) {
				for _, p := range problems {
					wrong = append(wrong, pod.Problem{Path: path + ": " + p.Path, Message: p.Message})
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			for ref, r := range spec {
				if from[ref] != "" {
					wrong = append(wrong, pod.Problem{Path: path + ": " + ref.String(), Message: "stands in " + from[ref] + " too"})
				}
				all[ref], from[ref] = r, path
			}
		}
	}
	if len(wrong) > 0 {
		return nil, invalid(wrong)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Usage, "the files hold no resources")
	}
	return all, nil
}

func (a *app) readFile(path string) (pod.Spec, error) {
	data, err := []byte(nil), error(nil)
	if path == "-" {
		data, err = io.ReadAll(a.In)
	} else {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err)
	}
	return pod.Decode(data)
}

// filesOf are the files that a name stands for: those of a folder, or itself.
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
