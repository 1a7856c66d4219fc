package pod

import "encoding/json"

// EnvValue is the value of an environment variable: a text, or a reference to another resource.
type EnvValue struct {
	// Value is the text, when there is no reference.
	Value string
	// App names an app of this pod; the value is then its address, such as http://api.
	App string
	// Port is the name of a port of App; the first when it is not set.
	Port string
	// Secret and Key name a key of a secret of this pod; the value is then the key's.
	Secret, Key string
}

// envRef is a reference in a file. Exactly one of App and Secret is set.
type envRef struct {
	// App is the name of an app of this pod. The value is its address, such as http://api.
	App string `json:"app,omitempty"`
	// Port is the name of a port of the app; the first when it is not set.
	Port string `json:"port,omitempty"`
	// Secret is the name of a secret of this pod.
	Secret string `json:"secret,omitempty"`
	// Key is a key of the secret. The value is the key's.
	Key string `json:"key,omitempty"`
}

func (v EnvValue) ref() envRef { return envRef{App: v.App, Port: v.Port, Secret: v.Secret, Key: v.Key} }

// MarshalJSON writes a text as a string and a reference as an object.
func (v EnvValue) MarshalJSON() ([]byte, error) {
	if ref := v.ref(); ref != (envRef{}) {
		return json.Marshal(ref)
	}
	return json.Marshal(v.Value)
}

// UnmarshalJSON takes a string, a number, a boolean (as YAML writes them unquoted) or a reference.
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

// fit takes strings, numbers, booleans and references.
func (EnvValue) fit(p *problems, path string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		before := len(*p)
		ref := fitForm[envRef](p, path, v)
		if named(ref["app"]) || named(ref["secret"]) || len(*p) > before {
			return ref
		}
	case []any:
	default:
		return v
	}
	p.add(path, "must be a text or a reference such as {app: api} or {secret: db, key: url}, is %s", valueWord(v))
	return nil
}

func (v EnvValue) refs(add func(Kind, string)) {
	add(KindApp, v.App)
	add(KindSecret, v.Secret)
}

func (v EnvValue) problems(p *problems, path string, s Spec) {
	switch {
	case v.App != "" && v.Secret != "":
		p.add(path, "names an app and a secret: leave one of the two out")
	case v.Secret == "" && v.Key != "":
		p.add(path, "names a key and no secret")
	case v.App == "" && v.Port != "":
		p.add(path, "names a port and no app")
	case v.App != "":
		p.appPort(path, v.App, v.Port, s)
	case v.Secret != "" && v.Key == "":
		p.add(path, "names no key of secret %q", v.Secret)
	case v.Secret != "":
		p.secretKey(path, v.Secret, v.Key, s)
	}
}
