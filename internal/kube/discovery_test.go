package kube

import (
	"testing"

	apidiscovery "k8s.io/api/apidiscovery/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A kind is found by all names that kubectl accepts, and full names come before short ones.
func TestNamed(t *testing.T) {
	resource := func(kind, plural, singular string, short ...string) apidiscovery.APIResourceDiscovery {
		return apidiscovery.APIResourceDiscovery{
			Resource: plural, SingularResource: singular, ShortNames: short, Scope: apidiscovery.ScopeNamespace,
			ResponseKind: &metav1.GroupVersionKind{Kind: kind},
		}
	}
	group := func(name string, versions ...apidiscovery.APIVersionDiscovery) apidiscovery.APIGroupDiscovery {
		return apidiscovery.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: name}, Versions: versions}
	}
	version := func(name string, resources ...apidiscovery.APIResourceDiscovery) apidiscovery.APIVersionDiscovery {
		return apidiscovery.APIVersionDiscovery{Version: name, Resources: resources}
	}
	known := kinds{
		group("", version("v1", resource("Pod", "pods", "pod", "po"), resource("Event", "events", "event", "ev"))),
		group("apps", version("v1", resource("Deployment", "deployments", "deployment", "deploy"))),
		group("events.k8s.io", version("v1", resource("Event", "events", "event", "ev"))),
		group("example.com",
			version("v2", resource("Po", "pos", "po"), apidiscovery.APIResourceDiscovery{Resource: "half"}),
			version("v1", resource("Po", "pos", "po"), resource("Old", "olds", "old"))),
	}
	for name, want := range map[string]string{
		"pods": "/v1, Kind=Pod", "Pod": "/v1, Kind=Pod", "ev": "/v1, Kind=Event", "events": "/v1, Kind=Event",
		"deploy": "apps/v1, Kind=Deployment", "deployments.apps": "apps/v1, Kind=Deployment", "deploy.v1.apps": "apps/v1, Kind=Deployment",
		"events.events.k8s.io": "events.k8s.io/v1, Kind=Event", "events.events": "events.k8s.io/v1, Kind=Event",
		"po": "example.com/v2, Kind=Po", "pos.v1.example.com": "example.com/v1, Kind=Po", "old": "example.com/v1, Kind=Old",
		"half": "", "nothing": "", "pods.v2.": "", "pods.apps": "",
	} {
		found, err := known.named(name)
		if got := found.kind.String(); (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%s: got %s, %v, want %s", name, got, err, want)
		}
	}
}
