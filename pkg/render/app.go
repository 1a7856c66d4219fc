package render

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	autoscaling "k8s.io/client-go/applyconfigurations/autoscaling/v2"
	apply "k8s.io/client-go/applyconfigurations/core/v1"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	policy "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

const (
	// drainSeconds is how long an instance keeps serving after its stop began, until all clients send their traffic
	// elsewhere:
	// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow
	drainSeconds = 5
	// settleSeconds is how long an instance without a probe has to run before it counts as healthy.
	settleSeconds = 5
	// keptReplicaSets is enough to see what the last deploys did. A rollback uses psc's own history.
	keptReplicaSets = 3
)

// apps renders each app, with what it needs in the cluster.
func apps(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, pod.Problems) {
	var objects []*unstructured.Unstructured
	for name, a := range spec.Apps() {
		objects = append(objects, appObjects(podName, name, a, spec, c.PullSecret)...)
	}
	return objects, nil
}

func appObjects(podName, name string, a *pod.App, spec pod.Spec, pullSecret string) []*unstructured.Unstructured {
	all := labels(podName, object.LabelApp, name)
	account := apply.ServiceAccount(name, podName).WithLabels(all).WithAutomountServiceAccountToken(false)
	if pullSecret != "" { // not in the template, so that a login restarts nothing
		account.WithImagePullSecrets(apply.LocalObjectReference().WithName(pullSecret))
	}
	objects := []*unstructured.Unstructured{
		rendered(account),
		rendered(deployment(podName, name, a, spec, all)),
	}
	if len(a.Ports) > 0 {
		objects = append(objects, rendered(service(podName, name, a, all)))
	}
	if a.Autoscale != nil {
		objects = append(objects, rendered(autoscaler(podName, name, a.Autoscale, all)))
	}
	if a.Count() > 1 || a.Autoscale != nil {
		objects = append(objects, rendered(policy.PodDisruptionBudget(name, podName).WithLabels(all).
			WithSpec(policy.PodDisruptionBudgetSpec().
				WithSelector(selector(name)).
				WithMaxUnavailable(intstr.FromInt32(1)).
				WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow))))
	}
	return objects
}

// selector must never change: the selector of a Deployment is immutable.
func selector(name string) *metav1.LabelSelectorApplyConfiguration {
	return metav1.LabelSelector().WithMatchLabels(map[string]string{object.LabelApp: name})
}

// service offers each port of an app under its own number, and the first port at pod.ServicePort too.
func service(podName, name string, a *pod.App, all map[string]string) *apply.ServiceApplyConfiguration {
	spec := apply.ServiceSpec().WithSelector(map[string]string{object.LabelApp: name})
	add := func(name string, number int, target pod.Port) {
		spec.WithPorts(apply.ServicePort().WithName(name).WithProtocol(corev1.ProtocolTCP).
			WithPort(int32(number)).WithTargetPort(intstr.FromString(target.Name)))
	}
	first := a.Ports[0]
	add(first.Name, pod.ServicePort, first)
	if first.Port != pod.ServicePort {
		add(fmt.Sprint(first.Port), first.Port, first) // no name of a port is a number
	}
	for _, p := range a.Ports[1:] {
		add(p.Name, p.Port, p)
	}
	return apply.Service(name, podName).WithLabels(all).WithSpec(spec)
}

// servicePort returns the number at which the Service of an app has a port; the first port when name is empty.
func servicePort(a *pod.App, name string) int {
	for _, p := range a.Ports[1:] {
		if p.Name == name {
			return p.Port
		}
	}
	return pod.ServicePort
}

func autoscaler(podName, name string, s *pod.Autoscale, all map[string]string) *autoscaling.HorizontalPodAutoscalerApplyConfiguration {
	return autoscaling.HorizontalPodAutoscaler(name, podName).WithLabels(all).WithSpec(autoscaling.HorizontalPodAutoscalerSpec().
		WithScaleTargetRef(autoscaling.CrossVersionObjectReference().WithAPIVersion("apps/v1").WithKind("Deployment").WithName(name)).
		WithMinReplicas(int32(s.Min)).
		WithMaxReplicas(int32(s.Max)).
		WithMetrics(autoscaling.MetricSpec().
			WithType(autoscalingv2.ResourceMetricSourceType).
			WithResource(autoscaling.ResourceMetricSource().WithName(corev1.ResourceCPU).WithTarget(
				autoscaling.MetricTarget().WithType(autoscalingv2.UtilizationMetricType).WithAverageUtilization(int32(s.Target()))))))
}

func deployment(podName, name string, a *pod.App, spec pod.Spec, all map[string]string) *appsv1.DeploymentApplyConfiguration {
	container := container(name, a, spec)
	volumes, mounts := volumes(a, spec)
	container.WithVolumeMounts(mounts...)
	grace := stopSeconds(a)
	if len(a.Ports) > 0 {
		grace += drainSeconds
	}
	template := apply.PodSpec().
		WithServiceAccountName(name).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(grace).
		WithSecurityContext(podSecurity(a)).
		WithTopologySpreadConstraints(apply.TopologySpreadConstraint().
			WithTopologyKey(corev1.LabelHostname).
			WithMaxSkew(1).
			WithWhenUnsatisfiable(corev1.ScheduleAnyway).
			WithLabelSelector(selector(name)).
			WithMatchLabelKeys("pod-template-hash")).
		WithVolumes(volumes...).
		WithContainers(container)
	d := appsv1.DeploymentSpec().
		WithRevisionHistoryLimit(keptReplicaSets).
		WithSelector(selector(name)).
		WithStrategy(strategy(a, spec)).
		WithTemplate(apply.PodTemplateSpec().WithLabels(all).WithSpec(template))
	if a.Autoscale == nil { // else the autoscaler writes the number
		d.WithReplicas(int32(a.Count()))
	}
	if container.ReadinessProbe == nil {
		d.WithMinReadySeconds(settleSeconds)
	}
	return appsv1.Deployment(name, podName).WithLabels(all).WithSpec(d)
}

// strategy starts new instances before it stops old ones, unless two versions of the app cannot run at once.
func strategy(a *pod.App, spec pod.Spec) *appsv1.DeploymentStrategyApplyConfiguration {
	if spec.Recreates(a) {
		return appsv1.DeploymentStrategy().WithType("Recreate")
	}
	return appsv1.DeploymentStrategy().WithType("RollingUpdate").WithRollingUpdate(
		appsv1.RollingUpdateDeployment().
			WithMaxSurge(intstr.FromString("25%")).
			WithMaxUnavailable(intstr.FromInt32(0)))
}

// podSecurity and containerSecurity follow the "restricted" Pod Security Standard when the image is known to run as
// a user of its own, else "baseline" without privilege escalation:
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func podSecurity(a *pod.App) *apply.PodSecurityContextApplyConfiguration {
	s := apply.PodSecurityContext().
		WithSeccompProfile(apply.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	user := a.RunsAs()
	if user != nil {
		s.WithRunAsUser(*user)
	}
	if restricted(a) {
		s.WithRunAsNonRoot(true)
		if grouped(a) {
			s.WithFSGroup(*user).WithFSGroupChangePolicy(corev1.FSGroupChangeOnRootMismatch)
		}
	}
	return s
}

func containerSecurity(a *pod.App) *apply.SecurityContextApplyConfiguration {
	s := apply.SecurityContext().WithAllowPrivilegeEscalation(false)
	if restricted(a) {
		s.WithCapabilities(apply.Capabilities().WithDrop("ALL"))
	}
	return s
}

func restricted(a *pod.App) bool {
	user := a.RunsAs()
	return user != nil && *user > 0
}
