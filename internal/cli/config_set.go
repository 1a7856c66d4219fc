package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

func newConfig(a *app) *cobra.Command {
	return noun("config", "Configs: files that apps read",
		newConfigSet(a), newConfigList(a), newShow(a, pod.KindConfig), newDelete(a, pod.KindConfig))
}

func newConfigSet(a *app) *cobra.Command {
	var c changeFlags
	cmd := &cobra.Command{
		Use:   "set NAME FILE...",
		Short: "Set files of a config, which is made when it is not there",
		Long: "Set files of a config, under their own names or as NAME=FILE. A folder stands for the files in it, and - for\n" +
			"stdin. FILE- takes a file out. Every app that uses the config is started anew by the next deploy.",
		Example: "  psc config set web nginx.conf mime.types\n" +
			"  psc config set web site/ -m \"new site\" --deploy\n" +
			"  date | psc config set web built=-\n" +
			"  psc app set web --mount /etc/nginx=config/web",
		Args: atLeast("NAME", "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			files := map[string]any{}
			for _, text := range args[1:] {
				if err := a.configFiles(files, text); err != nil {
					return err
				}
			}
			for file, content := range files {
				if content, ok := content.(pod.Content); ok {
					w.store.StageFile(args[0], file, content)
				}
			}
			return a.upsert(cmd.Context(), &c, pod.KindConfig, args[0], pod.Fields{"files": files})
		},
	}
	c.add(cmd)
	return cmd
}

// upsert makes a resource, or changes the named fields of one that exists.
func (a *app) upsert(ctx context.Context, c *changeFlags, kind pod.Kind, name string, fields pod.Fields) error {
	return a.changeBy(ctx, c, func(now pod.Spec) pod.Change {
		edit := pod.Edit{Verb: pod.Create, Kind: kind, Name: name, Fields: fields}
		if _, exists := now[pod.Ref{Kind: kind, Name: name}]; exists {
			edit.Verb = pod.Set
		}
		return pod.Change{Edits: []pod.Edit{edit}}
	})
}

// configFiles adds what an argument stands for: a file, the files of a folder, stdin, or nil for a file that goes.
func (a *app) configFiles(files map[string]any, text string) error {
	name, path, named := strings.Cut(text, "=")
	if !named {
		path = text
		name = filepath.Base(text)
	}
	switch {
	case text == "-":
		return fault.New(fault.Usage, "what comes from stdin needs a name").WithHint("NAME=-")
	case path == "-":
		var err error
		files[name], err = a.readContent(path)
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
		files[name], err = a.readContent(path)
		return err
	}
	if named {
		return fault.New(fault.Usage, "%s is a folder: its files have names of their own", path)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fault.Wrap(fault.Usage, err)
	}
	before := len(files)
	for _, entry := range entries {
		if info, err := os.Stat(filepath.Join(path, entry.Name())); err != nil || !info.Mode().IsRegular() {
			continue // folders in folders have no place in a config
		}
		if files[entry.Name()], err = a.readContent(filepath.Join(path, entry.Name())); err != nil {
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

func (a *app) readContent(path string) (pod.Content, error) {
	data, err := a.read(path, pod.MaxFile)
	return pod.ContentOf(data), err
}

// stage hands the bytes of all configs to the store, to be written with the revision that first refers to them.
func (w *workspace) stage(spec pod.Spec) {
	for name, config := range spec.Configs() {
		for file, content := range config.Files {
			w.store.StageFile(name, file, content)
		}
	}
}
