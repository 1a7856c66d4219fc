package cli

import (
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
	}, "has no configs. Create one with: psc config set NAME FILE", (*workspace.Workspace).Configs, view.Configs)
}

func newConfigSet(s *session) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "set NAME FILE...",
		Short: "Set files of a config, creating it if needed",
		Long: "Set files of a config, under their own names or as NAME=FILE. FILE can be a folder, for the files in it, or - for\n" +
			"stdin. FILE- removes a file. The next deploy restarts every app that uses the config.",
		Example: "  psc config set web nginx.conf mime.types\n" +
			"  psc config set web site/ -m \"new site\" --deploy\n" +
			"  date | psc config set web built=-\n" +
			"  psc app set web --mount /etc/nginx=config/web",
		Args:              atLeast("NAME", "FILE"),
		ValidArgsFunction: s.complete(s.resourceNames(pod.KindConfig)),
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
		var err error
		files[name], err = s.readContent(path)
		return err
	case !named && strings.HasSuffix(text, "-") && !exists(text):
		files[strings.TrimSuffix(text, "-")] = nil
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fault.Wrap(fault.Usage, err)
	}
	if !info.IsDir() {
		files[name], err = s.readContent(path)
		return err
	}
	if named {
		return fault.New(fault.Usage, "%s is a folder: its files have their own names", path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fault.Wrap(fault.Usage, err)
	}
	before := len(files)
	for _, entry := range entries {
		if info, err := os.Stat(filepath.Join(path, entry.Name())); err != nil || !info.Mode().IsRegular() {
			continue // a config has no folders
		}
		if files[entry.Name()], err = s.readContent(filepath.Join(path, entry.Name())); err != nil {
			return err
		}
	}
	if len(files) == before {
		return fault.New(fault.Usage, "folder %s has no files", path)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *session) readContent(path string) (*pod.Content, error) {
	data, err := s.read(path, pod.MaxFile)
	content := pod.ContentOf(data)
	return &content, err
}
