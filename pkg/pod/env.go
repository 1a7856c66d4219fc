package pod

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
)

// EnvValue is the value of an environment variable: a string, or an envRef.
type EnvValue struct {
	// Value is the string if there is no reference.
	Value string
	// The other fields are those of an envRef.
	App, Port, Secret, Key, Config, File, Instance, Template string
}

// envRef is a value in a file that is not a plain string. Exactly one of App, Secret, Config, Instance and Template is set.
type envRef struct {
	// App is the name of an app of this pod. The value is its address, such as http://api.
	App string `json:"app,omitempty"`
	// Port is the name of a port of the app. The default is its main port.
	Port string `json:"port,omitempty"`
	// Secret is the name of a secret of this pod.
	Secret string `json:"secret,omitempty"`
	// Key is a key of the secret. The value is that of the key.
	Key string `json:"key,omitempty"`
	// Config is the name of a config of this pod.
	Config string `json:"config,omitempty"`
	// File is a file of the config. The value is its text.
	File string `json:"file,omitempty"`
	// Instance is what the value says about the instance: its name, its address (IP), or its node.
	Instance string `json:"instance,omitempty"`
	// Template is a text with other variables of the same app: postgres://u:$(PASSWORD)@db/x. Write $$ for a dollar. In plain
	// strings, a dollar is a dollar.
	Template string `json:"template,omitempty"`
}

// The words for Instance.
const (
	InstanceName    = "name"
	InstanceAddress = "address"
	InstanceNode    = "node"
)

// InstanceWords returns what a variable can say about its instance.
func InstanceWords() []string { return []string{InstanceName, InstanceAddress, InstanceNode} }

func (v EnvValue) ref() envRef {
	return envRef{v.App, v.Port, v.Secret, v.Key, v.Config, v.File, v.Instance, v.Template}
}

// MarshalJSON writes a string or, for a reference, an object.
func (v EnvValue) MarshalJSON() ([]byte, error) {
	if ref := v.ref(); ref != (envRef{}) {
		return json.Marshal(ref)
	}
	return json.Marshal(v.Value)
}

// UnmarshalJSON accepts a reference, a string, or a number or boolean, which stand for unquoted strings in YAML.
func (v *EnvValue) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var ref envRef
		if err := json.Unmarshal(data, &ref); err != nil {
			return err
		}
		*v = EnvValue{"", ref.App, ref.Port, ref.Secret, ref.Key, ref.Config, ref.File, ref.Instance, ref.Template}
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*v = EnvValue{Value: text}
	return nil
}

// fit accepts strings, numbers, booleans and references.
func (EnvValue) fit(p *problems, path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		before := len(*p)
		ref := fitForm[envRef](p, path, v)
		if len(*p) > before || slices.ContainsFunc([]string{"app", "secret", "config", "instance", "template"}, func(way string) bool { return named(ref[way]) }) {
			return ref
		}
	case boolean:
		return string(v)
	case []any:
	default:
		return v
	}
	p.add(path, "must be a string or a reference such as {app: api} or {secret: db, key: url}, is %s", valueWord(v))
	return nil
}

func (v EnvValue) refs(add func(Kind, string)) {
	add(KindApp, v.App)
	add(KindSecret, v.Secret)
	add(KindConfig, v.Config)
}

// env checks environment variables. all are those of the same container.
func (p *problems) env(path string, env, all map[string]EnvValue, s Spec) {
	for name, value := range env {
		at := path + "." + name
		p.rule(at, name, validation.IsEnvVarName, ruleEnv)
		value.problems(p, at, s)
		p.template(at, name, value.Template, all)
	}
}

func (v EnvValue) problems(p *problems, path string, s Spec) {
	ways := 0
	for _, way := range []string{v.App, v.Secret, v.Config, v.Instance, v.Template} {
		if way != "" {
			ways++
		}
	}
	switch {
	case strings.Contains(v.Value, "\x00"), strings.Contains(v.Template, "\x00"):
		p.add(path, "has a NUL character")
	case ways > 1:
		p.add(path, "needs exactly one of app, secret, config, instance and template")
	case v.Secret == "" && v.Key != "":
		p.add(path, "has a key but no secret")
	case v.App == "" && v.Port != "":
		p.add(path, "has a port but no app")
	case v.Config == "" && v.File != "":
		p.add(path, "has a file but no config")
	case v.App != "":
		p.appPort(path, v.App, v.Port, s)
	case v.Secret != "" && v.Key == "":
		p.add(path, "must name a key of secret %q", v.Secret)
	case v.Secret != "":
		p.secretKey(path, v.Secret, v.Key, s)
	case v.Config != "" && v.File == "":
		p.add(path, "must name a file of config %q", v.Config)
	case v.Config != "":
		p.configText(path, v.Config, v.File, s)
	case v.Instance != "" && !slices.Contains(InstanceWords(), v.Instance):
		p.add(path, "must be name, address or node, is %q", v.Instance)
	}
}

// maxVariable is how many bytes Linux accepts in one variable, with its name. See MAX_ARG_STRLEN in execve(2).
const maxVariable = 128<<10 - 1

// configText checks a reference to a file of a config whose text is the value of a variable.
func (p *problems) configText(at, name, file string, s Spec) {
	p.configFile(at, name, file, s)
	config := s.Config(name)
	if config == nil {
		return
	}
	content := config.Files[file]
	switch data, ok := content.Bytes(); {
	case content.Size > maxVariable:
		p.add(at, "file %s of config %q has %d bytes: a variable may have at most %d", file, name, content.Size, maxVariable)
	case ok && !utf8.Valid(data), bytes.ContainsRune(data, 0):
		p.add(at, "file %s of config %q is not a text, so it cannot be a variable", file, name)
	}
}
