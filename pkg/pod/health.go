package pod

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Health is a check of an instance. Exactly one of Path, Command, TCP, GRPC and Off is set.
type Health struct {
	// Path is the path to request with HTTP GET. A status of 200 to 399 is healthy.
	Path string `json:"path,omitempty"`
	// Headers are headers of that request. Host is the host that the app is asked for; the default is the address of the
	// instance.
	Headers map[string]string `json:"headers,omitempty"`
	// Command is the command to run inside the instance. Exit code 0 is healthy.
	Command []string `json:"command,omitempty"`
	// TCP checks that the port accepts connections.
	TCP bool `json:"tcp,omitempty"`
	// GRPC asks the health service of gRPC (grpc.health.v1.Health). Its port needs the protocol h2c.
	GRPC bool `json:"grpc,omitempty"`
	// Off disables the check: an instance that runs counts as healthy.
	Off bool `json:"off,omitempty"`
	// Port is the port to check. The default is the main port of the app.
	Port int `json:"port,omitempty"`
	// Timeout is the time that the answer may take, such as 10s. The default is 2s.
	Timeout string `json:"timeout,omitempty"`
	// Every is the time between two checks, such as 15s. The default is 2s, and 10s for liveness.
	Every string `json:"every,omitempty"`
}

func (a *App) healthProblems(p *problems) {
	if a.Health != nil {
		a.Health.problems(p, "spec.health", a)
	}
	if a.Liveness == nil {
		return
	}
	if a.Liveness.Off {
		p.add("spec.liveness.off", "is the default: remove spec.liveness")
		return
	}
	a.Liveness.problems(p, "spec.liveness", a)
}

func (h *Health) problems(p *problems, path string, a *App) {
	ways := 0
	for _, set := range []bool{h.Path != "", len(h.Command) > 0, h.TCP, h.GRPC, h.Off} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		p.add(path, "needs exactly one of path, command, tcp, grpc and off")
	}
	p.command(path+".command", h.Command)
	if h.Path != "" && !strings.HasPrefix(h.Path, "/") {
		p.add(path+".path", "must begin with /, is %q", h.Path)
	}
	h.headerProblems(p, path+".headers")
	h.portProblems(p, path, a)
	p.duration(path+".timeout", h.Timeout)
	p.duration(path+".every", h.Every)
}

func (h *Health) headerProblems(p *problems, path string) {
	if len(h.Headers) > 0 && h.Path == "" {
		p.add(path, "needs a path: only an HTTP request has headers")
	}
	seen := map[string]string{} // by what servers compare
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		at := path + "." + name
		for _, m := range validation.IsHTTPHeaderName(name) {
			p.add(at, "%s", m)
		}
		if other, twice := seen[strings.ToLower(name)]; twice {
			p.add(at, "is the same header as %s", other)
		}
		seen[strings.ToLower(name)] = name
		if strings.ContainsFunc(h.Headers[name], func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			p.add(at, "has a line break or another control character")
		}
	}
}

func (h *Health) portProblems(p *problems, path string, a *App) {
	if h.Port != 0 {
		p.port(path+".port", h.Port)
	}
	if h.Path == "" && !h.TCP && !h.GRPC {
		return
	}
	port, ok := a.checked(h)
	switch {
	case h.Port == 0 && !ok:
		p.add(path, "needs a port: the app has none that can be checked")
	case ok && port.UDP():
		p.add(path+".port", "is port %s, and UDP cannot be checked: use a command or off", port.Name)
	case ok && h.GRPC && port.Protocol != ProtocolH2C:
		p.add(path+".grpc", "needs port %s to have the protocol %s", port.Name, ProtocolH2C)
	}
}

// checked returns the port of an app that a check is about: the one with its number, or else the main one. It returns false if
// the app has no such port; a check may have the number of any port.
func (a *App) checked(h *Health) (Port, bool) {
	if h.Port == 0 {
		return a.Main()
	}
	var found *Port
	for i, port := range a.Ports {
		if port.Port == h.Port && (found == nil || found.UDP()) {
			found = &a.Ports[i]
		}
	}
	if found == nil {
		return Port{}, false
	}
	return *found, true
}

// CheckedPort returns the number of the port that a check of the app is about.
func (a *App) CheckedPort(h *Health) int {
	if port, ok := a.checked(h); ok {
		return port.Port
	}
	return h.Port
}
