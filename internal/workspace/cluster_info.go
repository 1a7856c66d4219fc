package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/platform"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
)

// What adds something that a cluster lacks.
const (
	addGateway = "install the Gateway API and a controller for it: https://gateway-api.sigs.k8s.io/guides/getting-started/"
	addMetrics = "kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml"
	addClass   = "create a StorageClass and mark it as the default one: https://kubernetes.io/docs/tasks/administer-cluster/change-default-storage-class/"
	setUp      = "psc cluster setup"
	editConfig = "kubectl edit configmap " + object.PlatformConfig + " -n " + object.PlatformNamespace
)

// Info finds out what the cluster has for the users of psc. What the user may not look at is unknown, and no error.
func (c *Cluster) Info(ctx context.Context) (report.Cluster, error) {
	doc := report.Cluster{Context: c.Context, Server: c.Server}
	has, err := c.kube.Kinds(ctx)
	if err != nil {
		return doc, err
	}
	checks := []func(context.Context, func(kube.Kind) bool) ([]report.Offer, error){
		c.podOffer, c.routeOffers, c.diskOffer, c.metricsOffer, c.roleOffer, c.isolationOffer, c.signInOffer, c.auditOffer,
	}
	offers := make([][]report.Offer, len(checks))
	group, asking := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		doc.Version, err = c.kube.Version(asking)
		return err
	})
	for i, check := range checks {
		group.Go(func() (err error) {
			offers[i], err = check(asking, has)
			return err
		})
	}
	err = group.Wait()
	doc.Offers = slices.Concat(offers...)
	return doc, err
}

// unseen returns an offer that the user may not look at.
func unseen(name string) []report.Offer {
	return []report.Offer{{Name: name, State: report.OfferUnknown, Detail: "you may not look at it"}}
}

func (c *Cluster) podOffer(ctx context.Context, _ func(kube.Kind) bool) ([]report.Offer, error) {
	can, err := c.kube.Can(ctx, "create", object.Namespace, "")
	if err != nil || can {
		return []report.Offer{{Name: "new pods", State: report.OfferYes, Detail: "you may create pods"}}, err
	}
	return []report.Offer{{Name: "new pods", State: report.OfferNo, Detail: "you may not create pods", Next: "ask an admin of the cluster"}}, nil
}

// routeOffers returns what the cluster does for routes.
func (c *Cluster) routeOffers(ctx context.Context, has func(kube.Kind) bool) ([]report.Offer, error) {
	if !has(object.HTTPRoute) {
		return []report.Offer{{Name: "routes", State: report.OfferNo, Detail: object.Absent(object.HTTPRoute), Next: addGateway}}, nil
	}
	routing, err := platform.Find(ctx, c.kube)
	if err != nil {
		return nil, err
	}
	g, ok := routing.(render.GatewayAPI)
	if !ok {
		offer := report.Offer{Name: "routes", State: report.OfferNo, Detail: render.Missing(routing), Next: setUp + " --gateway NAMESPACE/NAME"}
		if _, invalid := routing.(render.RoutingInvalid); invalid {
			offer.Next = editConfig
		}
		return []report.Offer{offer}, nil
	}
	if _, err := c.kube.GetMeta(ctx, object.Gateway, g.Namespace, g.Name); apierrors.IsNotFound(err) {
		detail := fmt.Sprintf("Gateway %s/%s does not exist", g.Namespace, g.Name)
		return []report.Offer{{Name: "routes", State: report.OfferNo, Detail: detail, Next: setUp + " --gateway NAMESPACE/NAME"}}, nil
	}
	if g, err = platform.WithFeatures(ctx, c.kube, g); err != nil {
		return nil, err
	}
	routes := report.Offer{Name: "routes", State: report.OfferYes, Detail: gatewayWords(g)}
	if g.Domain == "" {
		routes.Detail += ", no domain: routes need hosts of their own"
		routes.Next = setUp + " --domain DOMAIN"
	}
	shares := report.Offer{Name: "traffic shares", State: report.OfferYes, Detail: "a route can share its traffic among apps"}
	certificates, err := c.certificateOffer(ctx, has, g)
	grpc := report.Offer{Name: "HTTP/2 to apps", State: report.OfferYes, Detail: "for gRPC (protocol h2c)"}
	if g.NoH2C {
		grpc = report.Offer{Name: "HTTP/2 to apps", State: report.OfferNo, Detail: "the Gateway does not speak HTTP/2 to apps, so gRPC has no routes"}
	}
	return []report.Offer{routes, shares, certificates, grpc}, err
}

