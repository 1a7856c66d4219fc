package cli

import (
	"os"
	"path/filepath"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/convert"
)

// procfileOf returns the Procfile that a name stands for: the one of a folder, the one beside an app.json, or itself. It returns "" for
// other files.
func procfileOf(name string) string {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		if path := filepath.Join(name, "Procfile"); exists(path) {
			return path
		}
		return ""
	}
	switch filepath.Base(name) {
	case "Procfile":
		return name
	case "app.json":
		return filepath.Join(filepath.Dir(name), "Procfile")
	}
	return ""
}

// readProcfile converts a Procfile, and the app.json beside it if there is one.
func (s *session) readProcfile(path, image string) (convert.Result, error) {
	if image == "" {
		return convert.Result{}, fault.New(fault.Usage, "--image is missing: %s names no image", path)
	}
	procfile, err := s.read(path, maxResources)
	if err != nil {
		return convert.Result{}, err
	}
	var manifest map[string]any
	if file := filepath.Join(filepath.Dir(path), "app.json"); exists(file) {
		data, err := s.read(file, maxResources)
		if err == nil {
			manifest, err = convert.ParseManifest(file, data)
		}
		if err != nil {
			return convert.Result{}, err
		}
	}
	return convert.Procfile(path, procfile, manifest, image)
}
