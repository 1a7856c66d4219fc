package login

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/userfile"
)

// Kubeconfig is the kubeconfig to write: one file, or the files that KUBECONFIG names.
type Kubeconfig struct {
	// Path is a file; empty for the files in KUBECONFIG, or ~/.kube/config.
	Path string
	// Patience says how to wait for other programs that write it.
	Patience userfile.Patience
}

// list is a list of a kubeconfig, with the field of its entries and what psc sets in it. A user may have added other fields.
type list struct {
	name, field string
	owned       []string
}

// lists returns the lists of a kubeconfig. Contexts are last, because they refer to the others.
func lists() []list {
	return []list{
		{"clusters", "cluster", []string{"extensions", "server", "certificate-authority", "certificate-authority-data", "insecure-skip-tls-verify"}},
		{"users", "user", []string{
			"client-certificate", "client-certificate-data", "client-key", "client-key-data", "token", "tokenFile", "username", "password",
			"as", "as-uid", "as-groups", "as-user-extra", "auth-provider", "exec", "extensions",
		}},
		{"contexts", "context", []string{"extensions", "cluster", "user"}},
	}
}

// Save writes the entries of made: those that exist are changed in the file that has them, others are added to the file to which
// kubectl adds them. Fields that psc does not set are kept.
func (k Kubeconfig) Save(made *clientcmdapi.Config, name string) error {
	entries, err := fields(made)
	if err != nil {
		return err
	}
	var paths []string // that of the context is last
	in := map[string][]list{}
	for _, l := range lists() {
		path, err := k.fileOf(l.name, name)
		if err != nil {
			return err
		}
		in[path] = append(in[path], l)
		paths = append(slices.DeleteFunc(paths, func(p string) bool { return p == path }), path)
	}
	for _, path := range paths {
		err := k.change(path, func(text []byte) ([]byte, error) {
			for _, l := range in[path] {
				var err error
				if text, err = userfile.Put(text, l.name, name, l.set(entries[l.name])); err != nil {
					return nil, err
				}
			}
			return text, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// set returns the change that gives an entry the fields of psc.
func (l list) set(fields map[string]any) func(map[string]any) {
	return func(entry map[string]any) {
		old, _ := entry[l.field].(map[string]any)
		all := maps.Clone(fields)
		for field, value := range old {
			if !slices.Contains(l.owned, field) {
				all[field] = value
			}
		}
		if kept := others(old["extensions"], all["extensions"]); kept != nil {
			all["extensions"] = kept
		}
		entry[l.field] = all
	}
}

// others returns the extensions of an entry, with that of psc as it is in made.
func others(old, made any) any {
	all, _ := made.([]any)
	before, _ := old.([]any)
	for _, item := range before {
		if extension, _ := item.(map[string]any); extension["name"] != kube.NoteName {
			all = append(all, item)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

// Switch makes a context the current one of the kubeconfig, for kubectl and other programs.
func (k Kubeconfig) Switch(name string) error {
	path, err := k.fileOf("", "")
	if err != nil {
		return err
	}
	return k.change(path, func(text []byte) ([]byte, error) { return userfile.Set(text, currentContext, name) })
}

const currentContext = "current-context"

// Remove removes the entries of a context that psc created from all files, and makes it no longer the current context.
func (k Kubeconfig) Remove(name string) error {
	all, err := k.files()
	if err != nil {
		return err
	}
	for _, path := range all {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		err := k.change(path, func(text []byte) ([]byte, error) {
			config, err := clientcmd.Load(text)
			if err == nil && config.CurrentContext == name {
				text, err = userfile.Set(text, currentContext, "")
			}
			for _, l := range slices.Backward(lists()) {
				if err != nil {
					return nil, err
				}
				text, err = userfile.Remove(text, l.name, name)
			}
			return text, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Probe returns an error if the entries with a name cannot be written now. It is for callers that cannot undo what they do before.
func (k Kubeconfig) Probe(name string) error {
	for _, l := range lists() {
		path, err := k.fileOf(l.name, name)
		if err != nil {
			return err
		}
		if err := userfile.Writable(path); err != nil {
			return unwritten(path, err)
		}
	}
	return nil
}

// change edits one file. What it writes can be read by other programs with client-go.
func (k Kubeconfig) change(path string, edit func([]byte) ([]byte, error)) error {
	err := userfile.Change(path, k.Patience, func(text []byte) ([]byte, error) {
		start := text
		if strings.TrimSpace(string(text)) == "" {
			start = []byte("apiVersion: v1\nkind: Config\n")
		}
		if _, err := clientcmd.Load(start); err != nil {
			return nil, fmt.Errorf("it cannot be read: %w", err)
		}
		out, err := edit(start)
		if err != nil || bytes.Equal(out, start) {
			return text, err
		}
		_, err = clientcmd.Load(out)
		return out, err
	})
	return unwritten(path, err)
}

// unwritten adds the way out to an error of a write.
func unwritten(path string, err error) error {
	var read *fs.PathError
	hint := "give another file: --kubeconfig FILE, or KUBECONFIG"
	switch {
	case err == nil:
		return nil
	case fault.Of(err).Hint != "":
		hint = fault.Of(err).Hint
	case !errors.As(err, &read):
		err = fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		hint = "psc writes a new file beside it and renames that: you must be able to write to the folder. Or give --kubeconfig FILE"
	}
	return fault.New(fault.Failed, "write the kubeconfig: %w", err).WithHint("%s", hint)
}

// files returns the files of the kubeconfig, which need not exist.
func (k Kubeconfig) files() ([]string, error) {
	if k.Path != "" {
		return []string{k.Path}, nil
	}
	files := slices.DeleteFunc(kube.Rules("").GetLoadingPrecedence(), func(path string) bool { return path == "" })
	if len(files) == 0 {
		return nil, fault.New(fault.Failed, "write the kubeconfig: neither KUBECONFIG nor HOME is set").WithHint("set KUBECONFIG, or give --kubeconfig FILE")
	}
	return files, nil
}

// fileOf returns the first file that has an entry. If none has it, this is the file to which kubectl adds entries: the first one
// that exists, or else the last one.
func (k Kubeconfig) fileOf(list, name string) (string, error) {
	all, err := k.files()
	switch {
	case err != nil:
		return "", err
	case len(all) == 1:
		return all[0], nil
	}
	first := ""
	for _, path := range all {
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return "", fault.New(fault.Failed, "read the kubeconfig: %w", err)
		}
		first = cmp.Or(first, path)
		if entry, err := userfile.Entry(text, list, name); err == nil && entry != nil {
			return path, nil
		}
	}
	return cmp.Or(first, all[len(all)-1]), nil
}

// fields returns the fields of the entry of each list, by their names in files.
func fields(made *clientcmdapi.Config) (map[string]map[string]any, error) {
	data, err := clientcmd.Write(*made)
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]any{}
	for _, l := range lists() {
		for name := range made.Contexts {
			entry, err := userfile.Entry(data, l.name, name)
			if err != nil {
				return nil, err
			}
			out[l.name], _ = entry[l.field].(map[string]any)
		}
	}
	return out, nil
}
