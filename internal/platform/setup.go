package platform

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/render"
)

// Setup is what the owner of a cluster changes in it for the users of psc. Fields that are nil stay as they are.
type Setup struct {
	// Domain is the domain for routes without hosts.
	Domain *string
	// Gateway is the Gateway for routes, as namespace/name.
	Gateway *string
	// From is where the requests of the Gateway come from; empty if that stays.
	From []Source
	// HTTPPort and HTTPSPort are the ports at which the Gateway is reached from outside; 0 if it does not listen there.
	HTTPPort, HTTPSPort *int
	// SignIn tells users how to sign in.
	SignIn *SignIn
	// Audit makes the API server refuse records in the name of others, and changes of records.
	Audit bool
}

// description is https://kubernetes.io/docs/reference/labels-annotations-taints/#description
const description = "kubernetes.io/description"

// Purpose says what an object of Objects is for.
func Purpose(o *unstructured.Unstructured) string { return o.GetAnnotations()[description] }

// Objects returns the objects of a setup in the order in which they are written. There is no ConfigMap psc-platform among them if
// it exists and does not change, or if the cluster has no Gateway to name in it. The problems are about the fields of s, and have the
// paths of the ConfigMap.
func (s Setup) Objects(ctx context.Context, client *kube.Client) ([]*unstructured.Unstructured, []fault.Detail, error) {
	config, problems, err := s.config(ctx, client)
	if err != nil || len(problems) > 0 {
		return nil, problems, err
	}
	objects, err := base()
	if err == nil && config != nil {
		objects = slices.Insert(objects, 1, config) // after its namespace
	}
	if err == nil && s.SignIn != nil {
		var signIn []*unstructured.Unstructured
		signIn, err = s.SignIn.objects()
		objects = append(objects, signIn...)
	}
	if err == nil && s.Audit {
		var policy []*unstructured.Unstructured
		policy, err = audit()
		objects = append(objects, policy...)
	}
	return objects, nil, err
}

// All returns the objects that any setup writes.
func All() ([]*unstructured.Unstructured, error) {
	objects, err := base()
	if err != nil {
		return nil, err
	}
	config, err := platformConfig(nil)
	if err != nil {
		return nil, err
	}
	signIn, err := SignIn{}.objects()
	if err != nil {
		return nil, err
	}
	policy, err := audit()
	return slices.Concat(slices.Insert(objects, 1, config), signIn, policy), err
}

// config returns the ConfigMap psc-platform with the fields of s, or nil if there is nothing to write.
func (s Setup) config(ctx context.Context, client *kube.Client) (*unstructured.Unstructured, []fault.Detail, error) {
	fields := map[string]any{}
	there, err := client.Get(ctx, object.ConfigMap, object.PlatformNamespace, object.PlatformConfig)
	switch {
	case err == nil && s.Domain == nil && s.Gateway == nil && s.HTTPPort == nil && s.HTTPSPort == nil && len(s.From) == 0:
		return nil, nil, nil
	case err == nil:
		text, _, _ := unstructured.NestedString(there.Object, "data", configKey)
		if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
			return nil, []fault.Detail{{Path: configKey, Message: err.Error()}}, nil
		}
	case !apierrors.IsNotFound(err):
		return nil, nil, err
	}
	if s.Gateway != nil || fields["gateway"] == nil {
		found, problem, err := s.gateway(ctx, client)
		if err != nil || problem != nil {
			return nil, problem, err
		}
		if found != nil {
			keepSources(fields["gateway"], found["gateway"])
			maps.Copy(fields, found)
		}
	}
	if len(s.From) > 0 {
		gateway, _ := fields["gateway"].(map[string]any)
		if gateway == nil {
			return nil, []fault.Detail{{Path: "gateway.from", Message: "needs a Gateway, and the cluster has none"}}, nil
		}
		gateway = maps.Clone(gateway)
		gateway["from"] = s.From
		fields["gateway"] = gateway
	}
	if s.Domain != nil {
		fields["domain"] = *s.Domain
	}
	for name, port := range map[string]*int{"http": s.HTTPPort, "https": s.HTTPSPort} {
		if port != nil {
			ports, _ := fields["ports"].(map[string]any)
			if ports = maps.Clone(ports); ports == nil {
				ports = map[string]any{}
			}
			ports[name] = *port
			fields["ports"] = ports
		}
	}
	if len(fields) == 0 {
		return nil, nil, nil
	}
	text, err := yaml.Marshal(fields)
	if err != nil {
		return nil, nil, err
	}
	c, problems := decode(string(text))
	if len(problems) == 0 {
		problems = c.problems()
	}
	if len(problems) > 0 {
		return nil, problems, nil
	}
	o, err := platformConfig(text)
	return o, nil, err
}

