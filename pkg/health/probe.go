package health

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/pscdev/psc/pkg/pod"
)

// answerGrace is how long a container may run until its answers to probes are reported.
const answerGrace = 5 * time.Second

// unready returns the reason why a running container is not ready. An app never fails because of it: a slow start looks the
// same.
func (i instance) unready(c corev1.ContainerStatus) trouble {
	if c.State.Running == nil || c.Ready {
		return trouble{}
	}
	log := Log{Instance: i.Name, Container: c.Name}
	if i.isInit(c.Name) {
		return trouble{cause: "has not ended yet, and the app waits for it", log: log}
	}
	e := i.lastProbe(c.Name)
	if started := c.State.Running.StartedAt.Time; e == nil || when(e).Before(started) || i.now.Sub(started) < answerGrace {
		return trouble{}
	}
	t := trouble{cause: "runs but is not ready: " + i.answer(c.Name, e.Message), log: log}
	if has(e.Message, "connection refused") {
		t.next = append(outside("let the app listen on that port on all addresses (0.0.0.0)"), pod.Next{
			Do: pod.DoSet, Kind: i.of.Kind, Name: i.of.Name, Set: map[string]string{"ports": ""}, Deploy: true,
			Note: "set the port that it listens on",
		})
	} else {
		t.next = i.set("health.path", "")
	}
	return t
}

func (i instance) isInit(container string) bool {
	return slices.ContainsFunc(i.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == container && c.RestartPolicy == nil // with a restart policy it runs beside the app
	})
}

func (i instance) lastProbe(container string) *corev1.Event {
	return last(slices.DeleteFunc(slices.Clone(i.events), func(e *corev1.Event) bool { return !about(e, container) }), "Unhealthy")
}

// answer describes what a container answered to a probe, without what differs from probe to probe.
func (i instance) answer(container, message string) string {
	kind, said, _ := strings.Cut(message, " probe failed: ")
	spec := i.spec(container)
	probe := spec.ReadinessProbe
	switch kind {
	case "Liveness":
		probe = spec.LivenessProbe
	case "Startup":
		probe = spec.StartupProbe
	}
	if probe == nil {
		return line(message, maxWords)
	}
	ask := ""
	port := intstr.IntOrString{}
	switch {
	case probe.HTTPGet != nil:
		port = portOf(spec, probe.HTTPGet.Port)
		ask = fmt.Sprintf("GET :%s%s", port.String(), probe.HTTPGet.Path)
	case probe.TCPSocket != nil:
		port = portOf(spec, probe.TCPSocket.Port)
		ask = "port " + port.String()
	case probe.Exec != nil:
		return "its health command failed: " + line(said, maxWords)
	}
	switch {
	case has(said, "connection refused"):
		return fmt.Sprintf("nothing listens on port %s", port.String())
	case has(said, "statuscode: "):
		_, code, _ := strings.Cut(said, "statuscode: ")
		return fmt.Sprintf("%s answers %s", ask, code)
	case has(said, "deadline exceeded", "Timeout", "timeout"):
		return fmt.Sprintf("%s does not answer within %ds", ask, max(1, probe.TimeoutSeconds))
	case has(said, "no route to host"):
		return fmt.Sprintf("%s cannot be reached", ask)
	}
	return ask + ": " + line(said, maxWords)
}

// portOf returns a port by its number, which the probe may give by its name.
func portOf(c corev1.Container, port intstr.IntOrString) intstr.IntOrString {
	for _, p := range c.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			return intstr.FromInt32(p.ContainerPort)
		}
	}
	return port
}
