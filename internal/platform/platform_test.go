package platform

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/render"
)

// The files in testdata are Gateways as an API server returns them.
func captured(t *testing.T, name string) unstructured.Unstructured {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var o unstructured.Unstructured
	if err := yaml.UnmarshalStrict(data, &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

// One Gateway is the one for routes. With none or several, the routes say so.
func TestDetected(t *testing.T) {
	for name, test := range map[string]struct {
		gateways []string
		want     render.Routing
	}{
		"none": {nil, render.RoutingNone{}},
		"psc-local": {[]string{"psc-local"}, render.GatewayAPI{
			Namespace: "psc-system", Name: "psc", Domain: "localhost", HTTP: render.Listener{Name: "http", Port: 8081}, HTTPS: render.Listener{Name: "https", Port: 8444},
		}},
		// It takes any host, so routes need hosts of their own.
		"http alone": {[]string{"http-only"}, render.GatewayAPI{
			Namespace: "gateways", Name: "eg", HTTP: render.Listener{Name: "http", Port: 80}, HTTPS: render.Listener{Name: "https"},
		}},
		// The listener for one host comes first, and is not for routes.
		"by domain": {[]string{"by-domain"}, render.GatewayAPI{
			Namespace: "gateways", Name: "public", Domain: "apps.example.com", HTTP: render.Listener{Name: "web", Port: 80}, HTTPS: render.Listener{Name: "websecure", Port: 443},
		}},
		// The domain of a listener for TLS is none for routes.
		"no http": {[]string{"no-http"}, render.GatewayAPI{
			Namespace: "gateways", Name: "raw", HTTP: render.Listener{Name: "http"}, HTTPS: render.Listener{Name: "https"},
		}},
		"several": {[]string{"psc-local", "http-only"}, render.RoutingAmbiguous{Gateways: []string{"gateways/eg", "psc-system/psc"}}},
	} {
		t.Run(name, func(t *testing.T) {
			var gateways []unstructured.Unstructured
			for _, file := range test.gateways {
				gateways = append(gateways, captured(t, file))
			}
			got, err := detected(gateways)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A valid ConfigMap sets the Routing, with defaults for missing fields.
func TestConfigured(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want render.Routing
	}{
		"everything": {
			"domain: apps.example.com\ngateway: {namespace: gateways, name: public, http: web, https: websecure}\nports: {http: 8080, https: 8443}\n",
			render.GatewayAPI{
				Namespace: "gateways", Name: "public", Domain: "apps.example.com",
				HTTP: render.Listener{Name: "web", Port: 8080}, HTTPS: render.Listener{Name: "websecure", Port: 8443},
			},
		},
		"defaults": {
			"gateway: {namespace: gateways, name: public}",
			render.GatewayAPI{Namespace: "gateways", Name: "public", HTTP: render.Listener{Name: "http", Port: 80}, HTTPS: render.Listener{Name: "https", Port: 443}},
		},
		"no https": {
			"gateway: {namespace: gateways, name: public}\nports: {http: 80}",
			render.GatewayAPI{Namespace: "gateways", Name: "public", HTTP: render.Listener{Name: "http", Port: 80}, HTTPS: render.Listener{Name: "https"}},
		},
		"fields of a later version": {"domain: apps.example.com\nbuilds: {userns: true}", render.RoutingNone{Domain: "apps.example.com"}},
		"no gateway":                {"domain: apps.example.com", render.RoutingNone{Domain: "apps.example.com"}},
		"empty":                     {"", render.RoutingNone{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := configured(configMap(map[string]any{configKey: test.text}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func configMap(data map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"namespace": "psc-system", "name": "psc-platform"}, "data": data,
	}}
}

// Invalid content is an error that names each field, its value and the way out.
func TestConfiguredInvalid(t *testing.T) {
	for name, test := range map[string]struct {
		data map[string]any
		want []fault.Detail
	}{
		"other key":     {map[string]any{"config.yaml": "{}"}, []fault.Detail{{Path: "platform.yaml", Message: "is missing: it holds the fields " + fields}}},
		"no data":       {nil, []fault.Detail{{Path: "platform.yaml", Message: "is missing: it holds the fields " + fields}}},
		"not YAML":      {text("domain: [a"), []fault.Detail{{Path: "platform.yaml", Message: "yaml: line 1: did not find expected ',' or ']'"}}},
		"no map":        {text("apps.example.com"), []fault.Detail{{Path: "platform.yaml", Message: "must be a map of fields, got string"}}},
		"gateway text":  {text("gateway: gateways/public"), []fault.Detail{{Path: "gateway", Message: "must be a map of fields, got string"}}},
		"domain number": {text("domain: 5"), []fault.Detail{{Path: "domain", Message: "must be a string, got number"}}},
		"port text":     {text("ports: {http: eighty}"), []fault.Detail{{Path: "ports.http", Message: "must be a whole number, got string"}}},
		"half a port":   {text("ports: {http: 80.5}"), []fault.Detail{{Path: "ports.http", Message: "must be a whole number, got number 80.5"}}},
		"duplicate":     {text("domain: a.eu\ndomain: b.eu"), []fault.Detail{{Path: "platform.yaml", Message: "yaml: unmarshal errors:\n  line 2: key \"domain\" already set in map"}}},
		"values": {text("domain: '*.apps.example.com'\ngateway: {namespace: Infra, https: a b}\nports: {http: 70000, https: -1}"), []fault.Detail{
			{Path: "domain", Message: `"*.apps.example.com" is not a domain such as apps.example.com`},
			{Path: "gateway.namespace", Message: `"Infra" is not a valid name: use lower case letters, digits, - and .`},
			{Path: "gateway.name", Message: "is missing: name the Gateway for routes by its namespace and its name"},
			{Path: "gateway.https", Message: `"a b" is not a valid name: use lower case letters, digits, - and .`},
			{Path: "ports.http", Message: "70000 is not a port: use 1 to 65535, or leave it out if the Gateway does not listen there"},
			{Path: "ports.https", Message: "-1 is not a port: use 1 to 65535, or leave it out if the Gateway does not listen there"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := configured(configMap(test.data))
			if err == nil {
				t.Fatalf("got %#v, want an error", got)
			}
			if diff := cmp.Diff(test.want, fault.Of(err).Details); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	_, err := configured(configMap(text("ports: {http: 70000}")))
	want := "ConfigMap psc-system/psc-platform is not valid: ports.http: 70000 is not a port: use 1 to 65535, or leave it out if the Gateway does not listen there"
	if err == nil || err.Error() != want || fault.Of(err).Hint == "" {
		t.Errorf("got %v, want %s and a hint", err, want)
	}
}

func text(t string) map[string]any { return map[string]any{configKey: t} }

// psc-platform takes precedence over the Gateways of the cluster. Without permission to read either, the Routing says what is
// missing. Only other errors of the API server are errors.
func TestFind(t *testing.T) {
	const (
		platform = "/api/v1/namespaces/psc-system/configmaps/psc-platform"
		gateways = "/apis/gateway.networking.k8s.io/v1/gateways"
		listed   = `{"apiVersion":"gateway.networking.k8s.io/v1","kind":"GatewayList","items":[{"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway",` +
			`"metadata":{"namespace":"gateways","name":"found"},"spec":{"gatewayClassName":"a","listeners":[{"name":"web","port":80,"protocol":"HTTP"}]}}]}`
		invalidConfig = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"psc-system","name":"psc-platform"},"data":{"platform.yaml":"domain: 5"}}`
		written       = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"namespace":"psc-system","name":"psc-platform"},"data":{"platform.yaml":"gateway: {namespace: gateways, name: written}"}}`
	)
	found := render.GatewayAPI{Namespace: "gateways", Name: "found", HTTP: render.Listener{Name: "web", Port: 80}, HTTPS: render.Listener{Name: "https"}}
	for name, test := range map[string]struct {
		platform, gateways any // a body, or a status
		want               render.Routing
	}{
		"written":             {written, listed, render.GatewayAPI{Namespace: "gateways", Name: "written", HTTP: render.Listener{Name: "http", Port: 80}, HTTPS: render.Listener{Name: "https", Port: 443}}},
		"not written":         {http.StatusNotFound, listed, found},
		"written, unreadable": {http.StatusForbidden, listed, found},
		"no such kind":        {http.StatusNotFound, http.StatusNotFound, render.RoutingMissing{}},
		"written, invalid":    {invalidConfig, listed, render.RoutingInvalid{Why: "ConfigMap psc-system/psc-platform is not valid: domain: must be a string, got number"}},
		"nothing readable":    {http.StatusForbidden, http.StatusForbidden, render.RoutingHidden{}},
		"not signed in":       {http.StatusUnauthorized, listed, nil},
		"signed out":          {http.StatusNotFound, http.StatusUnauthorized, nil},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc(platform, answer(test.platform))
			mux.HandleFunc(gateways, answer(test.gateways))
			got, err := Find(t.Context(), connect(t, mux))
			if (err != nil) != (test.want == nil) {
				t.Errorf("got error %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func answer(a any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch a := a.(type) {
		case int:
			w.WriteHeader(a)
		case string:
			_, _ = w.Write([]byte(a))
		}
	}
}

// connect returns a client of an API server that answers as h does.
func connect(t *testing.T, h http.Handler) *kube.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server.URL}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test"}
	config.CurrentContext = "test"
	client, err := kube.Connect(kube.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	return client
}
