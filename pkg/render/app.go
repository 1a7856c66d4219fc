package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	apply "k8s.io/client-go/applyconfigurations/core/v1"
	metav1 "k8s.io/client-go/applyconfigurations/meta/v1"
	policy "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/pscdev/psc/pkg/pod"
)

const (
	// drainSeconds is how long an instance goes on serving after it was told to stop, so that whoever sends it
	// traffic learns of it first:
	// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow
	drainSeconds = 5
	// graceSeconds is how long an app may take to finish what it is doing after that.
	graceSeconds = 30
	// settleSeconds is how long an instance that nobody can ask has to run before it counts as healthy.
	settleSeconds = 5
	// keptReplicaSets is enough to see what the last deploys did; psc's own history is what rollback uses.
	keptReplicaSets = 3
)

func appObjects(podName, name string, a *pod.App, spec pod.Spec) []*unstructured.Unstructured {
	all := labels(podName, LabelApp, name)
	objects := []*unstructured.Unstructured{
		object(apply.ServiceAccount(name, podName).WithLabels(all).WithAutomountServiceAccountToken(false)),
		object(deployment(podName, name, a, spec, all)),
	}
	if len(a.Ports) > 0 {
		objects = append(objects, object(service(podName, name, a, all)))
	}
	if a.Count() > 1 {
		objects = append(objects, object(policy.PodDisruptionBudget(name, podName).WithLabels(all).
			WithSpec(policy.PodDisruptionBudgetSpec().
				WithSelector(selector(name)).
				WithMaxUnavailable(intstr.FromInt32(1)).
				WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow))))
	}
	return objects
}

// selector must never change: that of a Deployment is immutable.
func selector(name string) *metav1.LabelSelectorApplyConfiguration {
	return metav1.LabelSelector().WithMatchLabels(map[string]string{LabelApp: name})
}

func service(podName, name string, a *pod.App, all map[string]string) *apply.ServiceApplyConfiguration {
	spec := apply.ServiceSpec().WithSelector(map[string]string{LabelApp: name})
	for _, p := range a.Ports {
		spec.WithPorts(apply.ServicePort().WithName(p.Name).WithProtocol(corev1.ProtocolTCP).
			WithPort(int32(p.Port)).WithTargetPort(intstr.FromString(p.Name)))
	}
	return apply.Service(name, podName).WithLabels(all).WithSpec(spec)
}

func deployment(podName, name string, a *pod.App, spec pod.Spec, all map[string]string) *appsv1.DeploymentApplyConfiguration {
	container := container(name, a, spec)
	template := apply.PodSpec().
		WithServiceAccountName(name).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(graceSeconds).
		WithSecurityContext(podSecurity(a)).
		WithTopologySpreadConstraints(apply.TopologySpreadConstraint().
			WithTopologyKey(corev1.LabelHostname).
			WithMaxSkew(1).
			WithWhenUnsatisfiable(corev1.ScheduleAnyway).
			WithLabelSelector(selector(name)).
			WithMatchLabelKeys("pod-template-hash")).
		WithContainers(container)
	if len(a.Ports) > 0 {
		template.WithTerminationGracePeriodSeconds(drainSeconds + graceSeconds)
	}
	d := appsv1.DeploymentSpec().
		WithReplicas(int32(a.Count())).
		WithRevisionHistoryLimit(keptReplicaSets).
		WithSelector(selector(name)).
		WithStrategy(strategy(a)).
		WithTemplate(apply.PodTemplateSpec().WithLabels(all).WithSpec(template))
	if container.ReadinessProbe == nil {
		d.WithMinReadySeconds(settleSeconds)
	}
	return appsv1.Deployment(name, podName).WithLabels(all).WithSpec(d)
}

// strategy starts new instances before it stops old ones, unless the app cannot bear two versions at once.
func strategy(a *pod.App) *appsv1.DeploymentStrategyApplyConfiguration {
	if a.Strategy == pod.StrategyRecreate {
		return appsv1.DeploymentStrategy().WithType("Recreate")
	}
	return appsv1.DeploymentStrategy().WithType("RollingUpdate").WithRollingUpdate(
		appsv1.RollingUpdateDeployment().
			WithMaxSurge(intstr.FromString("25%")).
			WithMaxUnavailable(intstr.FromInt32(0)))
}

// podSecurity and containerSecurity keep to the "restricted" Pod Security Standard where the image is known to run as
// a user of its own, and to "baseline" and no privilege escalation elsewhere:
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func podSecurity(a *pod.App) *apply.PodSecurityContextApplyConfiguration {
	s := apply.PodSecurityContext().
		WithSeccompProfile(apply.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	if restricted(a) {
		s.WithRunAsNonRoot(true).WithRunAsUser(*a.User)
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

func restricted(a *pod.App) bool { return a.User != nil && *a.User > 0 }

func container(name string, a *pod.App, spec pod.Spec) *apply.ContainerApplyConfiguration {
	size := a.Resources()
	c := apply.Container().
		WithName(name).
		WithImage(a.Image).
		WithCommand(a.Command...).
		WithArgs(a.Args...).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithSecurityContext(containerSecurity(a)).
		WithResources(apply.ResourceRequirements().
			WithRequests(corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse(size.CPU),
				corev1.ResourceMemory: resource.MustParse(size.Memory),
			}).
			WithLimits(corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(size.Memory)}))
	for _, p := range a.Ports {
		c.WithPorts(apply.ContainerPort().WithName(p.Name).WithContainerPort(int32(p.Port)).WithProtocol(corev1.ProtocolTCP))
	}
	for _, key := range slices.Sorted(maps.Keys(a.Env)) {
		c.WithEnv(apply.EnvVar().WithName(key).WithValue(envValue(a.Env[key], spec)))
	}
	if p := probe(a); p != nil {
		c.WithReadinessProbe(p)
	}
	if len(a.Ports) > 0 {
		c.WithLifecycle(apply.Lifecycle().WithPreStop(apply.LifecycleHandler().
			WithSleep(apply.SleepAction().WithSeconds(drainSeconds))))
	}
	return c
}

func envValue(v pod.EnvValue, spec pod.Spec) string {
	if v.App == "" {
		// Kubernetes takes $(NAME) for a reference and $$ for a dollar:
		// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
		return strings.ReplaceAll(v.Value, "$", "$$")
	}
	return fmt.Sprintf("http://%s:%d", v.App, spec.App(v.App).Ports[0].Port)
}

// probe asks an instance whether it can serve, or is nil when there is nothing to ask.
func probe(a *pod.App) *apply.ProbeApplyConfiguration {
	h := a.Health
	if h == nil {
		if len(a.Ports) == 0 {
			return nil
		}
		h = &pod.Health{TCP: true}
	}
	port := intstr.FromInt32(int32(h.Port))
	if h.Port == 0 && len(a.Ports) > 0 {
		port = intstr.FromString(a.Ports[0].Name)
	}
	p := apply.Probe().WithPeriodSeconds(2).WithTimeoutSeconds(2).WithFailureThreshold(3)
	switch {
	case h.Path != "":
		return p.WithHTTPGet(apply.HTTPGetAction().WithPath(h.Path).WithPort(port))
	case len(h.Command) > 0:
		return p.WithExec(apply.ExecAction().WithCommand(h.Command...))
	case h.TCP:
		return p.WithTCPSocket(apply.TCPSocketAction().WithPort(port))
	default:
		return nil
	}
}
