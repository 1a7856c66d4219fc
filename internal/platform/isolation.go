package platform

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// Source is where the requests of the Gateway come from: a namespace, in which only pods with some labels if there are any, or a
// range of addresses such as those of the nodes.
type Source struct {
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	CIDR      string            `json:"cidr,omitempty"`
}

// ParseSource reads a Source that a user has typed: a namespace or a range of addresses.
func ParseSource(text string) Source {
	if strings.ContainsAny(text, "/:") {
		return Source{CIDR: text}
	}
	return Source{Namespace: text}
}

func (s Source) String() string { return cmp.Or(s.CIDR, s.Namespace) }

// problem says why a Source is not valid; "" if it is.
func (s Source) problem() string {
	switch {
	case (s.Namespace == "") == (s.CIDR == ""):
		return "needs a namespace or a cidr"
	case s.CIDR != "" && len(s.Labels) > 0:
		return "has labels, which only go with a namespace"
	case s.CIDR != "":
		if _, err := netip.ParsePrefix(s.CIDR); err != nil {
			return fmt.Sprintf("%q is not a range of addresses such as 10.0.0.0/24", s.CIDR)
		}
	case len(validation.IsDNS1123Label(s.Namespace)) > 0:
		return fmt.Sprintf("%q is neither a namespace nor a range of addresses", s.Namespace)
	}
	return ""
}

// Sources returns where the requests of the Gateway come from, or nil if psc does not know it. The user needs no permission.
func Sources(ctx context.Context, client *kube.Client) ([]Source, error) {
	o, err := client.Get(ctx, object.ConfigMap, object.PlatformNamespace, object.PlatformConfig)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, _, _ := unstructured.NestedString(o.Object, "data", configKey)
	c, problems := decode(text)
	if len(problems)+len(c.problems()) > 0 || c.Gateway == nil {
		return nil, nil
	}
	return c.Gateway.From, nil
}

// Isolation returns the NetworkPolicy that lets only the pod itself and the Gateway reach its instances. Connections from a node, such
// as health checks, always pass: https://kubernetes.io/docs/concepts/services-networking/network-policies/
func Isolation(pod string, sources []Source) *unstructured.Unstructured {
	from := []any{map[string]any{"podSelector": map[string]any{}}}
	for _, s := range sources {
		if s.CIDR != "" {
			from = append(from, map[string]any{"ipBlock": map[string]any{"cidr": s.CIDR}})
			continue
		}
		peer := map[string]any{"namespaceSelector": map[string]any{"matchLabels": map[string]any{corev1.LabelMetadataName: s.Namespace}}}
		if len(s.Labels) > 0 {
			labels := map[string]any{}
			for name, value := range s.Labels {
				labels[name] = value
			}
			peer["podSelector"] = map[string]any{"matchLabels": labels}
		}
		from = append(from, peer)
	}
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"podSelector": map[string]any{},
		"policyTypes": []any{"Ingress"},
		"ingress":     []any{map[string]any{"from": from}},
	}}}
	o.SetGroupVersionKind(object.NetworkPolicy)
	o.SetNamespace(pod)
	o.SetName(object.Isolation)
	return owned(o)
}

// sourcesOf returns the namespaces of the Services that a controller has made for a Gateway. Their label is the standard one:
// https://gateway-api.sigs.k8s.io/geps/gep-1762/
func sourcesOf(ctx context.Context, client *kube.Client, gateway string) ([]any, error) {
	services, err := client.ListMeta(ctx, object.Service, "", "gateway.networking.k8s.io/gateway-name="+gateway)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range services {
		names = append(names, services[i].Namespace)
	}
	slices.Sort(names)
	var out []any
	for _, name := range slices.Compact(names) {
		out = append(out, map[string]any{"namespace": name})
	}
	return out, nil
}
