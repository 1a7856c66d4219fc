package gateway

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
)

const (
	// Controller is the controllerName of the GatewayClasses that this package serves.
	Controller = "psc.dev/psc-local"
	// issuedSecret is a Secret that a listener may name although it does not exist: then Caddy issues the
	// certificates. A valid listener must name a Secret, and the listener that psc-local sets up has none.
	issuedSecret = "psc-local-ca-issued" //nolint:gosec // a name, not a credential
)

// errNoSecret is returned by world.certificate for a Secret that does not exist.
var errNoSecret = errors.New("there is no such Secret of type kubernetes.io/tls")

// world holds everything that a translation reads.
type world struct {
	classes             []*v1.GatewayClass
	gateways            []*v1.Gateway
	sets                []*v1.ListenerSet
	routes              []*v1.HTTPRoute
	grants              []*v1.ReferenceGrant
	service             func(namespace, name string) *corev1.Service // nil if it does not exist
	certificate         func(namespace, name string) (*tls.Certificate, error)
	namespace           func(name string) labels.Set // its labels
	address             string
	httpPort, httpsPort int
}

// problem is why a condition is False. It is empty if the condition is True.
type problem struct{ reason, message string }

func (p problem) or(q problem) problem {
	if p.reason != "" {
		return p
	}
	return q
}

// parent is what a route can name as its parent: a Gateway, or a ListenerSet that adds listeners to one.
type parent struct {
	gateway   *v1.Gateway
	set       *v1.ListenerSet // nil: the Gateway itself
	problem   problem         // why it is not accepted
	listeners []*listener
	attached  int32           // ListenerSets
	hostnames map[string]bool // those taken by the listeners of a Gateway and its sets, with their ports
}

type parentKey struct{ kind, namespace, name string }

type listener struct {
	v1.Listener
	kinds                    []v1.RouteGroupKind
	accepted, refs, conflict problem
	unusable                 problem // the one of these, or of its parent, that keeps it from serving
	attached                 int32
}

type translation struct {
	*world
	table   *table
	parents map[parentKey]*parent
	routed  map[types.NamespacedName][]v1.RouteParentStatus
}

// translate turns all objects into the table to route by and the statuses to report.
func translate(w *world) (*table, *statuses) {
	t := &translation{w, newTable(), map[parentKey]*parent{}, map[types.NamespacedName][]v1.RouteParentStatus{}}
	classes := map[string]problem{}
	for _, c := range w.classes {
		if c.Spec.ControllerName == Controller {
			classes[c.Name] = problem{}
			if c.Spec.ParametersRef != nil {
				classes[c.Name] = problem{string(v1.GatewayClassReasonInvalidParameters), "psc-local has no parameters"}
			}
		}
	}
	for _, g := range w.gateways {
		if p, ours := classes[string(g.Spec.GatewayClassName)]; ours {
			t.bindGateway(g, p)
		}
	}
	for _, s := range byAge(w.sets) {
		t.bindSet(s)
	}
	for _, r := range byAge(w.routes) {
		t.bindRoute(r)
	}
	t.table.sort()
	return t.table, t.report(classes)
}

