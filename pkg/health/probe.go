package health

import (
	"cmp"
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
	if started := c.State.Running.StartedAt.Time; e == nil || When(e).Before(started) || i.now.Sub(started) < answerGrace {
		return trouble{}
	}
	cause, next := i.answer(c.Name, e.Message)
	return trouble{cause: "runs but is not ready: " + cause, next: next, log: log}
}

func (i instance) isInit(container string) bool {
	return slices.ContainsFunc(i.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == container && c.RestartPolicy == nil // with a restart policy it runs beside the app
	})
}

func (i instance) lastProbe(container string) *corev1.Event {
	return last(slices.DeleteFunc(slices.Clone(i.events), func(e *corev1.Event) bool { return !about(e, container) }), "Unhealthy")
}

// check is a probe of a container, and what it said when it failed.
type check struct {
	of    instance
	probe *corev1.Probe
	// field is the field of the resource that the probe is rendered from.
	field string
	// ask is what the probe asks for: "GET :8080/healthz".
	ask string
	// port is the number of the port, or "".
	port string
	said string
}

// answer describes what a container answered to a probe, without what differs from probe to probe, and returns what can be done.
// The kubelet words it: https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/prober/prober.go
func (i instance) answer(container, message string) (string, []pod.Next) {
	message = strings.TrimPrefix(message, similar)
	kind, said := probed(message)
	spec := i.spec(container)
	c := check{of: i, probe: spec.ReadinessProbe, field: "health", said: said}
	switch {
	case strings.HasPrefix(kind, "Liveness"):
		c.probe, c.field = spec.LivenessProbe, "liveness"
	case strings.HasPrefix(kind, "Startup"):
		c.probe = spec.StartupProbe
		if spec.ReadinessProbe == nil && spec.LivenessProbe != nil {
			c.field = "liveness" // it is rendered from that
		}
	}
	if c.probe == nil || c.said == "" && kind == message { // of another kubelet than those that are known
		return cmp.Or(line(message, maxWords), "its health check failed"), i.set("health.path", "")
	}
	var port intstr.IntOrString
	switch {
	case c.probe.Exec != nil:
		return c.command()
	case c.probe.HTTPGet != nil:
		port = portOf(spec, c.probe.HTTPGet.Port)
		c.ask = fmt.Sprintf("GET :%s%s", port.String(), c.probe.HTTPGet.Path)
	case c.probe.GRPC != nil:
		port = intstr.FromInt32(c.probe.GRPC.Port)
		c.ask = fmt.Sprintf("the gRPC health service on port %d", c.probe.GRPC.Port)
	case c.probe.TCPSocket != nil:
		port = portOf(spec, c.probe.TCPSocket.Port)
		c.ask = "port " + port.String()
	}
	c.port = port.String()
	return c.request()
}

// similar is what the kubelet writes before the message of an event for several.
const similar = "(combined from similar events): "

// probed returns which probe has failed, such as "Liveness", and what it said; "" if the message is that of another kubelet.
func probed(message string) (kind, said string) {
	kind, said, failed := strings.Cut(message, " probe failed: ")
	if !failed { // the probe itself failed: its command was not found, its answer broke off
		kind, said, _ = strings.Cut(message, " probe errored and resulted in ")
		if _, cause, ok := strings.Cut(said, " state: "); ok {
			said = cause
		}
	}
	return kind, line(plain(said), maxWords)
}

// request describes the answer to a check that opens a connection.
func (c check) request() (string, []pod.Next) {
	change := func(field string) []pod.Next { return c.of.set(c.field+"."+field, "") }
	switch _, code, answered := strings.Cut(c.said, "statuscode: "); {
	case has(c.said, "connection refused"):
		return "nothing listens on port " + c.port, append(outside("let the app listen on that port on all addresses (0.0.0.0)"), pod.Next{
			Do: pod.DoSet, Kind: c.of.of.Kind, Name: c.of.of.Name, Set: map[string]string{"ports": ""}, Deploy: true,
			Note: "set the port that it listens on",
		})
	case answered && code == "400" && !c.hosted():
		host := change("headers.Host")
		host[0].Note = "name the host that the app expects, if it refuses its address"
		return c.ask + " answers 400", append(host, change("path")...)
	case answered:
		return c.ask + " answers " + code, change("path")
	case c.probe.GRPC != nil && has(c.said, "failed to connect"): // gRPC retries a refused connection until the timeout
		return "nothing answers gRPC on port " + c.port, append(outside("let the app serve gRPC on that port on all addresses (0.0.0.0)"), c.of.set("ports", "")...)
	case timedOut(c.said):
		return fmt.Sprintf("%s does not answer within %ds", c.ask, c.timeout()), append(c.longer(), c.other()...)
	case has(c.said, "no route to host"):
		return c.ask + " cannot be reached", c.other()
	case has(c.said, "does not implement the grpc health protocol"):
		return c.ask + " does not exist", c.of.set(c.field, "tcp")
	}
	return c.ask + ": " + cmp.Or(c.said, "failed without a reason"), c.other()
}

// command describes the end of a check that runs a command.
func (c check) command() (string, []pod.Next) {
	const words = "its health command "
	if timedOut(c.said) {
		return fmt.Sprintf(words+"did not end within %ds", c.timeout()), c.longer()
	}
	if c.said == "" {
		return words + "failed, and printed nothing", c.other()
	}
	return words + "failed: " + c.said, c.other()
}

// other is the step that sets another check of the same kind.
func (c check) other() []pod.Next {
	switch {
	case c.probe.Exec != nil:
		return c.of.set(c.field+".command", "")
	case c.probe.HTTPGet != nil:
		return c.of.set(c.field+".path", "")
	}
	return c.of.set(c.field, "")
}

func (c check) timeout() int32 { return max(1, c.probe.TimeoutSeconds) }

// longer is the step that gives the app more time to answer.
func (c check) longer() []pod.Next {
	return c.of.set(c.field+".timeout", fmt.Sprintf("%ds", 5*c.timeout()))
}

// hosted reports whether the check names a host.
func (c check) hosted() bool {
	return c.probe.HTTPGet != nil && slices.ContainsFunc(c.probe.HTTPGet.HTTPHeaders, func(h corev1.HTTPHeader) bool { return strings.EqualFold(h.Name, "Host") })
}

func timedOut(said string) bool {
	return has(said, "timed out", "deadline exceeded", "DeadlineExceeded", "Timeout", "timeout", "did not complete within")
}

// plain removes what is in front of the cause of an error of a connection, and of one of the container runtime: addresses that
// differ from probe to probe, and layers.
func plain(said string) string {
	if _, cause, ok := strings.Cut(said, `": `); ok && has(said, `Get "http`) {
		said = cause
	}
	for {
		operation, cause, ok := strings.Cut(said, ": ")
		if !ok || !has(operation, "dial tcp", "read tcp", "write tcp") {
			break
		}
		said = cause
	}
	if has(said, "OCI runtime exec failed", "failed to exec in container") {
		said = lastExec(said)
	}
	return said
}

// lastExec is the cause in an error of the container runtime about a command.
func lastExec(said string) string {
	said = innermost(said)
	for _, layer := range []string{"failed to exec in container: ", "OCI runtime exec failed: "} {
		if _, cause, ok := strings.Cut(said, layer); ok {
			said = cause
		}
	}
	return said
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