// keepSources keeps where the requests of a Gateway come from, if it is the one that was chosen before.
func keepSources(before, chosen any) {
	b, _ := before.(map[string]any)
	c := chosen.(map[string]any) //nolint:forcetypeassert // of gatewayFields
	if c["from"] == nil && b["from"] != nil && b["namespace"] == c["namespace"] && b["name"] == c["name"] {
		c["from"] = b["from"]
	}
}

// gateway returns the fields for the chosen Gateway, or for the only one of the cluster. They are nil if the cluster has none, or if
// the owner has chosen none of several.
func (s Setup) gateway(ctx context.Context, client *kube.Client) (map[string]any, []fault.Detail, error) {
	gateways, err := kube.ListAs[gatewayv1.Gateway](ctx, client, object.Gateway, "", "")
	if errors.As(err, new(*kube.AbsentError)) {
		err = nil
	}
	if err != nil {
		return nil, nil, err
	}
	var names []string
	var chosen *gatewayv1.Gateway
	for _, g := range gateways {
		name := g.Namespace + "/" + g.Name
		names = append(names, name)
		if s.Gateway != nil && *s.Gateway == name || s.Gateway == nil && len(gateways) == 1 {
			chosen = g
		}
	}
	slices.Sort(names)
	switch {
	case chosen != nil:
		fields := gatewayFields(fromGateway(chosen))
		sources, err := sourcesOf(ctx, client, chosen.Name)
		if len(sources) > 0 {
			fields["gateway"].(map[string]any)["from"] = sources
		}
		return fields, nil, err
	case s.Gateway != nil && len(names) == 0:
		return nil, []fault.Detail{{Path: "gateway", Message: fmt.Sprintf("%q does not exist: the cluster has no Gateway", *s.Gateway)}}, nil
	case s.Gateway != nil:
		return nil, []fault.Detail{{Path: "gateway", Message: fmt.Sprintf("%q does not exist: the cluster has %s", *s.Gateway, strings.Join(names, ", "))}}, nil
	case len(names) > 1:
		return nil, []fault.Detail{{Path: "gateway", Message: "is missing, and the cluster has several: " + strings.Join(names, ", ")}}, nil
	}
	return nil, nil, nil
}

// gatewayFields returns what psc-platform says about a Gateway.
func gatewayFields(g render.GatewayAPI) map[string]any {
	gateway := map[string]any{"namespace": g.Namespace, "name": g.Name}
	ports := map[string]any{}
	for name, l := range map[string]render.Listener{defaultHTTP: g.HTTP, defaultHTTPS: g.HTTPS} {
		if l.Port == 0 {
			continue
		}
		if ports[name] = l.Port; l.Name != name {
			gateway[name] = l.Name
		}
	}
	fields := map[string]any{"gateway": gateway, "ports": ports}
	if g.Domain != "" {
		fields["domain"] = g.Domain
	}
	return fields
}

func platformConfig(text []byte) (*unstructured.Unstructured, error) {
	return described(object.ConfigMap, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: object.PlatformNamespace, Name: object.PlatformConfig},
		Data:       map[string]string{configKey: string(text)},
	}, "the Gateway and the domain for routes")
}

