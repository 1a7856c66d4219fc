package render

import (
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"

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
		objects = append(objects, appObjects(podName, name, a, spec, c)...)
	}
	return objects, nil
}

func appObjects(podName, name string, a *pod.App, spec pod.Spec, c Cluster) []*unstructured.Unstructured {
	all := labels(podName, object.LabelApp, name)
	objects := []*unstructured.Unstructured{account(podName, name, all, c)}
	add := func(kind object.Kind, spec any) { objects = append(objects, withSpec(kind, podName, name, all, spec)) }
	add(object.Deployment, deployment(name, a, spec, c, all))
	if len(a.Ports) > 0 {
		add(object.Service, service(name, a))
	}
	if s := a.Scaler(); s != nil {
		add(object.HorizontalPodAutoscaler, autoscaler(name, s))
	}
	if a.Count() > 1 || a.Scaler() != nil {
		add(object.PodDisruptionBudget, policyv1.PodDisruptionBudgetSpec{
			Selector:                   selector(name),
			MaxUnavailable:             new(intstr.FromInt32(1)),
			UnhealthyPodEvictionPolicy: new(policyv1.AlwaysAllow),
		})
	}
	return objects
}

// account renders the ServiceAccount of instances. It has the pull secret, which is not in the template of instances, so that a login
// restarts nothing.
func account(podName, name string, all map[string]string, c Cluster) *unstructured.Unstructured {
	account := corev1.ServiceAccount{
		TypeMeta:                     typeMeta(object.ServiceAccount),
		ObjectMeta:                   metav1.ObjectMeta{Name: name, Namespace: podName, Labels: all},
		AutomountServiceAccountToken: new(false),
	}
	if c.PullSecret != "" {
		account.ImagePullSecrets = []corev1.LocalObjectReference{{Name: c.PullSecret}}
	}
	return rendered(account)
}

// found returns the labels by which the Deployment and the Service of an app find its instances. They must never change: the selector
// of a Deployment is immutable, so an app that was a Deployment before keeps its own.
func found(name string, a *pod.App) map[string]string {
	if len(a.Selector) > 0 {
		return a.Selector
	}
	return selector(name).MatchLabels
}

// selector selects the instances of an app by psc's own label.
func selector(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{object.LabelApp: name}}
}

// service offers each port of an app under its own number, and the main port at pod.ServicePort too. The main port comes first:
// tools that show one port of a Service show that one.
func service(name string, a *pod.App) corev1.ServiceSpec {
	spec := corev1.ServiceSpec{Selector: found(name, a)}
	add := func(name string, number int, target pod.Port) {
		port := corev1.ServicePort{Name: name, Protocol: transport(target), Port: int32(number), TargetPort: intstr.FromString(target.Name)}
		if len(a.Selector) > 0 { // the instances of the Deployment that was taken over may have other names for their ports, or none
			port.TargetPort = intstr.FromInt32(int32(target.Port))
		}
		if target.Protocol == pod.ProtocolH2C {
			port.AppProtocol = new("kubernetes.io/h2c")
		}
		spec.Ports = append(spec.Ports, port)
	}
	main, ok := a.Main()
	if ok {
		add(main.Name, pod.ServicePort, main)
		if main.Port != pod.ServicePort {
			add(fmt.Sprint(main.Port), main.Port, main) // no name of a port is a number
		}
	}
	for _, p := range a.Ports {
		if p.Name != main.Name {
			add(p.Name, p.Port, p)
		}
	}
	return spec
}

func transport(p pod.Port) corev1.Protocol {
	if p.UDP() {
		return corev1.ProtocolUDP
	}
	return corev1.ProtocolTCP
}

// servicePort returns the number at which the Service of an app has a TCP port; the main port when name is empty.
func servicePort(a *pod.App, name string) int {
	main, _ := a.Main()
	for _, p := range a.Ports {
		if p.Name == name && name != main.Name {
			return p.Port
		}
	}
	return pod.ServicePort
}

func autoscaler(name string, s *pod.Autoscale) autoscalingv2.HorizontalPodAutoscalerSpec {
	return autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
		MinReplicas:    new(int32(s.Min)),
		MaxReplicas:    int32(s.Max),
		Metrics: []autoscalingv2.MetricSpec{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricSource{Name: corev1.ResourceCPU, Target: autoscalingv2.MetricTarget{
				Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(s.Target())),
			}},
		}},
	}
}

