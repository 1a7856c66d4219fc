// Package platform finds out how a cluster serves routes.
//
//	ConfigMap psc-system/psc-platform, else the Gateways that the user can list -- Find --> render.Routing
//
// The owner of a cluster writes the ConfigMap. Without it, a cluster with exactly one Gateway needs no configuration.
package platform

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
)

// Find returns how the cluster serves routes. The user needs no permission: what the user may not read counts as absent, and
// the Routing then says what is missing. It also says what is wrong with a ConfigMap that is not valid: only a new or changed
// route needs to know.
func Find(ctx context.Context, client *kube.Client) (render.Routing, error) {
	o, err := client.Get(ctx, object.ConfigMap, object.PlatformNamespace, object.PlatformConfig)
	if err == nil {
		routing, err := configured(o)
		if err != nil {
			return render.RoutingInvalid{Why: err.Error()}, nil
		}
		return routing, nil
	}
	if !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return nil, err
	}
	gateways, err := client.List(ctx, object.Gateway, "", "")
	switch {
	case apierrors.IsForbidden(err):
		return render.RoutingHidden{}, nil
	case errors.As(err, new(*kube.AbsentError)):
		return render.RoutingMissing{}, nil
	case err != nil:
		return nil, err
	}
	return detected(gateways)
}

// detected returns the Routing of a cluster with some Gateways.
func detected(gateways []unstructured.Unstructured) (render.Routing, error) {
	switch len(gateways) {
	case 0:
		return render.RoutingNone{}, nil
	case 1:
		g, err := kube.As[gatewayv1.Gateway](&gateways[0])
		if err != nil {
			return nil, err
		}
		return fromGateway(g), nil
	}
	var several render.RoutingAmbiguous
	for _, g := range gateways {
		several.Gateways = append(several.Gateways, g.GetNamespace()+"/"+g.GetName())
	}
	slices.Sort(several.Gateways)
	return several, nil
}

// fromGateway reads the addresses and the domain for routes from the listeners of a Gateway. A listener for a single host
// serves few routes, so it is used only if its protocol has no other listener.
func fromGateway(g *gatewayv1.Gateway) render.GatewayAPI {
	out := render.GatewayAPI{Namespace: g.Namespace, Name: g.Name}
	sharedFirst := slices.SortedStableFunc(slices.Values(g.Spec.Listeners), func(a, b gatewayv1.Listener) int {
		return cmp.Compare(singleHost(a), singleHost(b))
	})
	for _, l := range sharedFirst {
		use := &out.HTTP
		switch l.Protocol {
		case gatewayv1.HTTPProtocolType:
		case gatewayv1.HTTPSProtocolType:
			use = &out.HTTPS
		default:
			continue
		}
		if use.Port == 0 {
			*use = render.Listener{Name: string(l.Name), Port: int(l.Port)}
		}
		if l.Hostname != nil && out.Domain == "" {
			if domain, below := strings.CutPrefix(string(*l.Hostname), "*."); below {
				out.Domain = domain
			}
		}
	}
	out.HTTP.Name, out.HTTPS.Name = cmp.Or(out.HTTP.Name, defaultHTTP), cmp.Or(out.HTTPS.Name, defaultHTTPS)
	return out
}

// singleHost returns 1 for a listener with a single host, and 0 for one with all hosts, or all hosts below a domain.
func singleHost(l gatewayv1.Listener) int {
	if l.Hostname == nil || strings.HasPrefix(string(*l.Hostname), "*.") {
		return 0
	}
	return 1
}
