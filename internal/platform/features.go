package platform

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
)

// featureH2C is the feature of Gateways that speak HTTP/2 without TLS to apps: https://gateway-api.sigs.k8s.io/geps/gep-1911/
const featureH2C = "HTTPRouteBackendProtocolH2C"

// WithFeatures adds what the class of a Gateway reports about it. A Gateway of a class that reports nothing, or that the user may
// not read, is expected to say of each route whether it serves it.
func WithFeatures(ctx context.Context, client *kube.Client, g render.GatewayAPI) (render.GatewayAPI, error) {
	class, err := classOf(ctx, client, g)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	features := class.Status.SupportedFeatures
	g.NoH2C = len(features) > 0 && !slices.ContainsFunc(features, func(f gatewayv1.SupportedFeature) bool { return f.Name == featureH2C })
	return g, nil
}

func classOf(ctx context.Context, client *kube.Client, g render.GatewayAPI) (*gatewayv1.GatewayClass, error) {
	o, err := client.Get(ctx, object.Gateway, g.Namespace, g.Name)
	if err != nil {
		return nil, err
	}
	gateway, err := kube.As[gatewayv1.Gateway](o)
	if err != nil {
		return nil, err
	}
	if o, err = client.Get(ctx, object.GatewayClass, "", string(gateway.Spec.GatewayClassName)); err != nil {
		return nil, err
	}
	class, err := kube.As[gatewayv1.GatewayClass](o)
	if err != nil { // before Gateway API 1.2 the features had another form
		return &gatewayv1.GatewayClass{}, nil //nolint:nilerr // what cannot be read counts as not reported
	}
	return class, nil
}