// base returns the objects of every setup.
func base() ([]*unstructured.Unstructured, error) {
	everyone := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:authenticated"}}
	config := metav1.ObjectMeta{Namespace: object.PlatformNamespace, Name: object.PlatformConfig}
	hosts := metav1.ObjectMeta{Name: "psc-hosts"}
	debug := rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods/ephemeralcontainers"}, Verbs: []string{"patch"}}
	return describedAll([]purposeful{
		{object.Namespace, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: object.PlatformNamespace}}, "the configuration of psc"},
		{object.Role, &rbacv1.Role{ObjectMeta: config, Rules: only("", "configmaps", "get", config.Name)}, "the right to read the configuration"},
		{object.RoleBinding, &rbacv1.RoleBinding{ObjectMeta: config, RoleRef: roleRef(object.Role, config.Name), Subjects: everyone}, "gives it to all signed-in users"},
		{object.ClusterRole, &rbacv1.ClusterRole{ObjectMeta: aggregated("view"), Rules: Rules(false)}, "adds routes, deploys, members and metrics to the role view"},
		{object.ClusterRole, &rbacv1.ClusterRole{ObjectMeta: aggregated("edit"), Rules: append(Rules(true), debug)}, "adds routes, deploys and psc exec --debug to the roles edit and admin"},
		{object.ClusterRole, &rbacv1.ClusterRole{ObjectMeta: hosts, Rules: only(gatewayv1.GroupName, "httproutes", "list")}, "the right to see which pod serves a host"},
		{object.ClusterRoleBinding, &rbacv1.ClusterRoleBinding{ObjectMeta: hosts, RoleRef: roleRef(object.ClusterRole, hosts.Name), Subjects: everyone}, "gives it to all signed-in users"},
	})
}

// only returns the rules for one verb on one resource.
func only(group, resource, verb string, names ...string) []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{{APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names, Verbs: []string{verb}}}
}

func roleRef(kind kube.Kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind.Kind, Name: name}
}

// aggregated returns the metadata of a ClusterRole that Kubernetes adds to one of the built-in ones, and to those above it:
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
func aggregated(role string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: object.Manager + "-" + role, Labels: map[string]string{"rbac.authorization.k8s.io/aggregate-to-" + role: "true"}}
}

// Rules are the rights that the commands of psc need beyond the built-in roles: those of view, or with change those of edit and admin.
func Rules(change bool) []rbacv1.PolicyRule {
	verbs := []string{"get", "list", "watch"}
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{object.InstanceMetrics.Group}, Resources: []string{"pods"}, Verbs: verbs},
		{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"rolebindings"}, Verbs: verbs},
	}
	if change {
		verbs = append(slices.Clone(verbs), "create", "update", "patch", "delete")
	}
	return append(rules,
		rbacv1.PolicyRule{APIGroups: []string{gatewayv1.GroupName}, Resources: []string{"httproutes", "listenersets"}, Verbs: verbs},
		rbacv1.PolicyRule{APIGroups: []string{coordinationv1.GroupName}, Resources: []string{"leases"}, Verbs: verbs},
	)
}

//go:embed audit.yaml
var auditYAML string

// audit returns the objects that make records unforgeable.
func audit() ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for text := range strings.SplitSeq(auditYAML, "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
			return nil, err
		}
		out = append(out, owned(u))
	}
	return out, nil
}

// purposeful is an object with its purpose.
type purposeful struct {
	kind    kube.Kind
	object  runtime.Object
	purpose string
}

func describedAll(objects []purposeful) ([]*unstructured.Unstructured, error) {
	out := make([]*unstructured.Unstructured, len(objects))
	for i, o := range objects {
		var err error
		if out[i], err = described(o.kind, o.object, o.purpose); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// described returns an object with its purpose.
func described(kind kube.Kind, o runtime.Object, purpose string) (*unstructured.Unstructured, error) {
	u, err := kube.Unstructured(o, kind)
	if err != nil {
		return nil, err
	}
	u.SetAnnotations(map[string]string{description: purpose})
	return owned(u), nil
}

// owned adds the label of the objects that psc has created.
func owned(u *unstructured.Unstructured) *unstructured.Unstructured {
	labels := u.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[object.LabelManagedBy] = object.Manager
	u.SetLabels(labels)
	return u
}
