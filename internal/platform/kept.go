package platform

import (
	"context"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
)

// The usual ports, for the Gateway of a route that is in the cluster already: its HTTPRoute does not name them.
const usualHTTP, usualHTTPS = 80, 443

// Kept returns the routes of a pod that are in the cluster, by name. What the user may not read is left out.
func Kept(ctx context.Context, client *kube.Client, pod string) (map[string]render.Kept, error) {
	routes, err := kube.ListAs[gatewayv1.HTTPRoute](ctx, client, object.HTTPRoute, pod, object.Selector(pod))
	if err != nil && !kube.Unseen(err) {
		return nil, err
	}
	kept := map[string]render.Kept{}
	for _, r := range routes {
		if len(r.Spec.ParentRefs) != 1 {
			continue // psc did not write it
		}
		parent := r.Spec.ParentRefs[0]
		g := render.GatewayAPI{Name: string(parent.Name), HTTP: render.Listener{Port: usualHTTP}, HTTPS: render.Listener{Port: usualHTTPS}}
		if parent.Kind != nil && string(*parent.Kind) == object.ListenerSet.Kind {
			if g, err = ofListeners(ctx, client, pod, string(parent.Name)); kube.Unseen(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		if parent.Namespace != nil {
			g.Namespace = string(*parent.Namespace)
		}
		if parent.SectionName != nil { // the one listener that the route uses
			g.HTTP.Name, g.HTTPS.Name = string(*parent.SectionName), string(*parent.SectionName)
		}
		if len(r.Spec.Hostnames) > 0 {
			g.Domain, _ = strings.CutPrefix(string(r.Spec.Hostnames[0]), r.Name+"-"+pod+".")
		}
		kept[r.Name] = render.Kept{Gateway: g, Hash: r.Annotations[object.AnnotationHash]}
	}
	return kept, nil
}

// ofListeners returns the Gateway of a route with a certificate of its own.
func ofListeners(ctx context.Context, client *kube.Client, pod, name string) (render.GatewayAPI, error) {
	o, err := client.Get(ctx, object.ListenerSet, pod, name)
	if err != nil {
		return render.GatewayAPI{}, err
	}
	set, err := kube.As[gatewayv1.ListenerSet](o)
	if err != nil {
		return render.GatewayAPI{}, err
	}
	g := render.GatewayAPI{Name: string(set.Spec.ParentRef.Name)}
	if set.Spec.ParentRef.Namespace != nil {
		g.Namespace = string(*set.Spec.ParentRef.Namespace)
	}
	for _, l := range set.Spec.Listeners {
		g.HTTPS.Port = int(l.Port)
	}
	return g, nil
}