// gatewayWords describes the Gateway for routes: "Gateway infra/public, domain apps.example.com, http 80, https 443".
func gatewayWords(g render.GatewayAPI) string {
	words := []string{fmt.Sprintf("Gateway %s/%s", g.Namespace, g.Name)}
	if g.Domain != "" {
		words = append(words, "domain "+g.Domain)
	}
	for _, l := range []struct {
		name string
		port int
	}{{"http", g.HTTP.Port}, {"https", g.HTTPS.Port}} {
		if l.port != 0 {
			words = append(words, fmt.Sprintf("%s at port %d", l.name, l.port))
		}
	}
	return strings.Join(words, ", ")
}

// certificateOffer reports whether routes can bring their own certificates, which needs ListenerSets that the Gateway allows.
func (c *Cluster) certificateOffer(ctx context.Context, has func(kube.Kind) bool, g render.GatewayAPI) (report.Offer, error) {
	offer := report.Offer{Name: "own certificates", State: report.OfferNo}
	switch {
	case !has(object.ListenerSet):
		offer.Detail, offer.Next = "the Gateway API has no ListenerSet", "install the Gateway API 1.5 or newer"
		return offer, nil
	case g.HTTPS.Port == 0:
		offer.Detail, offer.Next = "the Gateway does not listen for https", "add an https listener to the Gateway, then "+setUp+" --https-port PORT"
		return offer, nil
	}
	o, err := c.kube.Get(ctx, object.Gateway, g.Namespace, g.Name)
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return unseen(offer.Name)[0], nil
	}
	if err != nil {
		return offer, err
	}
	gateway, err := kube.As[gatewayv1.Gateway](o)
	if err != nil {
		return offer, err
	}
	allowed := gateway.Spec.AllowedListeners
	if allowed == nil || allowed.Namespaces == nil || allowed.Namespaces.From == nil || *allowed.Namespaces.From == gatewayv1.NamespacesFromNone {
		offer.Detail = "the Gateway allows no ListenerSets"
		offer.Next = fmt.Sprintf(`kubectl patch gateway %s -n %s --type merge -p '{"spec": {"allowedListeners": {"namespaces": {"from": "All"}}}}'`, g.Name, g.Namespace)
		return offer, nil
	}
	return report.Offer{Name: offer.Name, State: report.OfferYes, Detail: "a route can have the certificate of a secret"}, nil
}

func (c *Cluster) diskOffer(ctx context.Context, _ func(kube.Kind) bool) ([]report.Offer, error) {
	const name = "disks"
	classes, err := kube.ListAs[storagev1.StorageClass](ctx, c.kube, object.StorageClass, "", "")
	if apierrors.IsForbidden(err) {
		return unseen(name), nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	state := report.OfferNo
	for _, class := range classes {
		if names = append(names, class.Name); class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true" {
			state, names[len(names)-1] = report.OfferYes, class.Name+" (default)"
		}
	}
	switch {
	case len(names) == 0:
		return []report.Offer{{Name: name, State: state, Detail: "the cluster has no StorageClass", Next: addClass}}, nil
	case state == report.OfferNo:
		return []report.Offer{{Name: name, State: state, Detail: "no class is the default one, so disks need --class: " + strings.Join(names, ", "), Next: addClass}}, nil
	}
	return []report.Offer{{Name: name, State: state, Detail: "classes: " + strings.Join(names, ", ")}}, nil
}

func (c *Cluster) metricsOffer(_ context.Context, has func(kube.Kind) bool) ([]report.Offer, error) {
	if !has(object.InstanceMetrics) {
		return []report.Offer{{Name: "metrics", State: report.OfferNo, Detail: "psc top and autoscaling need them", Next: addMetrics}}, nil
	}
	return []report.Offer{{Name: "metrics", State: report.OfferYes, Detail: "for psc top and autoscaling"}}, nil
}

// roleOffer reports whether the built-in roles have all rights that the commands of psc need.
func (c *Cluster) roleOffer(ctx context.Context, _ func(kube.Kind) bool) ([]report.Offer, error) {
	const name = "roles"
	var lacking []string
	for _, role := range []string{RoleView, RoleEdit} {
		o, err := c.kube.Get(ctx, object.ClusterRole, "", role)
		if apierrors.IsForbidden(err) {
			return unseen(name), nil
		}
		if err != nil {
			return nil, err
		}
		there, err := kube.As[rbacv1.ClusterRole](o)
		if err != nil {
			return nil, err
		}
		if !covers(there.Rules, platform.Rules(role != RoleView)) {
			lacking = append(lacking, role)
		}
	}
	if len(lacking) > 0 {
		return []report.Offer{{
			Name: name, State: report.OfferNo, Next: setUp,
			Detail: "no rights for routes, deploys, members or metrics in: " + strings.Join(lacking, ", ") + " (psc member add gives them in one pod)",
		}}, nil
	}
	return []report.Offer{{Name: name, State: report.OfferYes, Detail: "view, edit and admin have all rights that psc needs"}}, nil
}

