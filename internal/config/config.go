// Package config knows what a person has chosen: by flag, by environment, or in the settings file, in this order.
//
// The settings file is $XDG_CONFIG_HOME/psc/config.yaml. It is for the person alone (0600), is replaced as a whole, and
// keeps the current context and the current pod of each context. The kubeconfig's own current context is never changed.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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

// Settings are what was chosen.
type Settings struct {
	path  string
	viper *viper.Viper
	file  file
}

// file is the settings file. Contexts are a list because their names may hold anything. Others is what another version of
// psc has written: it stays.
type file struct {
	Context  string         `yaml:"context,omitempty"`
	Contexts []contextEntry `yaml:"contexts,omitempty"`
	Others   map[string]any `yaml:",inline"`
}

type contextEntry struct {
	Name   string         `yaml:"name"`
	Pod    string         `yaml:"pod,omitempty"`
	Others map[string]any `yaml:",inline"`
}

// Load reads the settings. A settings file that is not there is an empty one.
func Load(flags *pflag.FlagSet) (*Settings, error) {
	path, err := Path()
	if err != nil {
		return nil, err
	}
	s := &Settings{path: path, viper: viper.New()}
	s.viper.SetEnvPrefix("psc")
	for _, name := range []string{Pod, Context, Output} {
		if err := errors.Join(s.viper.BindEnv(name), s.viper.BindPFlag(name, flags.Lookup(name))); err != nil {
			return nil, err
		}
	}
	s.file, err = read(path)
	if err != nil {
		return nil, err
	}
	s.viper.SetDefault(Context, s.file.Context)
	return s, nil
}

// Path is where the settings file is.
func Path() (string, error) {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the settings folder: %w", err)
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "psc", "config.yaml"), nil
}

func read(path string) (file, error) {
	var f file
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("read the settings: %w", err)
	}
	if err := yaml.Unmarshal(data, &f); err != nil {
		return f, fault.New(fault.Usage, "the settings file %s cannot be read: %w", path, err).
			WithHint("mend or remove it: it only holds the current context and pods")
	}
	return f, nil
}

// Context is the chosen context; empty for the kubeconfig's current one.
func (s *Settings) Context() string { return s.viper.GetString(Context) }

// Output is the chosen format of answers; empty for people.
func (s *Settings) Output() string { return s.viper.GetString(Output) }

// Pod is the chosen pod in a context; empty when none was chosen.
func (s *Settings) Pod(context string) string {
	if pod := s.viper.GetString(Pod); pod != "" {
		return pod
	}
	return s.CurrentPod(context)
}

// CurrentPod is the pod that the settings file keeps for a context.
func (s *Settings) CurrentPod(context string) string {
	if i := s.file.find(context); i >= 0 {
		return s.file.Contexts[i].Pod
	}
	return ""
}

func (f *file) find(context string) int {
	return slices.IndexFunc(f.Contexts, func(e contextEntry) bool { return e.Name == context })
}

// UsePod keeps the current pod of a context; an empty pod forgets it.
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

// UseContext keeps the current context.
func (s *Settings) UseContext(context string) error {
	return s.change(func(f *file) { f.Context = context })
}

// Forget forgets the pod of a context, and the context where it is the current one.
func (s *Settings) Forget(context string) error {
	return s.change(func(f *file) {
		f.Contexts = slices.DeleteFunc(f.Contexts, func(e contextEntry) bool { return e.Name == context })
		if f.Context == context {
			f.Context = ""
		}
	})
}

// change reads the file again, so that two commands at once lose nothing, and replaces it as a whole.
func (s *Settings) change(apply func(*file)) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	unlock, err := lockedfile.MutexAt(s.path + ".lock").Lock() // the kernel lets go of it when a command dies
	if err != nil {
		return fmt.Errorf("write the settings: %w", err)
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
		return fmt.Errorf("write the settings: %w", err)
	}
	s.file = f
	return nil
}

// replace writes a file that only its owner can read. Whoever reads sees the old or the new content, never a part.
func replace(path string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".config-*") // CreateTemp makes it 0600
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
