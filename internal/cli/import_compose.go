package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pscdev/psc/internal/compose"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/convert"
)

// composeFile returns the file that may be a Compose file: the one of a folder, as docker compose finds it, or else a file or stdin.
// It returns "" for a folder without one.
func composeFile(name string) string {
	if info, err := os.Stat(name); name == "-" || err != nil || !info.IsDir() {
		return name
	}
	for _, base := range []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"} {
		if path := filepath.Join(name, base); exists(path) {
			return path
		}
	}
	return ""
}

// readCompose converts a Compose file. Its variables are those of the environment, and else of the file .env beside it.
func (s *session) readCompose(path string, tree map[string]any) (convert.Result, error) {
	folder := "."
	if path != "-" {
		folder = filepath.Dir(path)
	}
	read := func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(folder, name)
		}
		return s.read(name, maxResources)
	}
	env := map[string]string{}
	data, err := read(".env")
	if err == nil {
		env, err = compose.Env(data)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return convert.Result{}, fault.Wrap(fault.Usage, err)
	}
	tree, err = compose.Read(path, tree, compose.Source{Read: read, Lookup: func(name string) (string, bool) {
		if value, ok := os.LookupEnv(name); ok {
			return value, true
		}
		value, ok := env[name]
		return value, ok
	}})
	if err != nil {
		return convert.Result{}, err
	}
	return convert.Compose(tree), nil
}
