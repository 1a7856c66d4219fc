package render

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	apply "sigs.k8s.io/gateway-api/applyconfiguration/apis/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// URLs are where a route is reached; empty when the cluster has neither a domain nor the route a host.
func (c Cluster) URLs(podName, name string, r *pod.Route) []string {
	scheme, port, standard := "https", c.Ports.HTTPS, 443
	if !c.secure(r) {
		scheme, port, standard = "http", c.Ports.HTTP, 80
	}
	suffix := ""
	if port != 0 && port != standard {
		suffix = fmt.Sprintf(":%d", port)
	}
	var urls []string
	for _, host := range c.hosts(podName, name, r) {
		urls = append(urls, scheme+"://"+host+suffix)
	}
	return urls
}

func (c Cluster) hosts(podName, name string, r *pod.Route) []string {
	if len(r.Hosts) > 0 {
		return r.Hosts
	}
	if c.Domain == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s-%s.%s", name, podName, c.Domain)}
}

// Check returns pod.Problems with the names of a pod's resources that are too long once they are rendered, or nil. It
// holds on any cluster, so it can be asked when a change is made.
func Check(podName string, spec pod.Spec) error {
	var problems pod.Problems
	for name, route := range spec.Routes() {
		if label := name + "-" + podName; len(route.Hosts) == 0 && len(label) > validation.DNS1123LabelMaxLength {
			problems = append(problems, pod.Problem{
				Path: "route/" + name + " metadata.name",
				Message: fmt.Sprintf("its host would begin with %q, which has %d characters: at most %d are allowed, so give it a host or a shorter name",
					label, len(label), validation.DNS1123LabelMaxLength),
			})
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

// secure says whether a route is served over https.
func (c Cluster) secure(r *pod.Route) bool {
	return r.TLS.Mode != pod.TLSOff && (c.Gateway == nil || c.Ports.HTTPS != 0)
}

// routes renders each route. What the cluster cannot do is a problem of the route.
func routes(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, pod.Problems) {
	var objects []*unstructured.Unstructured
	var problems pod.Problems
	for name, r := range spec.Routes() {
		made, err := routeObjects(podName, name, r, spec, c)
		if err != nil {
			problems = append(problems, pod.Problem{Path: "route/" + name, Message: err.Error()})
			continue
		}
		objects = append(objects, made...)
	}
	return objects, problems
}

func routeObjects(podName, name string, r *pod.Route, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, error) {
	if c.Gateway == nil {
		return nil, errors.New("this cluster has no Gateway that psc can find: see the page on routes for what it needs")
	}
	hosts := c.hosts(podName, name, r)
	if len(hosts) == 0 {
		return nil, errors.New("needs a host: this cluster has no domain of its own")
	}
	all := labels(podName, object.LabelRoute, name)
	var objects []*unstructured.Unstructured
	s := apply.HTTPRouteSpec()
	if r.TLS.Secret == "" {
		s.WithParentRefs(apply.ParentReference().
			WithGroup(gatewayv1.GroupName).WithKind("Gateway").
			WithNamespace(gatewayv1.Namespace(c.Gateway.Namespace)).
			WithName(gatewayv1.ObjectName(c.Gateway.Name)).
			WithSectionName(gatewayv1.SectionName(c.listener(r))))
	} else {
		if c.Ports.HTTPS == 0 {
			return nil, errors.New("has a certificate of its own, and the cluster's gateway does not listen for https")
		}
		objects = append(objects, rendered(apply.ListenerSet(name, podName).WithLabels(all).WithSpec(c.listeners(r, hosts, spec))))
		s.WithParentRefs(apply.ParentReference().
			WithGroup(gatewayv1.GroupName).WithKind("ListenerSet").WithName(gatewayv1.ObjectName(name)))
	}
	for _, host := range hosts {
		if problems := validation.IsDNS1123Subdomain(trimWildcard(host)); len(problems) > 0 {
			return nil, fmt.Errorf("its host would be %q: %s", host, problems[0])
		}
		if label := firstLabel(host); len(label) > validation.DNS1123LabelMaxLength {
			return nil, fmt.Errorf("its host would be %q, whose first part has %d characters: at most %d are allowed", host, len(label), validation.DNS1123LabelMaxLength)
		}
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
	return append(objects, rendered(apply.HTTPRoute(name, podName).WithLabels(all).WithSpec(s))), nil
}

// listeners add the hosts of a route to the cluster's Gateway, with the route's own certificate:
// https://gateway-api.sigs.k8s.io/geps/gep-1713/
func (c Cluster) listeners(r *pod.Route, hosts []string, spec pod.Spec) *apply.ListenerSetSpecApplyConfiguration {
	secret := spec.Secret(r.TLS.Secret)
	s := apply.ListenerSetSpec().WithParentRef(apply.ParentGatewayReference().
		WithGroup(gatewayv1.GroupName).WithKind("Gateway").
		WithNamespace(gatewayv1.Namespace(c.Gateway.Namespace)).
		WithName(gatewayv1.ObjectName(c.Gateway.Name)))
	for i, host := range hosts {
		s.WithListeners(apply.ListenerEntry().
			WithName(gatewayv1.SectionName(fmt.Sprintf("https-%d", i))).
			WithHostname(gatewayv1.Hostname(host)).
			WithPort(gatewayv1.PortNumber(c.Ports.HTTPS)).
			WithProtocol(gatewayv1.HTTPSProtocolType).
			WithTLS(apply.ListenerTLSConfig().WithMode(gatewayv1.TLSModeTerminate).WithCertificateRefs(
				apply.SecretObjectReference().WithGroup("").WithKind("Secret").
					WithName(gatewayv1.ObjectName(secret.Object(r.TLS.Secret, secret.Certificate()))))))
	}
	return s
}

func (c Cluster) listener(r *pod.Route) string {
	if c.secure(r) {
		return cmp.Or(c.Gateway.HTTPS, "https")
	}
	return cmp.Or(c.Gateway.HTTP, "http")
}

func trimWildcard(host string) string { return strings.TrimPrefix(host, "*.") }

func firstLabel(host string) string {
	label, _, _ := strings.Cut(host, ".")
	return label
}