// covers reports whether some rules give all rights of others.
func covers(have, want []rbacv1.PolicyRule) bool {
	includes := func(list []string, one string) bool { return slices.Contains(list, one) || slices.Contains(list, "*") }
	for _, w := range want {
		for _, group := range w.APIGroups {
			for _, resource := range w.Resources {
				for _, verb := range w.Verbs {
					if !slices.ContainsFunc(have, func(h rbacv1.PolicyRule) bool {
						return includes(h.APIGroups, group) && includes(h.Resources, resource) && includes(h.Verbs, verb) && len(h.ResourceNames) == 0
					}) {
						return false
					}
				}
			}
		}
	}
	return true
}

// isolationOffer reports whether new pods are isolated from each other. Only the network of a cluster knows whether it enforces that.
func (c *Cluster) isolationOffer(ctx context.Context, _ func(kube.Kind) bool) ([]report.Offer, error) {
	sources, err := platform.Sources(ctx, c.kube)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return []report.Offer{{
			Name: "isolation", State: report.OfferNo, Next: setUp + " --gateway-from NAMESPACE",
			Detail: "psc does not know where the Gateway's proxies run, so instances of other pods reach those of a new pod",
		}}, nil
	}
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.String()
	}
	detail := "only the pod itself and the Gateway (" + strings.Join(names, ", ") + ") reach a new pod, if the network enforces NetworkPolicies"
	return []report.Offer{{Name: "isolation", State: report.OfferYes, Detail: detail}}, nil
}

// signInOffer reports whether the cluster tells users how to sign in.
func (c *Cluster) signInOffer(ctx context.Context, has func(kube.Kind) bool) ([]report.Offer, error) {
	const name = "sign-in"
	if has(object.OpenShiftToken) {
		return []report.Offer{{Name: name, State: report.OfferYes, Detail: "psc login asks OpenShift's OAuth server"}}, nil
	}
	offer := report.Offer{Name: name, State: report.OfferNo, Next: setUp + " --login ISSUER --client-id ID"}
	o, err := c.kube.Get(ctx, object.ConfigMap, metav1.NamespacePublic, object.SignInConfig)
	switch {
	case apierrors.IsForbidden(err):
		return unseen(name), nil
	case apierrors.IsNotFound(err):
		offer.Detail = "psc login needs a kubeconfig, a token or a certificate"
		return []report.Offer{offer}, nil
	case err != nil:
		return nil, err
	}
	signIn, err := platform.SignInOf(o)
	if err != nil {
		offer.Detail = fmt.Sprintf("ConfigMap %s/%s is not valid", metav1.NamespacePublic, object.SignInConfig)
		return []report.Offer{offer}, nil
	}
	return []report.Offer{{Name: name, State: report.OfferYes, Detail: "psc login asks " + signIn.Login.Issuer}}, nil
}

// auditOffer reports whether records are kept from being forged.
func (c *Cluster) auditOffer(ctx context.Context, _ func(kube.Kind) bool) ([]report.Offer, error) {
	const name = "audit"
	off := []report.Offer{{Name: name, State: report.OfferNo, Detail: "a member of a pod can make a revision in the name of another", Next: setUp + " --enforce-audit"}}
	o, err := c.kube.Get(ctx, object.AuditBinding, "", object.AuditName)
	switch {
	case apierrors.IsForbidden(err):
		return unseen(name), nil
	case apierrors.IsNotFound(err):
		return off, nil
	case err != nil:
		return nil, err
	}
	binding, err := kube.As[admissionv1.ValidatingAdmissionPolicyBinding](o)
	if err != nil || !slices.Contains(binding.Spec.ValidationActions, admissionv1.Deny) {
		return off, err
	}
	if _, err := c.kube.GetMeta(ctx, object.AuditPolicy, "", object.AuditName); err != nil {
		if apierrors.IsNotFound(err) {
			return off, nil
		}
		return nil, err
	}
	return []report.Offer{{Name: name, State: report.OfferYes, Detail: "the API server refuses revisions in the name of others"}}, nil
}
