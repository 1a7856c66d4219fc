package pod

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// EnvFrom turns all keys of a secret, or all files of a config, into variables with their names. Exactly one of Config and Secret
// is set.
type EnvFrom struct {
	// Config is the name of a config of this pod. The values are the texts of its files.
	Config string `json:"config,omitempty" psc:"key"`
	// Secret is the name of a secret of this pod.
	Secret string `json:"secret,omitempty" psc:"key"`
	// Prefix is put before each name: with DB_, the key url is the variable DB_url.
	Prefix string `json:"prefix,omitempty"`
}

func (e EnvFrom) refs(add func(Kind, string)) {
	add(KindConfig, e.Config)
	add(KindSecret, e.Secret)
}

// Words implements Part. An example is "env from secret/db" and "prefix DB_".
func (e EnvFrom) Words() (name, text string) {
	text = "all keys"
	if e.Prefix != "" {
		text = "prefix " + e.Prefix
	}
	return "env from " + e.source(), text
}

// source names the config or the secret, as the key of the item does.
func (e EnvFrom) source() string {
	if e.Config != "" {
		return "config/" + e.Config
	}
	return "secret/" + e.Secret
}

// names returns the keys of the secret or the files of the config, sorted.
func (e EnvFrom) names(s Spec) []string {
	if secret := s.Secret(e.Secret); secret != nil {
		return keys(secret.Keys)
	}
	if config := s.Config(e.Config); config != nil {
		return keys(config.Files)
	}
	return nil
}

// value returns the variable of a key or a file.
func (e EnvFrom) value(name string) EnvValue {
	if e.Secret != "" {
		return EnvValue{Secret: e.Secret, Key: name}
	}
	return EnvValue{Config: e.Config, File: name}
}

// Variables returns the variables of an app of this spec. Env takes precedence over EnvFrom, and there a later item over an
// earlier one.
func (s Spec) Variables(a *App) map[string]EnvValue {
	all := map[string]EnvValue{}
	for _, from := range a.EnvFrom {
		for _, name := range from.names(s) {
			all[from.Prefix+name] = from.value(name)
		}
	}
	maps.Copy(all, a.Env)
	return all
}

// envFrom checks sources of variables.
func (p *problems) envFrom(path string, sources []EnvFrom, s Spec) {
	seen := map[string]bool{}
	for i, from := range sources {
		at := fmt.Sprintf("%s[%s]", path, from.source())
		switch {
		case (from.Config == "") == (from.Secret == ""):
			p.add(fmt.Sprintf("%s[%d]", path, i), "needs exactly one of config and secret")
			continue
		case seen[from.source()]:
			p.add(at, "is listed twice")
		case from.Secret != "":
			p.secretKey(at, from.Secret, "", s)
		default:
			p.configFile(at, from.Config, "", s)
		}
		seen[from.source()] = true
		for _, name := range from.names(s) {
			if variable := from.Prefix + name; len(validation.IsEnvVarName(variable)) > 0 {
				p.add(at, "%q would be the variable %q, which is not a valid name: use letters, digits, _, - and ., and no digit first", name, variable)
			}
			if from.Config != "" {
				p.configText(at, from.Config, name, s)
			}
		}
	}
}

// references returns the names of the variables in a template. ok is false if one of them has no end.
func references(template string) (names []string, ok bool) {
	for {
		_, rest, found := strings.Cut(template, "$")
		switch {
		case !found:
			return names, true
		case strings.HasPrefix(rest, "$"):
			rest = rest[1:]
		case strings.HasPrefix(rest, "("):
			name, after, ended := strings.Cut(rest[1:], ")")
			if !ended {
				return names, false
			}
			names, rest = append(names, name), after
		}
		template = rest
	}
}

// template checks the template of a variable. all are the variables of the same container.
func (p *problems) template(at, name, text string, all map[string]EnvValue) {
	found, ok := references(text)
	if !ok {
		p.add(at, "has $( without ): write $$( for the text itself")
	}
	for _, other := range found {
		if _, known := all[other]; !known {
			p.missingIn(at, Ref{}, fmt.Sprintf("no variable named %q in the same app", other), other, keys(all))
		}
	}
	if path := circle(name, all); path != nil {
		p.add(at, "refers to itself: %s", strings.Join(path, " -> "))
	}
}

// circle returns the way from a variable through templates back to it, or nil if there is none.
func circle(name string, all map[string]EnvValue) []string {
	seen := map[string]bool{}
	var back func(path ...string) []string
	back = func(path ...string) []string {
		names, _ := references(all[path[len(path)-1]].Template)
		for _, next := range names {
			longer := append(slices.Clip(path), next)
			if next == name {
				return longer
			}
			if !seen[next] {
				seen[next] = true
				if way := back(longer...); way != nil {
					return way
				}
			}
		}
		return nil
	}
	return back(name)
}

// InOrder returns the names of variables so that each comes after those that its template refers to: Kubernetes does not replace
// references to later ones. The others are sorted by name.
func InOrder(all map[string]EnvValue) []string {
	out := make([]string, 0, len(all))
	seen := map[string]bool{}
	var add func(string)
	add = func(name string) {
		value, known := all[name]
		if seen[name] || !known {
			return
		}
		seen[name] = true
		names, _ := references(value.Template)
		for _, other := range names {
			add(other)
		}
		out = append(out, name)
	}
	for _, name := range keys(all) {
		add(name)
	}
	return out
}
