package platform

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
)

// configKey is the key of the ConfigMap psc-platform that holds a config.
const configKey = "platform.yaml"

// The default names of the listeners of a Gateway.
const defaultHTTP, defaultHTTPS = "http", "https"

// config is the content of psc-platform, which the owner of a cluster writes. docs/routes.md describes it.
type config struct {
	Domain  string         `json:"domain,omitempty"`
	Gateway *gatewayConfig `json:"gateway,omitempty"`
	Ports   portsConfig    `json:"ports,omitzero"`
}

// gatewayConfig names the Gateway for routes and its listeners.
type gatewayConfig struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	HTTP      string `json:"http,omitempty"`
	HTTPS     string `json:"https,omitempty"`
	// From is where its requests come from, for the isolation of pods.
	From []Source `json:"from,omitempty"`
}

// portsConfig has the ports at which the Gateway is reached from outside. The Gateway does not listen on a port that is 0.
type portsConfig struct {
	HTTP  int `json:"http,omitempty"`
	HTTPS int `json:"https,omitempty"`
}

// fields names all fields of a config, for errors.
const fields = "domain, gateway.namespace, gateway.name, gateway.http, gateway.https, gateway.from, ports.http and ports.https"

// configured returns the Routing of the ConfigMap psc-platform.
func configured(o *unstructured.Unstructured) (render.Routing, error) {
	text, found, _ := unstructured.NestedString(o.Object, "data", configKey)
	if !found {
		return nil, invalid(fault.Detail{Path: configKey, Message: "is missing: it holds the fields " + fields})
	}
	c, problems := decode(text)
	if len(problems) == 0 {
		problems = c.problems()
	}
	if len(problems) > 0 {
		return nil, invalid(problems...)
	}
	return c.routing(), nil
}

func invalid(problems ...fault.Detail) error {
	lines := make([]string, len(problems))
	for i, d := range problems {
		lines[i] = d.Path + ": " + d.Message
	}
	e := fault.New(fault.Failed, "ConfigMap %s/%s is not valid: %s", object.PlatformNamespace, object.PlatformConfig, strings.Join(lines, "\n")).
		WithHint("ask the owner of the cluster to correct it")
	e.Details = problems
	return e
}

// decode reads a config. Wrong types and duplicate fields are problems. Fields that it does not know are none, because a later
// version of psc may have written them.
func decode(text string) (config, []fault.Detail) {
	var c config
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	var mismatch *json.UnmarshalTypeError
	switch {
	case errors.As(err, &mismatch):
		return c, []fault.Detail{{Path: cmp.Or(mismatch.Field, configKey), Message: fmt.Sprintf("must be %s, got %s", form(mismatch.Type), mismatch.Value)}}
	case err != nil:
		return c, []fault.Detail{{Path: configKey, Message: err.Error()}}
	}
	return c, nil
}

// form names the YAML type of a Go type of config.
func form(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int:
		return "a whole number"
	case reflect.String:
		return "a string"
	}
	return "a map of fields"
}

// problems returns the problems of the values of a config.
func (c config) problems() []fault.Detail {
	var problems []fault.Detail
	add := func(path, format string, args ...any) {
		problems = append(problems, fault.Detail{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if c.Domain != "" && len(validation.IsDNS1123Subdomain(c.Domain)) > 0 {
		add("domain", "%q is not a domain such as apps.example.com", c.Domain)
	}
	if c.Gateway != nil {
		for _, f := range []struct {
			path, value string
			required    bool
		}{
			{"gateway.namespace", c.Gateway.Namespace, true},
			{"gateway.name", c.Gateway.Name, true},
			{"gateway.http", c.Gateway.HTTP, false},
			{"gateway.https", c.Gateway.HTTPS, false},
		} {
			switch {
			case f.value == "" && f.required:
				add(f.path, "is missing: name the Gateway for routes by its namespace and its name")
			case f.value != "" && len(validation.IsDNS1123Subdomain(f.value)) > 0:
				add(f.path, "%q is not a valid name: use lower case letters, digits, - and .", f.value)
			}
		}
		for i, source := range c.Gateway.From {
			if problem := source.problem(); problem != "" {
				add(fmt.Sprintf("gateway.from[%d]", i), "%s", problem)
			}
		}
	}
	for _, f := range []struct {
		path string
		port int
	}{{"ports.http", c.Ports.HTTP}, {"ports.https", c.Ports.HTTPS}} {
		if f.port != 0 && len(validation.IsValidPortNum(f.port)) > 0 {
			add(f.path, "%d is not a port: use 1 to 65535, or leave it out if the Gateway does not listen there", f.port)
		}
	}
	return problems
}

// routing returns the Routing of a valid config, with its defaults.
func (c config) routing() render.Routing {
	if c.Gateway == nil {
		return render.RoutingNone{Domain: c.Domain}
	}
	ports := c.Ports
	if ports == (portsConfig{}) {
		ports = portsConfig{HTTP: 80, HTTPS: 443}
	}
	return render.GatewayAPI{
		Namespace: c.Gateway.Namespace, Name: c.Gateway.Name, Domain: c.Domain,
		HTTP:  render.Listener{Name: cmp.Or(c.Gateway.HTTP, defaultHTTP), Port: ports.HTTP},
		HTTPS: render.Listener{Name: cmp.Or(c.Gateway.HTTPS, defaultHTTPS), Port: ports.HTTPS},
	}
}
