package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newConfig(s *session) *cobra.Command {
	return noun("config", "Manage configs: files that apps read",
		newConfigSet(s), newConfigList(s), newShow(s, pod.KindConfig), newDelete(s, pod.KindConfig))
}

func newConfigList(s *session) *cobra.Command {
	return lister(s, &cobra.Command{
		Short:   "List the configs, including those of drafts",
		Example: "  psc config list",
	}, "has no configs", "psc config set NAME FILE", (*workspace.Workspace).Configs, view.Configs)
}

func newConfigSet(s *session) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "set NAME FILE...",
		Short: "Set files of a config, creating it if needed",
		Long: "Set files of a config, under their own names or as NAME=FILE. FILE can be a folder without other folders, for the\n" +
			"files in it, or - for stdin. FILE- removes a file. Other files of the config stay. The next deploy restarts every\n" +
			"app that uses the config.",
		Example: "  psc config set web nginx.conf mime.types\n" +
			"  psc config set web site/ -m \"new site\" --deploy\n" +
			"  date | psc config set web built=-\n" +
			"  psc app set web --mount /etc/nginx=config/web",
		Args:              atLeast("NAME", "FILE"),
		ValidArgsFunction: s.completeConfig,
		RunE: func(cmd *cobra.Command, args []string) error {
			files := map[string]*pod.Content{}
			for _, text := range args[1:] {
				if err := s.configFiles(files, text); err != nil {
					return err
				}
			}
			return s.do(cmd.Context(), &o, func(w *workspace.Workspace) (workspace.Outcome, error) {
				return w.SetFiles(cmd.Context(), args[0], files, o.Options)
			})
		},
	}
	o.addChange(cmd)
	return cmd
}

// configFiles adds the files of an argument: a file, the files of a folder, stdin, or nil for a file to remove.
func (s *session) configFiles(files map[string]*pod.Content, text string) error {
	name, path, named := strings.Cut(text, "=")
	if !named {
		path = text
		name = filepath.Base(text)
	}
	switch {
	case text == "-":
		return fault.New(fault.Usage, "a file from stdin needs a name").WithHint("NAME=-")
	case path == "-":
		return s.configFile(files, name, path)
	case !named && strings.HasSuffix(text, "-") && !exists(text):
		name = strings.TrimSuffix(text, "-")
		if _, twice := files[name]; twice {
			return fault.New(fault.Usage, "file %q is given twice", name)
		}
		files[name] = nil
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case named && errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.Usage, "no file %s for %s: a config has files", path, name).
			WithHint("a variable is a part of an app: psc app set NAME --env %s", text)
	case err != nil:
		return fault.Wrap(fault.Usage, err)
	case !info.IsDir():
		return s.configFile(files, name, path)
	case named:
		return fault.New(fault.Usage, "%s is a folder: its files have their own names", path)
	}
	return s.configFolder(files, path)
}

// configFolder adds all files of a folder. Entries that have no place in a config are refused, because leaving them out
// would go unnoticed.
func (s *session) configFolder(files map[string]*pod.Content, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fault.Wrap(fault.Usage, err)
	}
	var paths, others []string
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			others = append(others, path+" (a link that leads nowhere)")
		case err != nil:
			return fault.Wrap(fault.Usage, err)
		case info.IsDir():
			others = append(others, path+" (a folder)")
		case !info.Mode().IsRegular():
			others = append(others, path+" (not a regular file)")
		default:
			paths = append(paths, path)
		}
	}
	switch {
	case len(others) > 0:
		return fault.New(fault.Usage, "a config cannot hold %s", strings.Join(others, ", ")).
			WithHint("name the files one by one: psc config set NAME FILE OTHER=FOLDER/FILE")
	case len(paths) == 0:
		return fault.New(fault.Usage, "folder %s has no files", folder)
	}
	for _, path := range paths {
		if err := s.configFile(files, filepath.Base(path), path); err != nil {
			return err
		}
	}
	return nil
}

// configFile adds one file. The same name for two files is refused.
func (s *session) configFile(files map[string]*pod.Content, name, path string) error {
	if _, twice := files[name]; twice {
		return fault.New(fault.Usage, "file %q is given twice", name).WithHint("give one of them another name: NAME=%s", path)
	}
	data, err := s.read(path, pod.MaxFile)
	if err != nil {
		return err
	}
	content := pod.ContentOf(data)
	files[name] = &content
	return nil
}

// exists reports whether there is a file, or a link, even one that leads nowhere.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
