package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

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
					p.File = path
					wrong = append(wrong, p)
				}
				continue
			}
			if err != nil {
				return nil, err
			}
			for ref, r := range spec {
				if from[ref] != "" {
					wrong = append(wrong, pod.Problem{File: path, Path: ref.String(), Message: "stands in " + from[ref] + " too"})
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

// maxResources is more than any file of resources has, with the files of its configs.
const maxResources = 256 << 20

func (a *app) readFile(path string) (pod.Spec, error) {
	data, err := a.read(path, maxResources)
	if err != nil {
		return nil, err
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