// byAge sorts as the specification breaks ties: the older object first, then by name.
func byAge[T metav1.Object](objects []T) []T {
	return slices.SortedFunc(slices.Values(objects), func(a, b T) int {
		return cmp.Or(a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time),
			cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
}

func (t *translation) bindGateway(g *v1.Gateway, class problem) {
	p := &parent{gateway: g, hostnames: map[string]bool{}}
	p.problem = class
	if g.Spec.TLS != nil || g.Spec.Infrastructure != nil && g.Spec.Infrastructure.ParametersRef != nil {
		p.problem = p.problem.or(problem{string(v1.GatewayReasonInvalidParameters), "psc-local supports neither spec.tls nor parameters"})
	}
	for _, a := range g.Spec.Addresses {
		if a.Type != nil && *a.Type != v1.IPAddressType || a.Value != t.address && a.Value != "" {
			p.problem = p.problem.or(problem{string(v1.GatewayReasonUnsupportedAddress), "psc-local serves on " + t.address + " only"})
		}
	}
	t.parents[parentKey{"Gateway", g.Namespace, g.Name}] = p
	for _, l := range g.Spec.Listeners {
		t.bindListener(p, p, g.Namespace, "Gateway", l)
	}
}

func (t *translation) bindSet(s *v1.ListenerSet) {
	ref := s.Spec.ParentRef
	if deref(ref.Group, v1.GroupName) != v1.GroupName || deref(ref.Kind, "Gateway") != "Gateway" {
		return
	}
	owner := t.parents[parentKey{"Gateway", string(deref(ref.Namespace, v1.Namespace(s.Namespace))), string(ref.Name)}]
	if owner == nil {
		return // the Gateway is another controller's or does not exist
	}
	p := &parent{gateway: owner.gateway, set: s}
	t.parents[parentKey{"ListenerSet", s.Namespace, s.Name}] = p
	allowed := false
	if a := owner.gateway.Spec.AllowedListeners; a != nil && a.Namespaces != nil {
		allowed = t.admits(deref(a.Namespaces.From, v1.NamespacesFromNone), a.Namespaces.Selector, owner.gateway.Namespace, s.Namespace)
	}
	switch {
	case !allowed:
		p.problem = problem{string(v1.ListenerSetReasonNotAllowed), "the Gateway does not allow listeners from namespace " + s.Namespace}
	case owner.problem.reason != "":
		p.problem = problem{string(v1.ListenerSetReasonParentNotAccepted), owner.problem.message}
	}
	for _, l := range s.Spec.Listeners {
		t.bindListener(p, owner, s.Namespace, "ListenerSet", v1.Listener(l))
	}
	if p.accepted().reason == "" {
		owner.attached++
	}
}

// admits reports whether allowedRoutes or allowedListeners of namespace own admit objects of namespace other.
func (t *translation) admits(from v1.FromNamespaces, selector *metav1.LabelSelector, own, other string) bool {
	switch from {
	case v1.NamespacesFromAll:
		return true
	case v1.NamespacesFromSame:
		return own == other
	case v1.NamespacesFromSelector:
		s, err := metav1.LabelSelectorAsSelector(selector)
		return err == nil && s.Matches(t.namespace(other))
	}
	return false
}

// bindListener validates a listener of p. owner is the Gateway whose ports and hostnames the listener shares.
func (t *translation) bindListener(p, owner *parent, namespace, kind string, spec v1.Listener) {
	l := &listener{Listener: spec, kinds: []v1.RouteGroupKind{}}
	p.listeners = append(p.listeners, l)
	unsupported := func(format string, args ...any) {
		l.accepted = l.accepted.or(problem{string(v1.ListenerReasonUnsupportedValue), fmt.Sprintf(format, args...)})
	}
	port, into := t.httpPort, &t.table.http
	switch spec.Protocol {
	case v1.HTTPProtocolType:
	case v1.HTTPSProtocolType:
		port, into = t.httpsPort, &t.table.https
	default:
		l.accepted = problem{string(v1.ListenerReasonUnsupportedProtocol), fmt.Sprintf("psc-local supports HTTP and HTTPS, not %s", spec.Protocol)}
		port = int(spec.Port)
	}
	if int(spec.Port) != port {
		l.accepted = problem{string(v1.ListenerReasonPortUnavailable), fmt.Sprintf("psc-local serves HTTP on port %d and HTTPS on port %d", t.httpPort, t.httpsPort)}
	}
	var cert *tls.Certificate
	if spec.Protocol == v1.HTTPSProtocolType && spec.TLS != nil {
		if deref(spec.TLS.Mode, v1.TLSModeTerminate) != v1.TLSModeTerminate {
			unsupported("TLS mode %s is not supported", *spec.TLS.Mode)
		}
		if len(spec.TLS.CertificateRefs) > 1 {
			unsupported("more than one certificate is not supported")
		} else if len(spec.TLS.CertificateRefs) == 1 {
			cert, l.refs = t.resolveCertificate(namespace, kind, spec.TLS.CertificateRefs[0])
		}
	}
	l.unusable = l.accepted.or(l.refs) // wrong kinds keep it from serving only if it has no right one
	allowed := deref(spec.AllowedRoutes, v1.AllowedRoutes{})
	httpRoute := v1.RouteGroupKind{Group: new(v1.Group(v1.GroupName)), Kind: "HTTPRoute"}
	for _, k := range allowed.Kinds {
		if deref(k.Group, v1.GroupName) == v1.GroupName && k.Kind == httpRoute.Kind {
			l.kinds = []v1.RouteGroupKind{httpRoute}
		} else {
			l.refs = l.refs.or(problem{string(v1.ListenerReasonInvalidRouteKinds), fmt.Sprintf("psc-local serves HTTPRoutes, not %s", k.Kind)})
		}
	}
	if len(allowed.Kinds) == 0 && l.accepted.reason != string(v1.ListenerReasonUnsupportedProtocol) {
		l.kinds = []v1.RouteGroupKind{httpRoute}
	}
	if len(l.kinds) == 0 {
		l.unusable = l.unusable.or(l.refs)
	}
	host := string(deref(spec.Hostname, ""))
	key := fmt.Sprintf("%d/%s", spec.Port, host)
	if owner.hostnames[key] {
		l.conflict = problem{string(v1.ListenerReasonHostnameConflict), "an earlier listener has the same port and hostname"}
	}
	owner.hostnames[key] = owner.hostnames[key] || p.problem.reason == ""
	if l.unusable = l.conflict.or(l.unusable).or(p.problem); l.unusable.reason != "" {
		return
	}
	gateway := types.NamespacedName{Namespace: owner.gateway.Namespace, Name: owner.gateway.Name}
	if into.listeners[gateway] == nil {
		into.listeners[gateway] = map[string]bool{}
	}
	into.listeners[gateway][host] = true
	if spec.Protocol == v1.HTTPSProtocolType && into.certificates[host] == nil {
		into.certificates[host] = cert
	}
}

func (t *translation) resolveCertificate(namespace, kind string, ref v1.SecretObjectReference) (*tls.Certificate, problem) {
	from := string(deref(ref.Namespace, v1.Namespace(namespace)))
	if deref(ref.Group, "") != "" || deref(ref.Kind, "Secret") != "Secret" {
		return nil, problem{string(v1.ListenerReasonInvalidCertificateRef), "a certificate must be a Secret"}
	}
	if !t.granted(kind, namespace, "Secret", from, string(ref.Name)) {
		return nil, problem{string(v1.ListenerReasonRefNotPermitted), fmt.Sprintf("no ReferenceGrant for Secret %s/%s", from, ref.Name)}
	}
	cert, err := t.certificate(from, string(ref.Name))
	if errors.Is(err, errNoSecret) && ref.Name == issuedSecret {
		return nil, problem{}
	}
	if err != nil {
		return nil, problem{string(v1.ListenerReasonInvalidCertificateRef), fmt.Sprintf("Secret %s/%s: %v", from, ref.Name, err)}
	}
	return cert, problem{}
}

// granted reports whether a reference of a Gateway API object to a core object may be followed.
func (t *translation) granted(kind, namespace, toKind, toNamespace, toName string) bool {
	return namespace == toNamespace || slices.ContainsFunc(t.grants, func(g *v1.ReferenceGrant) bool {
		return g.Namespace == toNamespace && slices.ContainsFunc(g.Spec.From, func(f v1.ReferenceGrantFrom) bool {
			return f.Group == v1.GroupName && string(f.Kind) == kind && string(f.Namespace) == namespace
		}) && slices.ContainsFunc(g.Spec.To, func(to v1.ReferenceGrantTo) bool {
			return to.Group == "" && string(to.Kind) == toKind && (to.Name == nil || string(*to.Name) == toName)
		})
	})
}

// bindRoute attaches r to the listeners of those of its parents that are ours.
func (t *translation) bindRoute(r *v1.HTTPRoute) {
	var rules []*rule
	var accepted, refs problem
	for _, ref := range r.Spec.ParentRefs {
		key := parentKey{string(deref(ref.Kind, "Gateway")), string(deref(ref.Namespace, v1.Namespace(r.Namespace))), string(ref.Name)}
		p := t.parents[key]
		if p == nil || deref(ref.Group, v1.GroupName) != v1.GroupName {
			continue
		}
		if rules == nil {
			rules, accepted, refs = t.compile(r)
		}
		refused := accepted
		if refused.reason == "" {
			refused = t.attach(r, rules, ref, p, key.namespace)
		}
		name := types.NamespacedName{Namespace: r.Namespace, Name: r.Name}
		t.routed[name] = append(t.routed[name], v1.RouteParentStatus{ParentRef: ref, ControllerName: Controller, Conditions: []metav1.Condition{
			condition(v1.RouteConditionAccepted, refused, r.Generation),
			condition(v1.RouteConditionResolvedRefs, refs, r.Generation),
		}})
	}
}

// attach enters the rules of r for every listener of p that ref names, that admits r and that shares a hostname with r.
func (t *translation) attach(r *v1.HTTPRoute, rules []*rule, ref v1.ParentReference, p *parent, namespace string) problem {
	refused := problem{string(v1.RouteReasonNoMatchingParent), "no listener has this name and port"}
	if p.problem.reason != "" {
		return problem{refused.reason, "the parent is not accepted: " + p.problem.message}
	}
	attached := false
	for _, l := range p.listeners {
		if ref.SectionName != nil && *ref.SectionName != l.Name || ref.Port != nil && *ref.Port != l.Port {
			continue
		}
		from := deref(deref(l.AllowedRoutes, v1.AllowedRoutes{}).Namespaces, v1.RouteNamespaces{})
		if len(l.kinds) == 0 || !t.admits(deref(from.From, v1.NamespacesFromSame), from.Selector, namespace, r.Namespace) {
			if refused.reason == string(v1.RouteReasonNoMatchingParent) {
				refused = problem{string(v1.RouteReasonNotAllowedByListeners), "no listener allows HTTPRoutes from namespace " + r.Namespace}
			}
			continue
		}
		refused = problem{string(v1.RouteReasonNoMatchingListenerHostname), "no listener serves any of the hostnames"}
		hosts := common(string(deref(l.Hostname, "")), r.Spec.Hostnames)
		if len(hosts) == 0 {
			continue
		}
		attached = true
		l.attached++
		if l.unusable.reason == "" {
			t.enter(r, rules, p.gateway, l, hosts)
		}
	}
	if attached {
		return problem{}
	}
	return refused
}

// common returns the hostname patterns that a listener and a route have in common.
func common(listener string, route []v1.Hostname) []string {
	if len(route) == 0 {
		return []string{listener}
	}
	var hosts []string
	for _, h := range route {
		if host, ok := intersect(listener, string(h)); ok && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

func (t *translation) enter(r *v1.HTTPRoute, rules []*rule, gateway *v1.Gateway, l *listener, hosts []string) {
	port := &t.table.http
	if l.Protocol == v1.HTTPSProtocolType {
		port = &t.table.https
	}
	e := entry{gateway: types.NamespacedName{Namespace: gateway.Namespace, Name: gateway.Name}, listener: string(deref(l.Hostname, ""))}
	for i, rule := range rules {
		e.rule = rule
		matches := r.Spec.Rules[i].Matches
		if len(matches) == 0 {
			matches = []v1.HTTPRouteMatch{{}}
		}
		for _, e.match = range matches {
			path := deref(e.match.Path, v1.HTTPPathMatch{})
			e.match.Path = &v1.HTTPPathMatch{Type: new(deref(path.Type, v1.PathMatchPathPrefix)), Value: new(deref(path.Value, "/"))}
			for _, host := range hosts {
				port.hosts[host] = append(port.hosts[host], e)
			}
		}
	}
}

// compile turns the rules of r into ours. It names everything that psc-local does not support. Anything
// unsupported makes the whole route not accepted: no condition could explain half a route as well.
func (t *translation) compile(r *v1.HTTPRoute) (rules []*rule, accepted, refs problem) {
	var unsupported, unresolved []string
	for i, spec := range r.Spec.Rules {
		at := func(what string) { unsupported = append(unsupported, fmt.Sprintf("spec.rules[%d]: %s", i, what)) }
		key := fmt.Sprintf("%s/%s/%d", r.Namespace, r.Name, i)
		out := &rule{split: &split{}}
		if spec.Retry != nil {
			at("retry")
		}
		if spec.SessionPersistence != nil {
			at("sessionPersistence")
		}
		for _, m := range spec.Matches {
			if m.Path != nil && deref(m.Path.Type, v1.PathMatchPathPrefix) == v1.PathMatchRegularExpression ||
				slices.ContainsFunc(m.Headers, func(h v1.HTTPHeaderMatch) bool { return deref(h.Type, v1.HeaderMatchExact) != v1.HeaderMatchExact }) ||
				slices.ContainsFunc(m.QueryParams, func(q v1.HTTPQueryParamMatch) bool {
					return deref(q.Type, v1.QueryParamMatchExact) != v1.QueryParamMatchExact
				}) {
				at("matches of type RegularExpression")
			}
		}
		for _, f := range spec.Filters {
			switch f.Type {
			case v1.HTTPRouteFilterRequestHeaderModifier:
				out.request = f.RequestHeaderModifier
			case v1.HTTPRouteFilterResponseHeaderModifier:
				out.response = f.ResponseHeaderModifier
			case v1.HTTPRouteFilterRequestRedirect:
				out.redirect = f.RequestRedirect
			case v1.HTTPRouteFilterURLRewrite:
				out.rewrite = f.URLRewrite
			default:
				at("filter " + string(f.Type))
			}
		}
		if limits := deref(spec.Timeouts, v1.HTTPRouteTimeouts{}); spec.Timeouts != nil {
			for _, d := range []*v1.Duration{limits.Request, limits.BackendRequest} { // there is one attempt, so the shorter limit counts
				limit, err := time.ParseDuration(string(deref(d, "0s")))
				if err != nil {
					at(fmt.Sprintf("timeout %q", *d))
				}
				if limit > 0 && (out.timeout == 0 || limit < out.timeout) {
					out.timeout = limit
				}
			}
		}
		for _, b := range spec.BackendRefs {
			if len(b.Filters) > 0 {
				at("filters of a single backend")
			}
			s, p := t.resolveBackend(r.Namespace, b.BackendObjectReference)
			out.split.backends = append(out.split.backends, backend{s, int64(deref(b.Weight, 1)), p.message})
			refs = refs.or(p)
			if p.reason != "" && !slices.Contains(unresolved, p.message) {
				unresolved = append(unresolved, p.message)
			}
		}
		out.split.credit = make([]int64, len(out.split.backends))
		t.table.splits[key] = out.split
		rules = append(rules, out)
	}
	if len(unsupported) > 0 {
		accepted = problem{string(v1.RouteReasonUnsupportedValue), "psc-local does not support " + strings.Join(unsupported, "; ")}
	}
	refs.message = strings.Join(unresolved, "; ")
	return rules, accepted, refs
}

func (t *translation) resolveBackend(namespace string, ref v1.BackendObjectReference) (service, problem) {
	to := string(deref(ref.Namespace, v1.Namespace(namespace)))
	if group, kind := deref(ref.Group, ""), deref(ref.Kind, "Service"); group != "" || kind != "Service" {
		return service{}, problem{string(v1.RouteReasonInvalidKind), fmt.Sprintf("%s %s: only Services are supported", kind, ref.Name)}
	}
	if !t.granted("HTTPRoute", namespace, "Service", to, string(ref.Name)) {
		return service{}, problem{string(v1.RouteReasonRefNotPermitted), fmt.Sprintf("no ReferenceGrant for Service %s/%s", to, ref.Name)}
	}
	s := t.service(to, string(ref.Name))
	if s == nil {
		return service{}, problem{string(v1.RouteReasonBackendNotFound), fmt.Sprintf("Service %s/%s does not exist", to, ref.Name)}
	}
	i := slices.IndexFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
		return p.Port == int32(deref(ref.Port, 0)) && deref(&p.Protocol, "") != corev1.ProtocolUDP
	})
	if i < 0 || s.Spec.Type == corev1.ServiceTypeExternalName {
		return service{}, problem{string(v1.RouteReasonBackendNotFound), fmt.Sprintf("Service %s/%s has no port %d", to, ref.Name, deref(ref.Port, 0))}
	}
	protocol := deref(s.Spec.Ports[i].AppProtocol, "")
	switch protocol {
	case "", "http", "kubernetes.io/ws", "kubernetes.io/h2c":
	default:
		return service{}, problem{string(v1.RouteReasonUnsupportedProtocol), fmt.Sprintf("Service %s/%s wants appProtocol %s", to, ref.Name, protocol)}
	}
	return service{to, string(ref.Name), s.Spec.Ports[i].Name, protocol == "kubernetes.io/h2c"}, problem{}
}

func deref[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
