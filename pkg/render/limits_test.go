package render

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

func weight(w int) *int { return &w }

// A route that asks more than a backend allows gets one problem for each limit.
func TestLimits(t *testing.T) {
	little := Limits{MaxHosts: 1, MaxRules: 1, MaxTargets: 2, MaxWeight: 100}
	for name, test := range map[string]struct {
		limits Limits
		route  pod.Route
		want   pod.Problems
	}{
		"within": {
			limits: little,
			route: pod.Route{Hosts: []string{"a.eu"}, Rules: []pod.Rule{
				{Path: "/", To: []pod.Target{{App: "web", Weight: weight(100)}, {App: "next", Weight: weight(0)}}},
			}},
		},
		"beyond": {
			limits: little,
			route: pod.Route{
				Hosts: []string{"a.eu", "b.eu"}, TLS: pod.TLS{Secret: "cert"},
				Rules: []pod.Rule{
					{Path: "/", To: []pod.Target{{App: "web", Weight: weight(101)}, {App: "next"}, {App: "old", Weight: weight(0)}}},
					{Path: "/api", To: []pod.Target{{App: "api"}}},
				},
			},
			want: pod.Problems{
				{Path: "spec.tls.secret", Message: `this cluster cannot serve the certificate of secret "cert": set tls to auto or off`},
				{Path: "spec.hosts", Message: "has 2 items: this cluster allows at most 1"},
				{Path: "spec.rules", Message: "has 2 items: this cluster allows at most 1"},
				{Path: "spec.rules[/].to", Message: "has 3 items: this cluster allows at most 2"},
				{Path: "spec.rules[/].to", Message: "this cluster cannot share traffic among 2 apps: leave one"},
				{Path: "spec.rules[/].to[web].weight", Message: "is 101: this cluster allows at most 100"},
			},
		},
		"gateway without https": {
			limits: GatewayAPI{HTTP: Listener{"http", 80}}.Limits(),
			route:  pod.Route{Hosts: []string{"a.eu"}, TLS: pod.TLS{Secret: "cert"}},
			want:   pod.Problems{{Path: "spec.tls.secret", Message: `this cluster cannot serve the certificate of secret "cert": set tls to auto or off`}},
		},
	} {
		if diff := cmp.Diff(test.want, test.limits.problems(&test.route, nil)); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
}

// A Gateway can serve the largest route that psc accepts.
func TestGatewayServesTheLargestRoute(t *testing.T) {
	const most, heaviest = 16, 1000000 // psc's own limits: one more is a problem of the spec
	spec := pod.Spec{}
	r := &pod.Route{}
	for i := range most {
		name := fmt.Sprintf("app-%d", i)
		spec[pod.Ref{Kind: pod.KindApp, Name: name}] = &pod.App{Image: "web:1", Ports: []pod.Port{{Name: "http", Port: 8080}}}
		r.Hosts = append(r.Hosts, fmt.Sprintf("%d.example.com", i))
		r.Rules = append(r.Rules, pod.Rule{Path: fmt.Sprintf("/%d", i)})
		for j := range r.Rules {
			r.Rules[j].To = append(r.Rules[j].To, pod.Target{App: name, Weight: weight(heaviest)})
		}
	}
	spec[pod.Ref{Kind: pod.KindRoute, Name: "large"}] = r
	if _, err := Objects("team", spec, Cluster{Routing: GatewayAPI{Namespace: "infra", Name: "gw", HTTP: Listener{"http", 80}}}); err != nil {
		t.Error(err)
	}
	r.Hosts = append(r.Hosts, "one-more.example.com")
	r.Rules[0].To[0].Weight = weight(heaviest + 1)
	var problems pod.Problems
	if err := pod.Validate(spec); !errors.As(err, &problems) || len(problems) != 2 {
		t.Errorf("got %v, want a problem for the hosts and one for the weight", err)
	}
}
