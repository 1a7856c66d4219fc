package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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
	// probeSeconds is the time between two checks of an instance, and the time that it has to answer.
	probeSeconds = 2
	// livenessSeconds is the time between two checks that may restart an instance.
	livenessSeconds = 10
	// failures is how often in a row a check has to fail.
	failures = 3
	// startSeconds is how long an app with a liveness check may take to start when it sets no time of its own: the liveness
	// check must not stop an instance that starts slowly.
	startSeconds = 24 * 60 * 60
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

func container(name string, a *pod.App, spec pod.Spec, cluster Cluster) corev1.Container {
	size := a.Resources()
	limits := corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(size.Memory)}
	if limit := cpuLimit(a, cluster); limit != nil {
		limits[corev1.ResourceCPU] = *limit
	}
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
			Limits: limits,
		},
	}
	for _, p := range a.Ports {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: p.Name, ContainerPort: int32(p.Port), Protocol: transport(p)})
	}
	variables := spec.Variables(a)
	for _, name := range pod.InOrder(variables) {
		c.Env = append(c.Env, envVar(name, variables[name], spec))
	}
	addProbes(&c, a)
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

// minLimit is the smallest CPU limit that psc chooses: with less, an instance would hardly start.
const minLimit = "500m"

// cpuLimit returns the CPU limit of one instance, or nil for none.
func cpuLimit(a *pod.App, c Cluster) *resource.Quantity {
	limit := resource.MustParse(minLimit)
	switch request := resource.MustParse(a.Resources().CPU); {
	case a.CPULimit != "":
		limit = resource.MustParse(a.CPULimit)
	case !c.NeedsCPULimit:
		return nil
	case request.Cmp(limit) > 0:
		limit = request
	}
	return &limit
}

// addProbes adds the health check and the liveness check. A startup probe keeps both waiting until the instance was healthy for
// the first time: https://kubernetes.io/docs/concepts/workloads/pods/probes/
func addProbes(c *corev1.Container, a *pod.App) {
	ready, live := readiness(a), a.Liveness
	start, grace, every := ready, seconds(a.StartGrace), int64(probeSeconds)
	if ready != nil {
		c.ReadinessProbe = probe(a, ready, probeSeconds)
	}
	if live != nil {
		c.LivenessProbe = probe(a, live, livenessSeconds)
		if grace = cmp.Or(grace, startSeconds); ready == nil {
			start, every = live, livenessSeconds
		}
	}
	if start != nil && grace > 0 {
		c.StartupProbe = probe(a, start, every)
		c.StartupProbe.FailureThreshold = int32(max(1, grace/int64(c.StartupProbe.PeriodSeconds)))
	}
}

// readiness returns the check that says whether an instance can serve, or nil if there is none.
func readiness(a *pod.App) *pod.Health {
	_, listens := a.Main()
	switch {
	case a.Health == nil && listens:
		return &pod.Health{TCP: true}
	case a.Health == nil || a.Health.Off:
		return nil
	}
	return a.Health
}

// probe renders a check. every is the time between two checks in seconds, if the check sets none.
func probe(a *pod.App, h *pod.Health, every int64) *corev1.Probe {
	port := intstr.FromInt32(int32(h.Port))
	if main, ok := a.Main(); ok && h.Port == 0 {
		port = intstr.FromString(main.Name)
	}
	p := &corev1.Probe{
		PeriodSeconds:    int32(cmp.Or(seconds(h.Every), every)),
		TimeoutSeconds:   int32(cmp.Or(seconds(h.Timeout), probeSeconds)),
		FailureThreshold: failures,
	}
	switch {
	case h.Path != "":
		p.HTTPGet = &corev1.HTTPGetAction{Path: h.Path, Port: port}
		for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
			p.HTTPGet.HTTPHeaders = append(p.HTTPGet.HTTPHeaders, corev1.HTTPHeader{Name: name, Value: h.Headers[name]})
		}
	case len(h.Command) > 0:
		p.Exec = &corev1.ExecAction{Command: literal(h.Command...)}
	case h.GRPC: // it takes no name of a port
		p.GRPC = &corev1.GRPCAction{Port: int32(a.CheckedPort(h)), Service: new("")}
	default:
		p.TCPSocket = &corev1.TCPSocketAction{Port: port}
	}
	return p
}
