package rollout

import (
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// routes returns the adapter of routes.
func routes() adapter {
	return adapter{
		object:   object.HTTPRoute,
		before:   object.Remove,
		optional: true,
		follow:   func(pod.Spec) []object.Kind { return []object.Kind{object.HTTPRoute} },
		read: func(f *follower) func(string) observed {
			all := map[string]*gatewayv1.HTTPRoute{}
			for _, r := range kube.Objects[gatewayv1.HTTPRoute](f.Watch, object.HTTPRoute) {
				all[r.Name] = r
			}
			return func(name string) observed { return route{all[name], f.clusterRoutes} }
		},
		urls: func(o Observer, name string, spec pod.Spec) []string {
			if r := spec.Route(name); r != nil {
				return o.Cluster.URLs(o.Pod, name, r)
			}
			return nil
		},
	}
}

// route is the HTTPRoute of a route, or nil, and the HTTPRoutes of the cluster as far as the user may list them.
type route struct {
	*gatewayv1.HTTPRoute
	all []*gatewayv1.HTTPRoute
}

func (r route) generation() int64 {
	if r.HTTPRoute == nil {
		return -1
	}
	return r.Generation
}

func (r route) health(time.Time) health.Status {
	s := health.Route(r.HTTPRoute)
	if s.State == health.Ready {
		if served, ok := servedElsewhere(r.HTTPRoute, r.all); ok {
			return served
		}
	}
	return s
}
