package render

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Routing is how a cluster serves routes: a Backend, or the reason why psc has none, which is RoutingHidden, RoutingMissing,
// RoutingNone, RoutingAmbiguous or RoutingInvalid.
type Routing interface {
	// address returns the known parts of the address of a route.
	address(r *pod.Route) address
}

// Backend is a Routing that serves routes.
type Backend interface {
	Routing
	// Limits are what a route may ask of the backend.
	Limits() Limits
	// objects renders a route that is within the limits and has valid hosts.
	objects(podName, name string, hosts []string, r *pod.Route, spec pod.Spec) []*unstructured.Unstructured
}

// RoutingHidden is the Routing of a cluster in which the user may not read the Gateways.
type RoutingHidden struct{}

// RoutingMissing is the Routing of a cluster without the Gateway API, or with another version of it.
type RoutingMissing struct{}

// RoutingNone is the Routing of a cluster that has no Gateway.
type RoutingNone struct {
	// Domain is the domain for routes when the cluster's owner has set one without a Gateway.
	Domain string
}

// RoutingAmbiguous is the Routing of a cluster with several Gateways, and no configuration that chooses one for routes.
type RoutingAmbiguous struct {
	// Gateways are their names, as namespace/name.
	Gateways []string
}

// RoutingInvalid is the Routing of a cluster whose configuration is not valid.
type RoutingInvalid struct {
	// Why names the problems.
	Why string
}

// address is where a backend serves a route.
type address struct {
	domain string // routes without hosts get one below it; empty when the cluster has none
	secure bool   // over https
	port   int    // 0 for the usual one
}

func (RoutingHidden) address(r *pod.Route) address { return unserved("", r) }

func (RoutingMissing) address(r *pod.Route) address { return unserved("", r) }

func (n RoutingNone) address(r *pod.Route) address { return unserved(n.Domain, r) }

func (RoutingAmbiguous) address(r *pod.Route) address { return unserved("", r) }

func (RoutingInvalid) address(r *pod.Route) address { return unserved("", r) }

// unserved returns the address that a route would have if the cluster served it.
func unserved(domain string, r *pod.Route) address {
	return address{domain: domain, secure: r.TLS.Mode != pod.TLSOff}
}

// Missing says why a Routing is no Backend, and what to do.
func Missing(r Routing) string {
	if _, err := (Cluster{Routing: r}).backend(); err != nil {
		return err.Error()
	}
	return ""
}

// backend returns the Backend of a Routing. The error says why there is none, and what to do.
func (c Cluster) backend() (Backend, error) {
	const config = "ConfigMap " + object.PlatformNamespace + "/" + object.PlatformConfig
	switch r := c.Routing.(type) {
	case Backend:
		return r, nil
	case RoutingHidden:
		return nil, errors.New("psc cannot see which Gateway this cluster has for routes: ask its owner to name it in " + config + " and to let all users read that")
	case RoutingMissing:
		return nil, errors.New(object.Absent(object.HTTPRoute) + ": ask its owner to install it, or delete the routes of the pod")
	case RoutingInvalid:
		return nil, errors.New(r.Why + ": ask the owner of the cluster to correct it")
	case RoutingNone:
		return nil, errors.New("this cluster has no Gateway for routes: ask its owner to create one, or to name one in " + config)
	case RoutingAmbiguous:
		return nil, fmt.Errorf("this cluster has several Gateways (%s): ask its owner to name the one for routes in %s", strings.Join(r.Gateways, ", "), config)
	}
	return nil, errors.New("psc did not check how this cluster serves routes")
}

// Kept is a route that is in the cluster already.
type Kept struct {
	// Gateway is the one to which it is attached.
	Gateway GatewayAPI
	// Hash is that of the HTTPRoute.
	Hash string
}

// kept renders a route as it is in the cluster already. It returns nil if the route has to be changed, which needs a Backend:
// one that stays the same does not depend on what the cluster offers to new ones.
func (c Cluster) kept(podName, name string, r *pod.Route, spec pod.Spec) []*unstructured.Unstructured {
	k, ok := c.Kept[name]
	if !ok {
		return nil
	}
	objects := k.Gateway.objects(podName, name, k.Gateway.address(r).hosts(podName, name, r), r, spec)
	for _, o := range objects {
		if o.GroupVersionKind() == object.HTTPRoute && o.GetAnnotations()[object.AnnotationHash] != k.Hash {
			return nil
		}
	}
	return objects
}

// URLs returns the addresses of a route: its own hosts, or a host below the cluster's domain. A wildcard has none, and neither has a
// route without hosts if no domain is known.
func (c Cluster) URLs(podName, name string, r *pod.Route) []string {
	at := unserved("", r)
	if c.Routing != nil {
		at = c.Routing.address(r)
	}
	scheme, usual := "http", 80
	if at.secure {
		scheme, usual = "https", 443
	}
	suffix := ""
	if at.port != 0 && at.port != usual {
		suffix = fmt.Sprintf(":%d", at.port)
	}
	var urls []string
	for _, host := range at.hosts(podName, name, r) {
		if !strings.HasPrefix(host, "*") {
			urls = append(urls, scheme+"://"+host+suffix)
		}
	}
	return urls
}

// hosts returns the hosts of the route, or its host below the domain, or none.
func (a address) hosts(podName, name string, r *pod.Route) []string {
	switch {
	case len(r.Hosts) > 0:
		return r.Hosts
	case a.domain == "":
		return nil
	}
	return []string{fmt.Sprintf("%s-%s.%s", name, podName, a.domain)}
}
