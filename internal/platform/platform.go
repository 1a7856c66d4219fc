// Package platform finds out how a cluster serves routes.
//
//	ConfigMap psc-system/psc-platform, else the Gateways that the user can list -- Find --> render.Routing
//
// The owner of a cluster writes the ConfigMap. Without it, a cluster with exactly one Gateway needs no configuration.
package platform

import (
	"cmp"
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
)

// Find returns how the cluster serves routes. The user needs no right to look: what is forbidden counts as absent, and
// the Routing then says what is missing. A ConfigMap with invalid content is an error that lists every problem.
func Find(ctx context.Context, client *kube.Client) (render.Routing, error) {
	o, err := client.Get(ctx, object.ConfigMap, object.PlatformNamespace, object.PlatformConfig)
	if err == nil {
		return configured(o)
	}
	if !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return nil, err
	}
	gateways, err := client.List(ctx, object.Gateway, "", "")
	switch {
	case apierrors.IsForbidden(err):
		return render.RoutingHidden{}, nil
	case err != nil:
		return nil, err
	}
	return detected(gateways)
}

// detected is the Routing of a cluster with these Gateways.
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

// fromGateway reads the addresses and the domain for routes from the listeners of a Gateway.
func fromGateway(g *gatewayv1.Gateway) render.GatewayAPI {
	out := render.GatewayAPI{Namespace: g.Namespace, Name: g.Name}
	for _, l := range g.Spec.Listeners {
		if l.Hostname != nil && out.Domain == "" {
			out.Domain, _ = strings.CutPrefix(string(*l.Hostname), "*.")
			if out.Domain == string(*l.Hostname) {
				out.Domain = "" // a single host is no domain for others
			}
		}
		listener := render.Listener{Name: string(l.Name), Port: int(l.Port)}
		switch {
		case l.Protocol == gatewayv1.HTTPProtocolType && out.HTTP.Port == 0:
			out.HTTP = listener
		case l.Protocol == gatewayv1.HTTPSProtocolType && out.HTTPS.Port == 0:
			out.HTTPS = listener
		}
	}
	out.HTTP.Name, out.HTTPS.Name = cmp.Or(out.HTTP.Name, defaultHTTP), cmp.Or(out.HTTPS.Name, defaultHTTPS)
	return out
}