func deployment(name string, a *pod.App, spec pod.Spec, c Cluster, all map[string]string) appsv1.DeploymentSpec {
	names, programs := programs(name, a)
	volumes := volumes{names: map[string]string{}, count: map[string]int{}}
	containers := make([]corev1.Container, len(programs))
	for i, program := range programs {
		containers[i] = container(names[i], program, spec, c)
		containers[i].VolumeMounts = volumes.mounts(program, spec)
		if len(programs) > 1 { // each as its own user
			user := podSecurity(program)
			containers[i].SecurityContext.RunAsUser, containers[i].SecurityContext.RunAsNonRoot = user.RunAsUser, user.RunAsNonRoot
		}
		if len(a.Ports) > 0 {
			containers[i].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: drainSeconds}}}
		}
	}
	grace := stopSeconds(a)
	if len(a.Ports) > 0 {
		grace += drainSeconds
	}
	instance := maps.Clone(all)
	maps.Copy(instance, a.Selector)
	d := appsv1.DeploymentSpec{
		RevisionHistoryLimit: new(int32(keptReplicaSets)),
		Selector:             &metav1.LabelSelector{MatchLabels: found(name, a)},
		Strategy:             strategy(a, spec),
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: instance}, Spec: corev1.PodSpec{
			ServiceAccountName:            name,
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: &grace,
			SecurityContext:               podSecurity(programs...),
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
				TopologyKey:       corev1.LabelHostname,
				MaxSkew:           1,
				WhenUnsatisfiable: corev1.ScheduleAnyway,
				LabelSelector:     selector(name),
				MatchLabelKeys:    []string{"pod-template-hash"},
			}},
			Volumes:    volumes.all,
			Containers: containers,
		}},
	}
	if a.Scaler() == nil { // else the autoscaler writes the number
		d.Replicas = new(int32(a.Count()))
	}
	if slices.ContainsFunc(containers, func(c corev1.Container) bool { return c.ReadinessProbe == nil }) {
		d.MinReadySeconds = settleSeconds
	}
	return d
}

// strategy starts new instances before it stops old ones, unless two versions of the app cannot run at once.
func strategy(a *pod.App, spec pod.Spec) appsv1.DeploymentStrategy {
	if spec.Recreates(a) {
		return appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}
	}
	return appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
		MaxSurge:       new(intstr.FromString("25%")),
		MaxUnavailable: new(intstr.FromInt32(0)),
	}}
}

// podSecurity and containerSecurity follow the "restricted" Pod Security Standard when the image is known to run as
// a user of its own, else "baseline" without privilege escalation:
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func podSecurity(programs ...*pod.App) *corev1.PodSecurityContext {
	s := &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}}
	if len(programs) == 1 {
		s.RunAsUser = programs[0].RunsAs()
		if restricted(programs[0]) {
			s.RunAsNonRoot = new(true)
		}
	}
	for _, program := range programs {
		if restricted(program) && s.FSGroup == nil && slices.ContainsFunc(programs, grouped) { // all programs are members of the group
			s.FSGroup, s.FSGroupChangePolicy = program.RunsAs(), new(corev1.FSGroupChangeOnRootMismatch)
		}
	}
	return s
}

// programs returns the app itself and its processes, with the names of their containers.
func programs(name string, a *pod.App) (names []string, programs []*pod.App) {
	names, programs = []string{name}, []*pod.App{a}
	for _, x := range a.Processes {
		names, programs = append(names, x.Name), append(programs, a.Process(x))
	}
	return names, programs
}

// A program gets the capabilities of its file only where it may have more privileges than the one that started it, and only
// NET_BIND_SERVICE is allowed without that.
func containerSecurity(a *pod.App) *corev1.SecurityContext {
	more := slices.ContainsFunc(a.Capabilities, func(name string) bool { return name != "NET_BIND_SERVICE" })
	s := &corev1.SecurityContext{AllowPrivilegeEscalation: new(more)}
	var capabilities corev1.Capabilities
	for _, name := range a.Capabilities {
		capabilities.Add = append(capabilities.Add, corev1.Capability(name))
	}
	if restricted(a) {
		capabilities.Drop = []corev1.Capability{"ALL"}
	}
	if len(capabilities.Add)+len(capabilities.Drop) > 0 {
		s.Capabilities = &capabilities
	}
	return s
}

func restricted(a *pod.App) bool {
	user := a.RunsAs()
	return user != nil && *user > 0
}
