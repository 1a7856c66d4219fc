package platform

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
)

// The ConfigMap in which the owner of a platform writes down what it offers.
const (
	platformKey = "platform.yaml"
)

// platform is what the cluster offers to routes.
func Find(ctx context.Context, client *kube.Client) (render.Cluster, error) {
	o, err := client.Get(ctx, object.ConfigMap, object.PlatformNamespace, object.PlatformConfig)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return detect(ctx, client)
	}
	if err != nil {
		return render.Cluster{}, err
	}
	data, _ := o.Object["data"].(map[string]any)
	text, _ := data[platformKey].(string)
	return parsePlatform(text)
}

func parsePlatform(text string) (render.Cluster, error) {
	var c render.Cluster
	asJSON, err := yaml.YAMLToJSONStrict([]byte(text))
	if err == nil {
		err = json.Unmarshal(asJSON, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read %s of ConfigMap %s/%s: %w", platformKey, object.PlatformNamespace, object.PlatformConfig, err)
	}
	if c.Ports == (render.Ports{}) {
		c.Ports = render.Ports{HTTP: 80, HTTPS: 443}
	}
	return c, nil
}

// detect looks for the one Gateway of the cluster. With none, several, or no right to look, routes say what is missing.
func detect(ctx context.Context, client *kube.Client) (render.Cluster, error) {
	items, err := client.List(ctx, object.Gateway, "", "")
	if apierrors.IsForbidden(err) {
		return render.Cluster{}, nil
	}
	if err != nil || len(items) != 1 {
		return render.Cluster{}, err
	}
	g, err := kube.As[gatewayv1.Gateway](&items[0])
	if err != nil {
		return render.Cluster{}, err
	}
	return fromGateway(g), nil
}

// fromGateway reads off a Gateway's listeners where it is reached, and below which domain it takes any host.
func fromGateway(g *gatewayv1.Gateway) render.Cluster {
	c := render.Cluster{Gateway: &render.Gateway{Namespace: g.Namespace, Name: g.Name}}
	for _, l := range g.Spec.Listeners {
		if l.Hostname != nil && c.Domain == "" {
			c.Domain, _ = strings.CutPrefix(string(*l.Hostname), "*.")
			if c.Domain == string(*l.Hostname) {
				c.Domain = "" // a single host is no domain for others
			}
		}
		switch {
		case l.Protocol == gatewayv1.HTTPProtocolType && c.Ports.HTTP == 0:
			c.Ports.HTTP, c.Gateway.HTTP = int(l.Port), string(l.Name)
		case l.Protocol == gatewayv1.HTTPSProtocolType && c.Ports.HTTPS == 0:
			c.Ports.HTTPS, c.Gateway.HTTPS = int(l.Port), string(l.Name)
		}
	}
	return c
}
