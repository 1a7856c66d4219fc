package convert

import (
	"reflect"
	"slices"

	"github.com/pscdev/psc/pkg/pod"
)

// probes takes the checks of the container that is the app.
func (c *conversion) probes(a *app, container node) {
	a.Health = c.probe(a, container, "readinessProbe")
	a.Liveness = c.probe(a, container, "livenessProbe")
	start := container.child("startupProbe")
	if len(start.fields) == 0 {
		return
	}
	failures, ok := start.number("failureThreshold")
	if !ok {
		failures = 3
	}
	period, ok := start.number("periodSeconds")
	if !ok {
		period = 10
	}
	a.StartGrace = seconds(failures * period)
	start.usual("timeoutSeconds", 1)
	start.usual("successThreshold", 1)
	// It checks the same as one of the others: then nothing is lost.
	own := c.handler(a, start)
	same := func(h *pod.Health) bool {
		if own == nil || h == nil {
			return false
		}
		other := *h
		other.Every, other.Timeout = "", ""
		return reflect.DeepEqual(*own, other)
	}
	if own != nil && !same(a.Health) && !same(a.Liveness) {
		c.leave(a.source, start.path, "psc uses the health check until an instance is ready, and gives it %s", a.StartGrace)
	}
}

func (c *conversion) probe(a *app, container node, name string) *pod.Health {
	n := container.child(name)
	if len(n.fields) == 0 {
		return nil
	}
	h := c.handler(a, n)
	if h == nil {
		return nil
	}
	if every, ok := n.number("periodSeconds"); ok {
		h.Every = seconds(every)
	}
	if timeout, ok := n.number("timeoutSeconds"); ok {
		h.Timeout = seconds(timeout)
	}
	n.usual("initialDelaySeconds", 0)
	n.usual("failureThreshold", 3)
	n.usual("successThreshold", 1)
	return h
}

// handler takes how a probe checks. It returns nil if psc cannot express it.
func (c *conversion) handler(a *app, n node) *pod.Health {
	http, exec, tcp, grpc := n.child("httpGet"), n.child("exec"), n.child("tcpSocket"), n.child("grpc")
	h := &pod.Health{}
	from := http
	switch {
	case n.has("exec"):
		if h.Command = exec.texts("command"); h.Command == nil {
			return nil
		}
		return h
	case n.has("httpGet"):
		if http.fields["scheme"] == "HTTPS" {
			c.leave(a.source, http.at("scheme"), "psc checks https as a TCP connection")
			http.ignore("scheme", "path", "httpHeaders")
			h.TCP = true
			break
		}
		http.usual("scheme", "HTTP")
		if h.Path = http.text("path"); h.Path == "" {
			h.Path = "/"
		}
		for _, header := range http.list("httpHeaders") {
			if h.Headers == nil {
				h.Headers = map[string]string{}
			}
			h.Headers[header.text("name")] = header.text("value")
		}
	case n.has("tcpSocket"):
		h.TCP, from = true, tcp
	case n.has("grpc"):
		grpc.usual("service", "")
		h.GRPC, from = true, grpc
	default:
		return nil
	}
	h.Port = c.number(a, from.scalar("port"))
	for i, p := range a.Ports {
		if h.GRPC && p.Port == h.Port && !p.UDP() {
			a.Ports[i].Protocol = pod.ProtocolH2C
			c.leave(a.source, grpc.path, "psc checks gRPC on ports with the protocol h2c: routes speak HTTP/2 to port %s", p.Name)
		}
	}
	return h
}

// number returns the number of a port that is given by its name or its number, or 0.
func (c *conversion) number(a *app, port string) int {
	if i := slices.IndexFunc(a.Ports, func(p pod.Port) bool { return p.Name == port && !p.UDP() }); i >= 0 {
		return a.Ports[i].Port
	}
	number, _ := node{fields: map[string]any{"p": jsonNumber(port)}}.number("p")
	return int(number)
}
