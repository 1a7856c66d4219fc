package rollout

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/render"
)

// Taken returns an error with the code fault.Conflict if steps add a host and a path to a route whose requests another HTTPRoute
// serves already, which is not of this pod. Taken checks nothing for a user who may not list the HTTPRoutes of the cluster.
func (o Observer) Taken(ctx context.Context, steps []plan.Step) error {
	steps = slices.DeleteFunc(slices.Clone(steps), func(s plan.Step) bool {
		return s.Kind != object.HTTPRoute || s.Action != plan.Create && s.Action != plan.Update
	})
	if len(steps) == 0 {
		return nil
	}
	all, err := o.clusterRoutes(ctx)
	if err != nil {
		return err
	}
	gateway, _ := o.Cluster.Routing.(render.GatewayAPI)
	for _, step := range steps {
		next, err := kube.As[gatewayv1.HTTPRoute](step.Object)
		if err != nil {
			return err
		}
		added := claims(next)
		for _, live := range all {
			if live.Namespace == o.Pod && live.Name == next.Name {
				old := claims(live)
				added = slices.DeleteFunc(added, func(c claim) bool { return slices.Contains(old, c) })
			}
		}
		for _, other := range all {
			if !foreign(next, other) || !shareListener(next, other, true) {
				continue
			}
			for _, c := range added {
				if slices.ContainsFunc(claims(other), func(theirs claim) bool { return c.within(theirs, gateway.Domain) }) {
					return fault.New(fault.Conflict, "route %s: %s is already taken by %s", next.Name, c, owner(other)).
						WithHint("psc route set %s --host HOST", next.Name)
				}
			}
		}
	}
	return nil
}

// clusterRoutes lists the HTTPRoutes of all namespaces. It returns none if the user may not list them.
func (o Observer) clusterRoutes(ctx context.Context) ([]*gatewayv1.HTTPRoute, error) {
	all, err := kube.ListAs[gatewayv1.HTTPRoute](ctx, o.Kube, object.HTTPRoute, "", "")
	if kube.Unseen(err) {
		return nil, nil
	}
	return all, err
}

// servedElsewhere returns a Failed status if an older HTTPRoute of all, which is not of the pod of r, serves a host and a path of r. A gateway
// sends the requests of equal matches to the older HTTPRoute: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule
func servedElsewhere(r *gatewayv1.HTTPRoute, all []*gatewayv1.HTTPRoute) (health.Status, bool) {
	for _, other := range all {
		if !foreign(r, other) || !precedes(other, r) || !accepted(other) || !shareListener(r, other, false) {
			continue
		}
		theirs := claims(other)
		for _, c := range claims(r) {
			if slices.Contains(theirs, c) {
				return health.Served(r.Name, c.String(), owner(other)), true
			}
		}
	}
	return health.Status{}, false
}

// foreign reports whether psc did not create other in the namespace of r.
func foreign(r, other *gatewayv1.HTTPRoute) bool {
	ours := other.Namespace == r.Namespace && (other.Name == r.Name || other.Labels[object.LabelPod] == r.Namespace)
	return !ours && other.DeletionTimestamp == nil
}

// precedes reports whether a gateway prefers a to b if their matches are equal.
func precedes(a, b *gatewayv1.HTTPRoute) bool {
	if age := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); age != 0 {
		return age < 0
	}
	return a.Namespace+"/"+a.Name < b.Namespace+"/"+b.Name
}

// accepted reports whether a gateway serves an HTTPRoute.
func accepted(r *gatewayv1.HTTPRoute) bool {
	return slices.ContainsFunc(r.Status.Parents, func(p gatewayv1.RouteParentStatus) bool {
		return meta.IsStatusConditionTrue(p.Conditions, string(gatewayv1.RouteConditionAccepted))
	})
}

// claim is a host with a path prefix that an HTTPRoute serves.
type claim struct{ host, path string }

func (c claim) String() string { return c.host + c.path }

// claims returns what an HTTPRoute serves, without the matches that have further conditions. An exact path is one too: a gateway
// prefers it to a prefix, so the two are never equal.
func claims(r *gatewayv1.HTTPRoute) (out []claim) {
	for _, host := range r.Spec.Hostnames {
		for _, rule := range r.Spec.Rules {
			for _, m := range rule.Matches {
				if m.Method == nil && len(m.Headers)+len(m.QueryParams) == 0 && m.Path != nil && *m.Path.Type == gatewayv1.PathMatchPathPrefix {
					out = append(out, claim{string(host), cmp.Or(strings.TrimSuffix(*m.Path.Value, "/"), "/")})
				}
			}
		}
	}
	return out
}

// within reports whether all requests of c are requests of another claim: a gateway would send them to the more exact host, then
// to the longer path, then to the older HTTPRoute. A wildcard for all hosts of the cluster's domain has none of them: it is for
// the requests that no pod serves.
func (c claim) within(other claim, domain string) bool {
	if c.host != other.host && (!covers(other.host, c.host) || domain != "" && (other.host == "*."+domain || covers(other.host, "*."+domain))) {
		return false
	}
	return c.path == other.path || strings.HasPrefix(c.path, strings.TrimSuffix(other.path, "/")+"/")
}

// covers reports whether a host is below a wildcard.
func covers(wildcard, host string) bool {
	suffix, ok := strings.CutPrefix(wildcard, "*")
	return ok && host != wildcard && strings.HasSuffix(host, suffix)
}

// shareListener reports whether two HTTPRoutes are attached to the same listener of a Gateway. A ListenerSet belongs to some
// Gateway: unknown is the answer for it.
func shareListener(a, b *gatewayv1.HTTPRoute, unknown bool) bool {
	for _, p := range a.Spec.ParentRefs {
		for _, q := range b.Spec.ParentRefs {
			switch {
			case kindOf(p) != object.Gateway.Kind || kindOf(q) != object.Gateway.Kind:
				if unknown {
					return true
				}
			case p.Name == q.Name && namespaceOf(p, a.Namespace) == namespaceOf(q, b.Namespace) &&
				agree(p.SectionName, q.SectionName) && agree(p.Port, q.Port):
				return true
			}
		}
	}
	return false
}

// agree reports whether two fields that each choose some listeners, or all if it is nil, can choose the same.
func agree[T comparable](a, b *T) bool { return a == nil || b == nil || *a == *b }

func kindOf(p gatewayv1.ParentReference) string {
	if p.Kind == nil {
		return object.Gateway.Kind
	}
	return string(*p.Kind)
}

func namespaceOf(p gatewayv1.ParentReference, own string) string {
	if p.Namespace == nil {
		return own
	}
	return string(*p.Namespace)
}

// owner names an HTTPRoute that is not of this pod.
func owner(r *gatewayv1.HTTPRoute) string {
	if r.Labels[object.LabelPod] == r.Namespace {
		return fmt.Sprintf("route %s of pod %s", r.Name, r.Namespace)
	}
	return fmt.Sprintf("HTTPRoute %s of namespace %s", r.Name, r.Namespace)
}
