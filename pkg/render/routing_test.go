package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
)

// A cluster that cannot serve a route says why, and who can change that. It tells people where the route would be as far
// as that is known.
func TestRoutingWithoutBackend(t *testing.T) {
	spec := pod.Spec{
		{Kind: pod.KindApp, Name: "web"}:   &pod.App{Image: "web:1", Ports: []pod.Port{{Name: "http", Port: 8080}}},
		{Kind: pod.KindRoute, Name: "web"}: &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web"}}}}},
	}
	own := &pod.Route{Hosts: []string{"a.eu"}, TLS: pod.TLS{Mode: pod.TLSOff}}
	for name, test := range map[string]struct {
		routing render.Routing
		want    string
		urls    []string
	}{
		"not looked for": {nil, "psc did not check how this cluster serves routes", nil},
		"hidden": {
			render.RoutingHidden{},
			"psc cannot see which Gateway this cluster has for routes: ask its owner to name it in ConfigMap psc-system/psc-platform and to let all users read that",
			nil,
		},
		"none":               {render.RoutingNone{}, "this cluster has no Gateway for routes: ask its owner to create one, or to name one in ConfigMap psc-system/psc-platform", nil},
		"none, but a domain": {render.RoutingNone{Domain: "example.com"}, "this cluster has no Gateway for routes: ask its owner to create one, or to name one in ConfigMap psc-system/psc-platform", []string{"https://web-team.example.com"}},
		"ambiguous": {
			render.RoutingAmbiguous{Gateways: []string{"infra/a", "infra/b"}},
			"this cluster has several Gateways (infra/a, infra/b): ask its owner to name the one for routes in ConfigMap psc-system/psc-platform",
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := render.Cluster{Routing: test.routing}
			objects, err := render.Objects(podName, spec, cluster)
			if diff := cmp.Diff(error(pod.Problems{{Path: "route/web", Message: test.want}}), err); diff != "" || objects != nil {
				t.Errorf("got %d objects, error: -want +got\n%s", len(objects), diff)
			}
			if diff := cmp.Diff(test.urls, cluster.URLs(podName, "web", spec.Route("web"))); diff != "" {
				t.Errorf("URLs: -want +got\n%s", diff)
			}
			if diff := cmp.Diff([]string{"http://a.eu"}, cluster.URLs(podName, "own", own)); diff != "" {
				t.Errorf("URLs of a route with hosts: -want +got\n%s", diff)
			}
		})
	}
}

// URLs are the addresses at which the Gateway answers.
func TestGatewayURLs(t *testing.T) {
	listen := func(domain string, http, https int) render.GatewayAPI {
		return render.GatewayAPI{Namespace: "infra", Name: "gw", Domain: domain, HTTP: render.Listener{Name: "http", Port: http}, HTTPS: render.Listener{Name: "https", Port: https}}
	}
	off := pod.Route{TLS: pod.TLS{Mode: pod.TLSOff}}
	for name, test := range map[string]struct {
		gateway render.GatewayAPI
		route   pod.Route
		want    []string
	}{
		"domain":           {gateway: listen("example.com", 80, 443), want: []string{"https://shop-team.example.com"}},
		"tls off":          {gateway: listen("example.com", 80, 443), route: off, want: []string{"http://shop-team.example.com"}},
		"own hosts":        {gateway: listen("example.com", 80, 443), route: pod.Route{Hosts: []string{"a.eu", "b.eu"}}, want: []string{"https://a.eu", "https://b.eu"}},
		"other ports":      {gateway: listen("localhost", 8080, 8443), want: []string{"https://shop-team.localhost:8443"}},
		"other ports, off": {gateway: listen("localhost", 8080, 8443), route: off, want: []string{"http://shop-team.localhost:8080"}},
		"only http":        {gateway: listen("localhost", 80, 0), want: []string{"http://shop-team.localhost"}},
		"wildcard":         {gateway: listen("example.com", 80, 443), route: pod.Route{Hosts: []string{"*.eu", "a.eu"}}, want: []string{"https://a.eu"}},
		"no domain":        {gateway: listen("", 80, 443)},
	} {
		cluster := render.Cluster{Routing: test.gateway}
		if diff := cmp.Diff(test.want, cluster.URLs(podName, "shop", &test.route)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}
