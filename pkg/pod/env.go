package pod

import (
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// EnvValue is the value of an environment variable: a string, or a reference to another resource.
type EnvValue struct {
	// Value is the string if there is no reference.
	Value string
	// App names an app of this pod. The value is then its address, such as http://api.
	App string
	// Port is the name of a port of App. The default is the first port.
	Port string
	// Secret and Key name a key of a secret of this pod. The value is then that of the key.
	Secret, Key string
}

// envRef is a reference in a file. Exactly one of App and Secret is set.
type envRef struct {
	// App is the name of an app of this pod. The value is its address, such as http://api.
	App string `json:"app,omitempty"`
	// Port is the name of a port of the app. The default is the first port.
	Port string `json:"port,omitempty"`
	// Secret is the name of a secret of this pod.
	Secret string `json:"secret,omitempty"`
	// Key is a key of the secret. The value is that of the key.
	Key string `json:"key,omitempty"`
}

func (v EnvValue) ref() envRef { return envRef{App: v.App, Port: v.Port, Secret: v.Secret, Key: v.Key} }

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
		*v = EnvValue{App: ref.App, Port: ref.Port, Secret: ref.Secret, Key: ref.Key}
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
		if named(ref["app"]) || named(ref["secret"]) || len(*p) > before {
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
}

// env checks environment variables.
func (p *problems) env(path string, env map[string]EnvValue, s Spec) {
	for name, value := range env {
		at := path + "." + name
		for _, m := range validation.IsEnvVarName(name) {
			p.add(at, "%s", m)
		}
		value.problems(p, at, s)
	}
}

func (v EnvValue) problems(p *problems, path string, s Spec) {
	switch {
	case strings.Contains(v.Value, "\x00"):
		p.add(path, "has a NUL character")
	case v.App != "" && v.Secret != "":
		p.add(path, "refers to an app and a secret: remove one of them")
	case v.Secret == "" && v.Key != "":
		p.add(path, "has a key but no secret")
	case v.App == "" && v.Port != "":
		p.add(path, "has a port but no app")
	case v.App != "":
		p.appPort(path, v.App, v.Port, s)
	case v.Secret != "" && v.Key == "":
		p.add(path, "must name a key of secret %q", v.Secret)
	case v.Secret != "":
		p.secretKey(path, v.Secret, v.Key, s)
	}
}
