package render

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	apply "sigs.k8s.io/gateway-api/applyconfiguration/apis/v1"

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
	return Limits{Weights: true, OwnCertificates: g.HTTPS.Port != 0, MaxHosts: 16, MaxRules: 16, MaxTargets: 16, MaxWeight: 1000000}
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
	s := apply.HTTPRouteSpec()
	if r.TLS.Secret == "" {
		listener := g.HTTP
		if g.secure(r) {
			listener = g.HTTPS
		}
		s.WithParentRefs(apply.ParentReference().
			WithGroup(gatewayv1.GroupName).WithKind("Gateway").
			WithNamespace(gatewayv1.Namespace(g.Namespace)).
			WithName(gatewayv1.ObjectName(g.Name)).
			WithSectionName(gatewayv1.SectionName(listener.Name)))
	} else {
		objects = append(objects, rendered(apply.ListenerSet(name, podName).WithLabels(all).WithSpec(g.listeners(r, hosts, spec))))
		s.WithParentRefs(apply.ParentReference().
			WithGroup(gatewayv1.GroupName).WithKind("ListenerSet").WithName(gatewayv1.ObjectName(name)))
	}
	for _, host := range hosts {
		s.WithHostnames(gatewayv1.Hostname(host))
	}
	for _, rule := range r.Rules {
		out := apply.HTTPRouteRule().WithMatches(apply.HTTPRouteMatch().WithPath(
			apply.HTTPPathMatch().WithType(gatewayv1.PathMatchPathPrefix).WithValue(rule.Path)))
		for _, t := range rule.To {
			out.WithBackendRefs(apply.HTTPBackendRef().
				WithGroup("").WithKind("Service").
				WithName(gatewayv1.ObjectName(t.App)).
				WithPort(gatewayv1.PortNumber(servicePort(spec.App(t.App), t.Port))).
				WithWeight(int32(t.Share())))
		}
		s.WithRules(out)
	}
	return append(objects, rendered(apply.HTTPRoute(name, podName).WithLabels(all).WithSpec(s)))
}

// listeners add the hosts of a route to the Gateway, with the route's own certificate:
// https://gateway-api.sigs.k8s.io/geps/gep-1713/
func (g GatewayAPI) listeners(r *pod.Route, hosts []string, spec pod.Spec) *apply.ListenerSetSpecApplyConfiguration {
	secret := spec.Secret(r.TLS.Secret)
	s := apply.ListenerSetSpec().WithParentRef(apply.ParentGatewayReference().
		WithGroup(gatewayv1.GroupName).WithKind("Gateway").
		WithNamespace(gatewayv1.Namespace(g.Namespace)).
		WithName(gatewayv1.ObjectName(g.Name)))
	for i, host := range hosts {
		s.WithListeners(apply.ListenerEntry().
			WithName(gatewayv1.SectionName(fmt.Sprintf("https-%d", i))).
			WithHostname(gatewayv1.Hostname(host)).
			WithPort(gatewayv1.PortNumber(g.HTTPS.Port)).
			WithProtocol(gatewayv1.HTTPSProtocolType).
			WithTLS(apply.ListenerTLSConfig().WithMode(gatewayv1.TLSModeTerminate).WithCertificateRefs(
				apply.SecretObjectReference().WithGroup("").WithKind("Secret").
					WithName(gatewayv1.ObjectName(secret.Object(r.TLS.Secret, secret.Certificate()))))))
	}
	return s
}
