package render

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	apply "k8s.io/client-go/applyconfigurations/core/v1"

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

func container(name string, a *pod.App, spec pod.Spec) *apply.ContainerApplyConfiguration {
	size := a.Resources()
	c := apply.Container().
		WithName(name).
		WithImage(a.Image).
		WithCommand(literal(a.Command...)...).
		WithArgs(literal(a.Args...)...).
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
		c.WithEnv(envVar(key, a.Env[key], spec))
	}
	if p := probe(a); p != nil {
		c.WithReadinessProbe(p)
		if grace := seconds(a.StartGrace); grace > 0 {
			c.WithStartupProbe(probe(a).WithFailureThreshold(int32(max(1, grace/probeSeconds))))
		}
	}
	if len(a.Ports) > 0 {
		c.WithLifecycle(apply.Lifecycle().WithPreStop(apply.LifecycleHandler().
			WithSleep(apply.SleepAction().WithSeconds(drainSeconds))))
	}
	return c
}

func envVar(name string, v pod.EnvValue, spec pod.Spec) *apply.EnvVarApplyConfiguration {
	out := apply.EnvVar().WithName(name)
	switch {
	case v.Secret != "":
		secret := spec.Secret(v.Secret)
		return out.WithValueFrom(apply.EnvVarSource().WithSecretKeyRef(apply.SecretKeySelector().
			WithName(secret.Object(v.Secret, secret.Keys[v.Key])).WithKey(v.Key)))
	case v.App != "":
		address := "http://" + v.App
		if port := servicePort(spec.App(v.App), v.Port); port != pod.ServicePort {
			address += fmt.Sprintf(":%d", port)
		}
		return out.WithValue(address)
	default:
		return out.WithValue(literal(v.Value)[0])
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
	p := apply.Probe().WithPeriodSeconds(probeSeconds).WithTimeoutSeconds(probeSeconds).WithFailureThreshold(3)
	switch {
	case h.Path != "":
		return p.WithHTTPGet(apply.HTTPGetAction().WithPath(h.Path).WithPort(port))
	case len(h.Command) > 0:
		return p.WithExec(apply.ExecAction().WithCommand(literal(h.Command...)...))
	case h.TCP:
		return p.WithTCPSocket(apply.TCPSocketAction().WithPort(port))
	default:
		return nil
	}
}
