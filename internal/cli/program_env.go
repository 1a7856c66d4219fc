package cli

import (
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// namedValues reads a flag that is given as NAME=VALUE, and as NAME- to remove a name.
func namedValues(flag string, given []string) (map[string]any, error) {
	values := map[string]any{}
	for _, text := range given {
		name, value, set := strings.Cut(text, "=")
		switch {
		case set && name != "":
			values[name] = value
		case !set && strings.HasSuffix(text, "-"):
			values[strings.TrimSuffix(text, "-")] = nil
		default:
			return nil, fault.New(fault.Usage, "--%s %q is neither NAME=VALUE nor NAME-", flag, text)
		}
	}
	return values, nil
}

// setEnv reads the flags of variables. NAME- removes a variable of any kind.
func (f *programFlags) setEnv(fields pod.Fields) error {
	env, err := namedValues("env", f.env)
	if err != nil {
		return err
	}
	for _, flag := range []struct {
		name, form string
		given      []string
		value      func(text string) map[string]any // nil for a text of another form
	}{
		{"env-secret", "NAME=SECRET/KEY", f.envSecret, func(text string) map[string]any { return pair(text, "secret", "key") }},
		{"env-config", "NAME=CONFIG/FILE", f.envConfig, func(text string) map[string]any { return pair(text, "config", "file") }},
		{"env-app", "NAME=APP or NAME=APP/PORT", f.envApp, func(text string) map[string]any {
			if strings.Contains(text, "/") {
				return pair(text, "app", "port")
			}
			return map[string]any{"app": text}
		}},
		{"env-template", "NAME=TEMPLATE", f.envTemplate, func(text string) map[string]any { return map[string]any{"template": text} }},
		{"env-instance", "NAME=name, NAME=address or NAME=node", f.envInstance, func(text string) map[string]any { return map[string]any{"instance": text} }},
	} {
		for _, text := range flag.given {
			name, value, _ := strings.Cut(text, "=")
			if env[name] = flag.value(value); value == "" || flag.value(value) == nil {
				return fault.New(fault.Usage, "--%s %q is not %s", flag.name, text, flag.form)
			}
		}
	}
	if len(env) > 0 {
		fields["env"] = env
	}
	return nil
}

// pair reads A/B into two fields. It returns nil if one of them is missing.
func pair(text, first, second string) map[string]any {
	a, b, _ := strings.Cut(text, "/")
	if a == "" || b == "" {
		return nil
	}
	return map[string]any{first: a, second: b}
}

// setEnvFrom reads secret/NAME and config/NAME, with :PREFIX for the names of the variables, and secret/NAME-.
func (f *programFlags) setEnvFrom(fields pod.Fields, create bool) error {
	sources := map[string]any{}
	var ordered []any
	for _, text := range f.envFrom {
		source, prefix, prefixed := strings.Cut(text, ":")
		source, remove := strings.CutSuffix(source, "-")
		kind, name, _ := strings.Cut(source, "/")
		if kind != "secret" && kind != "config" || name == "" || remove && prefixed || prefixed && prefix == "" {
			return fault.New(fault.Usage, "--env-from %q is not secret/NAME, config/NAME, secret/NAME:PREFIX or secret/NAME-", text)
		}
		if sources[source] = nil; remove {
			continue
		}
		from := map[string]any{kind: name, "prefix": nil}
		if prefixed {
			from["prefix"] = prefix
		}
		sources[source] = from
		ordered = append(ordered, from)
	}
	setItems(fields, "envFrom", create, ordered, sources)
	return nil
}
