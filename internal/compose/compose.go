// Package compose reads Compose files as https://compose-spec.io says, with its library. It does not use the loader of the library,
// whose check of the schema takes longer to initialise than the start of everything else: what it does not know is reported by
// the conversion.
//
//	file, variables, files beside it -- Read --> tree in canonical form -- convert.Compose --> resources
package compose

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/transform"
	"github.com/mattn/go-shellwords"
	"go.yaml.in/yaml/v3"

	"github.com/pscdev/psc/pkg/pod"
)

// Source is where a Compose file takes other values from.
type Source struct {
	// Lookup returns a variable that the file names.
	Lookup func(name string) (string, bool)
	// Read reads a file that the file names.
	Read func(path string) ([]byte, error)
}

// Tree returns the tree of a Compose file, or nil for another file.
func Tree(data []byte) map[string]any {
	var tree map[string]any
	if yaml.Unmarshal(data, &tree) != nil || tree["services"] == nil || tree["apiVersion"] != nil || tree["kind"] != nil {
		return nil
	}
	return tree
}

// Env reads a file with variables.
func Env(data []byte) (map[string]string, error) {
	return dotenv.ParseWithLookup(bytes.NewReader(data), nil)
}

// Read replaces the variables in the tree of a Compose file, adds the files that it names, and returns it in canonical form. The error
// is pod.Problems.
func Read(file string, tree map[string]any, from Source) (map[string]any, error) {
	var problems pod.Problems
	add := func(path, format string, args ...any) {
		problems = append(problems, pod.Problem{File: file, Path: path, Message: fmt.Sprintf(format, args...)})
	}
	variables := template.ExtractVariables(tree, nil)
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		v := variables[name]
		if _, ok := from.Lookup(name); !ok && v.DefaultValue == "" && v.PresenceValue == "" {
			add("${"+name+"}", "the variable is not set: set it in the environment or in a file .env beside this one")
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	tree, err := interpolation.Interpolate(tree, interpolation.Options{LookupValue: from.Lookup})
	if err == nil {
		tree, err = transform.Canonical(tree, false)
	}
	if err != nil {
		add("", "%v", err)
		return nil, problems
	}
	services, _ := tree["services"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(services)) {
		if service, ok := services[name].(map[string]any); ok {
			for _, err := range complete(service, from) {
				add("services."+name, "%v", err)
			}
		}
	}
	for _, kind := range []string{"secrets", "configs"} {
		all, _ := tree[kind].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if err := content(all[name], from); err != nil {
				add(kind+"."+name, "%v", err)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return tree, nil
}

// complete adds the variables of the files that a service names, and splits its commands into words.
func complete(service map[string]any, from Source) (errs []error) {
	for _, name := range []string{"command", "entrypoint"} {
		if text, ok := service[name].(string); ok {
			words, err := shellwords.Parse(text)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
			}
			service[name] = list(words)
		}
	}
	env, err := variables(service["environment"], from)
	errs = append(errs, err)
	files, _ := service["env_file"].([]any)
	for _, f := range slices.Backward(files) { // a later file takes precedence, and environment over all files
		one, _ := f.(map[string]any)
		path, _ := one["path"].(string)
		data, err := from.Read(path)
		if required, is := one["required"].(bool); err != nil && is && !required {
			continue
		}
		var more map[string]string
		if err == nil {
			more, err = Env(data)
		}
		errs = append(errs, err)
		for name, value := range more {
			if _, own := env[name]; !own {
				env[name] = value
			}
		}
	}
	delete(service, "env_file")
	service["environment"] = env
	return slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func list(words []string) []any {
	out := make([]any, len(words))
	for i, word := range words {
		out[i] = word
	}
	return out
}

// variables returns environment as a map. A variable without a value has that of the user, if it is set there.
func variables(v any, from Source) (map[string]any, error) {
	env := map[string]any{}
	switch v := v.(type) {
	case nil:
	case map[string]any:
		maps.Copy(env, v)
	case []any:
		for _, item := range v {
			text, _ := item.(string)
			name, value, given := strings.Cut(text, "=")
			env[name] = nil
			if given {
				env[name] = value
			}
		}
	default:
		return env, errors.New("environment must be a map or a list")
	}
	for name, value := range env {
		if text, ok := from.Lookup(name); ok && value == nil {
			env[name] = text
		}
	}
	return env, nil
}

// content replaces the file or the variable of a secret or a config with its content.
func content(v any, from Source) error {
	fields, _ := v.(map[string]any)
	if path, ok := fields["file"].(string); ok {
		data, err := from.Read(path)
		if err != nil {
			return err
		}
		delete(fields, "file")
		fields["content"] = string(data)
	}
	if name, ok := fields["environment"].(string); ok {
		text, ok := from.Lookup(name)
		if !ok {
			return fmt.Errorf("variable %s is not set", name)
		}
		delete(fields, "environment")
		fields["content"] = text
	}
	return nil
}
