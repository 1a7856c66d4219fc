// Package object names the Kubernetes objects that psc writes and reads.
//
//	kind -> Row: in which phase of a deploy it is written and removed, or that it is kept
//
// A kind that psc renders has a row in Rendered. All labels, annotations and object names that psc uses are in keys.go, so that
// no two packages use one name for two things.
package object

import (
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// Kind is a kind of objects, such as {apps v1 Deployment}.
type Kind = schema.GroupVersionKind

// The kinds that psc renders: see Rendered.
var (
	ServiceAccount          = corev1.SchemeGroupVersion.WithKind("ServiceAccount")
	PersistentVolumeClaim   = corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim")
	Service                 = corev1.SchemeGroupVersion.WithKind("Service")
	Deployment              = appsv1.SchemeGroupVersion.WithKind("Deployment")
	HorizontalPodAutoscaler = autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler")
	PodDisruptionBudget     = policyv1.SchemeGroupVersion.WithKind("PodDisruptionBudget")
	Job                     = batchv1.SchemeGroupVersion.WithKind("Job")
	CronJob                 = batchv1.SchemeGroupVersion.WithKind("CronJob")
	ListenerSet             = gateway("ListenerSet")
	HTTPRoute               = gateway("HTTPRoute")
)

// The other kinds that psc reads, and writes where it keeps something of its own.
var (
	Namespace          = corev1.SchemeGroupVersion.WithKind("Namespace")
	ConfigMap          = corev1.SchemeGroupVersion.WithKind("ConfigMap")
	Secret             = corev1.SchemeGroupVersion.WithKind("Secret")
	Pod                = corev1.SchemeGroupVersion.WithKind("Pod")
	Event              = corev1.SchemeGroupVersion.WithKind("Event")
	ReplicaSet         = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")
	Lease              = coordinationv1.SchemeGroupVersion.WithKind("Lease")
	Role               = rbacv1.SchemeGroupVersion.WithKind("Role")
	RoleBinding        = rbacv1.SchemeGroupVersion.WithKind("RoleBinding")
	ClusterRole        = rbacv1.SchemeGroupVersion.WithKind("ClusterRole")
	ClusterRoleBinding = rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding")
	// AuditPolicy keeps records from being forged, where the owner of the cluster wants that.
	AuditPolicy  = admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy")
	AuditBinding = admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding")
	// OpenShiftToken is a token of OpenShift's OAuth server.
	OpenShiftToken = Kind{Group: "oauth.openshift.io", Version: "v1", Kind: "UserOAuthAccessToken"}
	Gateway        = gateway("Gateway")
	GatewayClass   = gateway("GatewayClass")
	ResourceQuota  = corev1.SchemeGroupVersion.WithKind("ResourceQuota")
	LimitRange     = corev1.SchemeGroupVersion.WithKind("LimitRange")
	NetworkPolicy  = Kind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}
	// StorageClass is only listed.
	StorageClass = Kind{Group: "storage.k8s.io", Version: "v1", Kind: "StorageClass"}
	// InstanceMetrics are not stored: another server than the API server measures them.
	InstanceMetrics = Kind{Group: "metrics.k8s.io", Version: "v1beta1", Kind: "PodMetrics"}
)

func gateway(kind string) Kind {
	return Kind{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version, Kind: kind}
}

// Absent says that a cluster does not have a kind: "this cluster has no Gateway API (HTTPRoute)".
func Absent(kind Kind) string {
	switch kind.Group {
	case gatewayv1.GroupName:
		return fmt.Sprintf("this cluster has no Gateway API (%s)", kind.Kind)
	case InstanceMetrics.Group:
		return "this cluster has no metrics (metrics-server is missing)"
	}
	return fmt.Sprintf("this cluster has no %s in %s", kind.Kind, kind.GroupVersion())
}

// Phase is a part of a deploy. Each begins when the one before is written.
type Phase int

// The phases, in their order.
const (
	// Base holds what workloads need.
	Base Phase = iota
	// Release holds the jobs that run before a deploy. They have to succeed before anything else is written or removed.
	Release
	// Clear removes what would undo the writes of workloads.
	Clear
	// Work holds services and workloads.
	Work
	// Routes holds routes, which wait until the apps that they lead to are ready.
	Routes
	// Remove holds what is removed last.
	Remove
)

// Row tells how a deploy treats the objects of a kind.
type Row struct {
	Kind Kind
	// Write is the phase in which an object is created or updated.
	Write Phase
	// Remove is the phase in which an object is removed that is no longer rendered.
	Remove Phase
	// Kept objects are never removed by a deploy: they hold data, which only people delete, by name.
	Kept bool
	// Template is the path of the template from which the objects start instances; nil if they start none. A deploy tries one
	// instance before it writes, and the content that a template mounts is in use.
	Template []string
	// Once is set if an object does its work once, and cannot be changed. A deploy leaves an object that exists as it is.
	Once bool
}

// Rendered returns a row for every kind that psc renders. A cluster need not have all of them.
func Rendered() []Row {
	return []Row{
		{Kind: ServiceAccount, Write: Base, Remove: Remove},
		{Kind: PersistentVolumeClaim, Write: Base, Kept: true},
		{Kind: Service, Write: Work, Remove: Remove},
		{Kind: Deployment, Write: Work, Remove: Remove, Template: []string{"spec", "template"}},
		{Kind: Job, Write: Release, Remove: Remove, Template: []string{"spec", "template"}, Once: true},
		{Kind: CronJob, Write: Work, Remove: Remove, Template: []string{"spec", "jobTemplate", "spec", "template"}},
		// An autoscaler goes before it undoes the number of instances that the deploy writes.
		{Kind: HorizontalPodAutoscaler, Write: Work, Remove: Clear},
		{Kind: PodDisruptionBudget, Write: Work, Remove: Remove},
		// Routes go before the apps that they lead to.
		{Kind: ListenerSet, Write: Routes, Remove: Routes},
		{Kind: HTTPRoute, Write: Routes, Remove: Routes},
	}
}

// Of returns the row of a kind in any version. A kind without a row is written with the workloads and removed last.
func Of(kind Kind) Row {
	for _, row := range Rendered() {
		if row.Kind.GroupKind() == kind.GroupKind() {
			return row
		}
	}
	return Row{Kind: kind, Write: Work, Remove: Remove}
}
