package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

// Taken returns an error with the code fault.Conflict if steps add a host and a path to a route that an HTTPRoute of another
// namespace serves already. A gateway sends the requests of equal matches to the older HTTPRoute, and those of a longer path
// to the new one: https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule. Taken checks nothing for a user who may not list
// the HTTPRoutes of the cluster.
func (o Observer) Taken(ctx context.Context, steps []plan.Step) error {
	steps = slices.DeleteFunc(slices.Clone(steps), func(s plan.Step) bool {
		return s.Kind != object.HTTPRoute || s.Action != plan.Create && s.Action != plan.Update
	})
	if len(steps) == 0 {
		return nil
	}
	all, err := kube.ListAs[gatewayv1.HTTPRoute](ctx, o.Kube, object.HTTPRoute, "", "")
	if apierrors.IsForbidden(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, step := range steps {
		next, err := kube.As[gatewayv1.HTTPRoute](step.Object)
		if err != nil {
			return err
		}
		served := claims(next)
		for _, live := range all {
			if live.Namespace == o.Pod && live.Name == next.Name {
				old := claims(live)
				served = slices.DeleteFunc(served, func(c claim) bool { return slices.Contains(old, c) })
			}
		}
		for _, other := range all {
			if other.Namespace == o.Pod || other.DeletionTimestamp != nil || !shareGateway(next, other) {
				continue
			}
			for _, c := range served {
				if slices.ContainsFunc(claims(other), c.within) {
					return fault.New(fault.Conflict, "route %s: %s is already taken by %s", next.Name, c.host+c.path, owner(other)).
						WithHint("psc route set %s --host HOST", next.Name)
				}
			}
		}
	}
	return nil
}

// claim is a host with a path prefix that an HTTPRoute serves.
type claim struct{ host, path string }

// claims returns what an HTTPRoute serves, without the matches that have further conditions.
func claims(r *gatewayv1.HTTPRoute) (out []claim) {
	for _, host := range r.Spec.Hostnames {
		for _, rule := range r.Spec.Rules {
			for _, m := range rule.Matches {
				if m.Method == nil && len(m.Headers)+len(m.QueryParams) == 0 && m.Path != nil && *m.Path.Type == gatewayv1.PathMatchPathPrefix {
					out = append(out, claim{string(host), *m.Path.Value})
				}
			}
		}
	}
	return out
}

// within reports whether all requests of c are requests of another claim.
func (c claim) within(other claim) bool {
	prefix := strings.TrimSuffix(other.path, "/")
	return c.host == other.host && (c.path == other.path || strings.HasPrefix(c.path, prefix+"/"))
}

// shareGateway reports whether two HTTPRoutes may be served by the same Gateway.
func shareGateway(a, b *gatewayv1.HTTPRoute) bool {
	for _, p := range a.Spec.ParentRefs {
		for _, q := range b.Spec.ParentRefs {
			known := kindOf(p) == "Gateway" && kindOf(q) == "Gateway" // a ListenerSet belongs to some Gateway
			if !known || p.Name == q.Name && namespaceOf(p, a.Namespace) == namespaceOf(q, b.Namespace) {
				return true
			}
		}
	}
	return false
}

func kindOf(p gatewayv1.ParentReference) gatewayv1.Kind {
	if p.Kind == nil {
		return "Gateway"
	}
	return *p.Kind
}

func namespaceOf(p gatewayv1.ParentReference, own string) string {
	if p.Namespace == nil {
		return own
	}
	return string(*p.Namespace)
}

// owner names an HTTPRoute of another namespace.
func owner(r *gatewayv1.HTTPRoute) string {
	if r.Labels[object.LabelPod] == r.Namespace {
		return fmt.Sprintf("route %s of pod %s", r.Name, r.Namespace)
	}
	return fmt.Sprintf("HTTPRoute %s of namespace %s", r.Name, r.Namespace)
}
