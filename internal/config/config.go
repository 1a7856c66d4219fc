// Package config reads the user's settings from flags, the environment, or the settings file, in this order.
//
// The settings file is $XDG_CONFIG_HOME/psc/config.yaml. Only the user can read it (0600), it is changed in place as
// internal/userfile says, and it has the current context, the current pod of each context, the issuers of sign-ins, and aliases of
// commands.
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

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/userfile"
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
	// Waits is called with the holder when a change waits for another process. It may be nil.
	Waits func(holder string)

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

// file is what psc reads of the settings file; a change keeps everything else in it. Contexts are a list because their names may
// have any characters.
type file struct {
	Context  string         `yaml:"context,omitempty"`
	Contexts []contextEntry `yaml:"contexts,omitempty"`
	Logins   []Login        `yaml:"logins,omitempty"`
	// Aliases are command lines without "psc", by their names. Users write them.
	Aliases map[string]string `yaml:"aliases,omitempty"`
}

type contextEntry struct {
	Name string `yaml:"name"`
	Pod  string `yaml:"pod,omitempty"`
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
	return parse(path, data)
}

func parse(path string, data []byte) (file, error) {
	var f file
	if err := yaml.Unmarshal(data, &f); err != nil {
		return f, fault.New(fault.Usage, "the settings file %s cannot be read: %w", path, err).
			WithHint("fix or remove it: it only has the current context, the current pods, the issuers of your sign-ins and your aliases")
	}
	return f, nil
}

// Context returns the context to use; empty for the kubeconfig's current one.
func (s *Settings) Context() string { return cmp.Or(s.viper.GetString(Context), s.file.Context) }

// Knows reports whether the settings file has a context, as the current one or with a pod.
func (s *Settings) Knows(context string) bool {
	return s.file.Context == context || s.file.find(context) >= 0
}

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

// contexts is the list of the file that has the current pods.
const contexts = "contexts"

// UsePod stores the current pod of a context; an empty pod removes it.
func (s *Settings) UsePod(context, pod string) error {
	return s.change(func(text []byte) ([]byte, error) {
		if entry, err := userfile.Entry(text, contexts, context); err != nil || entry == nil && pod == "" {
			return text, err
		}
		return userfile.Put(text, contexts, context, func(entry map[string]any) {
			if entry[Pod] = pod; pod == "" {
				delete(entry, Pod)
			}
		})
	})
}

// UseContext stores the current context.
func (s *Settings) UseContext(context string) error {
	return s.change(func(text []byte) ([]byte, error) { return userfile.Set(text, Context, context) })
}

// Forget removes the current pod of a context and its login, and the current context if it is this one.
func (s *Settings) Forget(context string) error {
	if s.path == "" {
		return nil
	}
	return s.change(func(text []byte) ([]byte, error) {
		text, err := userfile.Remove(text, contexts, context)
		if err == nil {
			text, err = userfile.Remove(text, logins, context)
		}
		if f, wrong := parse(s.path, text); err == nil && wrong == nil && f.Context == context {
			text, err = userfile.Set(text, Context, "")
		}
		return text, err
	})
}

// Writable returns an error when the environment names no folder for the settings.
func (s *Settings) Writable() error {
	if s.path == "" {
		return unwritten(ErrNoFolder)
	}
	return nil
}

// Probe returns an error if the settings cannot be written now. It is for callers that cannot undo what they do before they write.
func (s *Settings) Probe() error {
	if err := s.Writable(); err != nil {
		return err
	}
	return unwritten(userfile.Writable(s.path))
}

func unwritten(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Failed, "write the settings: %w", err).
		WithHint("set XDG_CONFIG_HOME to a folder that you can write to, or choose with --pod and --context, or PSC_POD and PSC_CONTEXT")
}

// change edits the file in place, so that the comments and aliases of the user stay as they are.
func (s *Settings) change(edit func([]byte) ([]byte, error)) error {
	if err := s.Writable(); err != nil {
		return err
	}
	var now file
	err := userfile.Change(s.path, userfile.Patience{Notice: s.Waits, Own: true}, func(text []byte) ([]byte, error) {
		if _, err := parse(s.path, text); err != nil {
			return nil, err
		}
		text, err := edit(text)
		if err == nil {
			now, err = parse(s.path, text)
		}
		return text, err
	})
	if fault.Of(err).Hint != "" {
		return err
	}
	if err != nil {
		return unwritten(err)
	}
	s.file = now
	return nil
}
