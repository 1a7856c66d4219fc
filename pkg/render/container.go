package render

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/pscdev/psc/pkg/pod"
)

const (
	// graceSeconds is how long an app may take to finish its work when it sets no time of its own.
	graceSeconds = 30
	// probeSeconds is the time between two probes of an instance, and the time that it has to answer.
	probeSeconds = 2
)

// stopSeconds is how long an app may take to finish its work when it is stopped.
func stopSeconds(a *pod.App) int64 {
	if a.StopGrace == "" {
		return graceSeconds
	}
	return seconds(a.StopGrace)
}

// seconds parses a duration that was validated. An empty one is 0.
func seconds(text string) int64 {
	d, _ := time.ParseDuration(text)
	return int64(d / time.Second)
}

func container(name string, a *pod.App, spec pod.Spec) corev1.Container {
	size := a.Resources()
	c := corev1.Container{
		Name:                     name,
		Image:                    a.Image,
		Command:                  literal(a.Command...),
		Args:                     literal(a.Args...),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		SecurityContext:          containerSecurity(a),
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{
				corev1.ResourceCPU:    resource.MustParse(size.CPU),
				corev1.ResourceMemory: resource.MustParse(size.Memory),
			},
			Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(size.Memory)},
		},
	}
	for _, p := range a.Ports {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: p.Name, ContainerPort: int32(p.Port), Protocol: corev1.ProtocolTCP})
	}
	variables := spec.Variables(a)
	for _, name := range pod.InOrder(variables) {
		c.Env = append(c.Env, envVar(name, variables[name], spec))
	}
	c.ReadinessProbe = probe(a)
	if grace := seconds(a.StartGrace); grace > 0 && c.ReadinessProbe != nil {
		c.StartupProbe = probe(a)
		c.StartupProbe.FailureThreshold = int32(max(1, grace/probeSeconds))
	}
	if len(a.Ports) > 0 {
		c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: drainSeconds}}}
	}
	return c
}

func envVar(name string, v pod.EnvValue, spec pod.Spec) corev1.EnvVar {
	switch {
	case v.Secret != "":
		secret := spec.Secret(v.Secret)
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secret.Object(v.Secret, secret.Keys[v.Key])},
			Key:                  v.Key,
		}}}
	case v.App != "":
		address := "http://" + v.App
		if port := servicePort(spec.App(v.App), v.Port); port != pod.ServicePort {
			address += fmt.Sprintf(":%d", port)
		}
		return corev1.EnvVar{Name: name, Value: address}
	case v.Config != "":
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: spec.Config(v.Config).Files[v.File].Object(v.Config, v.File)},
			Key:                  v.File,
		}}}
	case v.Instance != "":
		field := map[string]string{pod.InstanceName: "metadata.name", pod.InstanceAddress: "status.podIP", pod.InstanceNode: "spec.nodeName"}[v.Instance]
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: field}}}
	case v.Template != "":
		return corev1.EnvVar{Name: name, Value: v.Template}
	default:
		return corev1.EnvVar{Name: name, Value: literal(v.Value)[0]}
	}
}

// literal returns texts as Kubernetes has to be given them in variables and commands, also of probes: it reads $(NAME) as a
// reference and $$ as a dollar there:
// https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
func literal(texts ...string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = strings.ReplaceAll(text, "$", "$$")
	}
	return out
}

// probe checks whether an instance can serve. It is nil when the app has no health check and no port.
func probe(a *pod.App) *corev1.Probe {
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
	p := &corev1.Probe{PeriodSeconds: probeSeconds, TimeoutSeconds: probeSeconds, FailureThreshold: 3}
	switch {
	case h.Path != "":
		p.HTTPGet = &corev1.HTTPGetAction{Path: h.Path, Port: port}
	case len(h.Command) > 0:
		p.Exec = &corev1.ExecAction{Command: literal(h.Command...)}
	case h.TCP:
		p.TCPSocket = &corev1.TCPSocketAction{Port: port}
	default:
		return nil
	}
	return p
}
