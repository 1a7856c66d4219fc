// Package config reads the user's settings from flags, the environment, or the settings file, in this order.
//
// The settings file is $XDG_CONFIG_HOME/psc/config.yaml. Only the user can read it (0600), it is replaced as a whole, and it
// has the current context, the current pod of each context, and aliases of commands. If it is a link, the file that the link leads to is replaced.
// The current context of the kubeconfig is never changed.
//
// The file is optional: without HOME and XDG_CONFIG_HOME there is none, and flags and the environment say everything.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/rogpeppe/go-internal/lockedfile"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/pscdev/psc/internal/fault"
)

// Names of the settings; each is a flag, and PSC_<NAME> in the environment.
const (
	Pod     = "pod"
	Context = "context"
	Output  = "output"
)

// ErrNoFolder is in the error of every write when the environment names no folder for the settings.
var ErrNoFolder = errors.New("neither XDG_CONFIG_HOME nor HOME is set")

// Settings are the user's settings.
type Settings struct {
	path  string // empty without a folder
	viper *viper.Viper
	file  file
}

// Alias returns the command line that the user has given a name; empty if there is none of this name.
func (s *Settings) Alias(name string) string { return s.file.Aliases[name] }

// Aliases returns the names of all aliases, each with its command line after a tab.
func (s *Settings) Aliases() []string {
	var out []string
	for name, line := range s.file.Aliases {
		out = append(out, name+"\t"+line)
	}
	slices.Sort(out)
	return out
}

// file is the settings file. Contexts are a list because their names may have any characters. Others holds the fields that
// another version of psc has written: they are kept.
type file struct {
	Context  string         `yaml:"context,omitempty"`
	Contexts []contextEntry `yaml:"contexts,omitempty"`
	// Aliases are command lines without "psc", by their names. Users write them.
	Aliases map[string]string `yaml:"aliases,omitempty"`
	Others  map[string]any    `yaml:",inline"`
}

type contextEntry struct {
	Name   string         `yaml:"name"`
	Pod    string         `yaml:"pod,omitempty"`
	Others map[string]any `yaml:",inline"`
}

// Load reads the settings. A settings file that does not exist counts as empty. If the file cannot be read, the settings have what
// flags and the environment say.
func Load(flags *pflag.FlagSet) (*Settings, error) {
	s := &Settings{path: path(), viper: viper.New()}
	s.viper.SetEnvPrefix("psc")
	for _, name := range []string{Pod, Context, Output} {
		if err := errors.Join(s.viper.BindEnv(name), s.viper.BindPFlag(name, flags.Lookup(name))); err != nil {
			return nil, err
		}
	}
	var err error
	if s.file, err = read(s.path); err != nil {
		s.file = file{}
	}
	return s, err
}

// Explicit reports whether a flag or the environment gives a setting.
func (s *Settings) Explicit(name string) bool { return s.viper.GetString(name) != "" }

// path returns the path of the settings file; empty when the environment names no folder for it.
func path() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "psc", "config.yaml")
}

func read(path string) (file, error) {
	var f file
	if path == "" {
		return f, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) { // the home of a service may be /dev/null
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("read the settings: %w", err)
	}
	if err := yaml.Unmarshal(data, &f); err != nil {
		return f, fault.New(fault.Usage, "the settings file %s cannot be read: %w", path, err).
			WithHint("fix or remove it: it only has the current context, the current pods and your aliases")
	}
	return f, nil
}

// Context returns the context to use; empty for the kubeconfig's current one.
func (s *Settings) Context() string { return cmp.Or(s.viper.GetString(Context), s.file.Context) }

// Output returns the format of answers; empty for text.
func (s *Settings) Output() string { return s.viper.GetString(Output) }

// Pod returns the pod to use in a context; empty when none was chosen.
func (s *Settings) Pod(context string) string {
	if pod := s.viper.GetString(Pod); pod != "" {
		return pod
	}
	return s.CurrentPod(context)
}

// CurrentPod returns the current pod of a context in the settings file.
func (s *Settings) CurrentPod(context string) string {
	if i := s.file.find(context); i >= 0 {
		return s.file.Contexts[i].Pod
	}
	return ""
}

func (f *file) find(context string) int {
	return slices.IndexFunc(f.Contexts, func(e contextEntry) bool { return e.Name == context })
}

// UsePod stores the current pod of a context; an empty pod removes it.
func (s *Settings) UsePod(context, pod string) error {
	return s.change(func(f *file) {
		i := f.find(context)
		switch {
		case i >= 0:
			f.Contexts[i].Pod = pod
		case pod != "":
			f.Contexts = append(f.Contexts, contextEntry{Name: context, Pod: pod})
		}
	})
}

// UseContext stores the current context.
func (s *Settings) UseContext(context string) error {
	return s.change(func(f *file) { f.Context = context })
}

// Forget removes the current pod of a context, and the current context if it is this one.
func (s *Settings) Forget(context string) error {
	if s.path == "" {
		return nil
	}
	return s.change(func(f *file) {
		f.Contexts = slices.DeleteFunc(f.Contexts, func(e contextEntry) bool { return e.Name == context })
		if f.Context == context {
			f.Context = ""
		}
	})
}

// Writable returns an error when the environment names no folder for the settings.
func (s *Settings) Writable() error {
	if s.path == "" {
		return unwritten(ErrNoFolder)
	}
	return nil
}

func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Failed, "write the settings: %w", err).
		WithHint("set XDG_CONFIG_HOME to a folder that you can write to, or choose with --pod and --context, or PSC_POD and PSC_CONTEXT")
}

// change reads the file again under a lock, so that two commands at once lose nothing, and replaces it as a whole.
func (s *Settings) change(apply func(*file)) error {
	if err := s.Writable(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return unwritten(err)
	}
	unlock, err := lockedfile.MutexAt(s.path + ".lock").Lock() // the kernel releases it when a command dies
	if err != nil {
		return unwritten(err)
	}
	defer unlock()
	f, err := read(s.path)
	if err != nil {
		return err
	}
	apply(&f)
	data, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	if err := replace(s.path, data); err != nil {
		return unwritten(err)
	}
	s.file = f
	return nil
}

// replace writes a file that only its owner can read. A reader sees the old or the new content, never a part of it.
func replace(path string, data []byte) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".config-*") // CreateTemp creates it with 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// maxLinks is how many links Linux follows.
const maxLinks = 40

// target returns the path of the file that path leads to. Programs that manage settings make links, which have to stay. The
// file at the end of a link need not exist: its folder is created.
func target(path string) (string, error) {
	for range maxLinks {
		link, err := os.Readlink(path)
		if err != nil { // not a link, or nothing
			return path, nil //nolint:nilerr // as the comment says
		}
		if !filepath.IsAbs(link) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(path)) // before "..", or it would be that of the link to the folder
			if err != nil {
				return "", err
			}
			link = filepath.Join(dir, link)
		}
		path = link
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return "", err
		}
	}
	return "", &os.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
}
