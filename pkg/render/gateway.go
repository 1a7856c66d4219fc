package render

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// GatewayAPI is the Backend that attaches routes to one Gateway: https://gateway-api.sigs.k8s.io
type GatewayAPI struct {
	// Namespace and Name are those of the Gateway.
	Namespace, Name string
	// Domain is the domain for routes without hosts: they get "<route>-<pod>.<domain>". It is empty when there is none.
	Domain string
	// HTTP and HTTPS are the listeners for routes.
	HTTP, HTTPS Listener
	// NoH2C is set if the Gateway is known not to speak HTTP/2 without TLS to apps.
	NoH2C bool
}

// Listener is a listener of a Gateway.
type Listener struct {
	Name string
	// Port is where the listener is reached from outside the cluster; 0 when the Gateway does not have it.
	Port int
}

// Limits are those of an HTTPRoute: https://gateway-api.sigs.k8s.io/reference/spec/#httproutespec. A certificate of a
// route needs a Gateway that listens for https.
func (g GatewayAPI) Limits() Limits {
	return Limits{Weights: true, OwnCertificates: g.HTTPS.Port != 0, H2C: !g.NoH2C, MaxHosts: 16, MaxRules: 16, MaxTargets: 16, MaxWeight: 1000000}
}

func (g GatewayAPI) address(r *pod.Route) address {
	if g.secure(r) {
		return address{domain: g.Domain, secure: true, port: g.HTTPS.Port}
	}
	return address{domain: g.Domain, port: g.HTTP.Port}
}

// secure says whether a route is served over https.
func (g GatewayAPI) secure(r *pod.Route) bool { return r.TLS.Mode != pod.TLSOff && g.HTTPS.Port != 0 }

func (g GatewayAPI) objects(podName, name string, hosts []string, r *pod.Route, spec pod.Spec) []*unstructured.Unstructured {
	all := labels(podName, object.LabelRoute, name)
	var objects []*unstructured.Unstructured
	var s gatewayv1.HTTPRouteSpec
	if r.TLS.Secret == "" {
		listener := g.HTTP
		if g.secure(r) {
			listener = g.HTTPS
		}
		s.ParentRefs = []gatewayv1.ParentReference{{
			Group:       new(gatewayv1.Group(gatewayv1.GroupName)),
			Kind:        new(gatewayv1.Kind("Gateway")),
			Namespace:   new(gatewayv1.Namespace(g.Namespace)),
			Name:        gatewayv1.ObjectName(g.Name),
			SectionName: new(gatewayv1.SectionName(listener.Name)),
		}}
	} else {
		objects = append(objects, withSpec(object.ListenerSet, podName, name, all, g.listeners(r, hosts, spec)))
		s.ParentRefs = []gatewayv1.ParentReference{{
			Group: new(gatewayv1.Group(gatewayv1.GroupName)),
			Kind:  new(gatewayv1.Kind("ListenerSet")),
			Name:  gatewayv1.ObjectName(name),
		}}
	}
	for _, host := range hosts {
		s.Hostnames = append(s.Hostnames, gatewayv1.Hostname(host))
	}
	for _, rule := range r.Rules {
		out := gatewayv1.HTTPRouteRule{Matches: []gatewayv1.HTTPRouteMatch{{
			Path: &gatewayv1.HTTPPathMatch{Type: new(gatewayv1.PathMatchPathPrefix), Value: &rule.Path},
		}}}
		for _, t := range rule.To {
			out.BackendRefs = append(out.BackendRefs, gatewayv1.HTTPBackendRef{BackendRef: gatewayv1.BackendRef{
				BackendObjectReference: gatewayv1.BackendObjectReference{
					Group: new(gatewayv1.Group("")),
					Kind:  new(gatewayv1.Kind("Service")),
					Name:  gatewayv1.ObjectName(t.App),
					Port:  new(gatewayv1.PortNumber(servicePort(spec.App(t.App), t.Port))),
				},
				Weight: new(int32(t.Share())),
			}})
		}
		s.Rules = append(s.Rules, out)
	}
	return append(objects, withSpec(object.HTTPRoute, podName, name, all, s))
}

// listeners add the hosts of a route to the Gateway, with the route's own certificate:
// https://gateway-api.sigs.k8s.io/geps/gep-1713/
func (g GatewayAPI) listeners(r *pod.Route, hosts []string, spec pod.Spec) gatewayv1.ListenerSetSpec {
	secret := spec.Secret(r.TLS.Secret)
	version, _ := secret.Certificate()
	s := gatewayv1.ListenerSetSpec{ParentRef: gatewayv1.ParentGatewayReference{
		Group:     new(gatewayv1.Group(gatewayv1.GroupName)),
		Kind:      new(gatewayv1.Kind("Gateway")),
		Namespace: new(gatewayv1.Namespace(g.Namespace)),
		Name:      gatewayv1.ObjectName(g.Name),
	}}
	for i, host := range hosts {
		s.Listeners = append(s.Listeners, gatewayv1.ListenerEntry{
			Name:     gatewayv1.SectionName(fmt.Sprintf("https-%d", i)),
			Hostname: new(gatewayv1.Hostname(host)),
			Port:     gatewayv1.PortNumber(g.HTTPS.Port),
			Protocol: gatewayv1.HTTPSProtocolType,
			TLS: &gatewayv1.ListenerTLSConfig{
				Mode: new(gatewayv1.TLSModeTerminate),
				CertificateRefs: []gatewayv1.SecretObjectReference{{
					Group: new(gatewayv1.Group("")),
					Kind:  new(gatewayv1.Kind("Secret")),
					Name:  gatewayv1.ObjectName(secret.Object(r.TLS.Secret, version)),
				}},
			},
		})
	}
	return s
}
