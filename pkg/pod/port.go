package pod

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Port is a port that an app listens on.
type Port struct {
	// Name is the name by which routes and other apps refer to the port, at most 15 characters long.
	Name string `json:"name" psc:"key"`
	// Port is the port number, 1 to 65535. TCP and UDP may have the same number.
	Port int `json:"port"`
	// Protocol is what the port speaks: TCP, to which routes speak HTTP/1.1, h2c (HTTP/2 without TLS, as gRPC does), or UDP.
	// The default is TCP. Other apps reach a UDP port at its own number, as web:53; routes do not lead to it.
	Protocol string `json:"protocol,omitempty"`
}

// The protocols of a port.
const (
	ProtocolTCP = "TCP"
	ProtocolH2C = "h2c"
	ProtocolUDP = "UDP"
)

// Protocols returns the protocols that a port can speak, the default first.
func Protocols() []string { return []string{ProtocolTCP, ProtocolH2C, ProtocolUDP} }

// ServicePort is the port at which routes and other apps reach the main port of an app, whatever its number is. An app
// can change the number while others go on using it. The other ports are reached at their own numbers.
const ServicePort = 80

// UDP reports whether it is a UDP port.
func (p Port) UDP() bool { return p.Protocol == ProtocolUDP }

// transport is the protocol below.
func (p Port) transport() string {
	if p.UDP() {
		return ProtocolUDP
	}
	return ProtocolTCP
}

// String returns the number with the protocol, unless that is the default: "8080", "53/UDP".
func (p Port) String() string {
	if p.Protocol == "" || p.Protocol == ProtocolTCP {
		return fmt.Sprint(p.Port)
	}
	return fmt.Sprintf("%d/%s", p.Port, p.Protocol)
}

// Words implements Part. An example is "port http" and "8080".
func (p Port) Words() (name, text string) { return "port " + p.Name, p.String() }

// Main returns the port that routes and other apps use if they name none: the port that MainPort names, else port 80, else the
// first one. It is never a UDP port. It returns false if there is none.
func (a *App) Main() (Port, bool) {
	var found Port
	for _, port := range a.Ports {
		switch {
		case port.UDP() || a.MainPort != "" && port.Name != a.MainPort:
		case found.Port == 0 || a.MainPort == "" && port.Port == ServicePort:
			found = port
		}
	}
	return found, found.Port != 0
}

func (a *App) portProblems(p *problems) {
	names, numbers := map[string]bool{}, map[string]bool{}
	main, _ := a.Main()
	for i, port := range a.Ports {
		path := fmt.Sprintf("spec.ports[%s]", port.Name)
		if port.Name == "" {
			p.add(fmt.Sprintf("spec.ports[%d].name", i), "is missing")
			continue
		}
		p.rule(path+".name", port.Name, validation.IsValidPortName, rulePort)
		p.port(path+".port", port.Port)
		if port.Port == ServicePort && !port.UDP() && port.Name != main.Name {
			p.add(path, "must be the main port: routes and other apps reach the main port at %d", ServicePort)
		}
		if number := fmt.Sprintf("%d/%s", port.Port, port.transport()); numbers[number] {
			p.add(path+".port", "%d is listed twice", port.Port)
		} else {
			numbers[number] = true
		}
		if names[port.Name] {
			p.add(path, "is listed twice")
		}
		names[port.Name] = true
		if port.Protocol != "" && !slices.Contains(Protocols(), port.Protocol) {
			p.protocol(path+".protocol", port.Protocol)
		}
	}
	if a.MainPort != "" && main.Name == "" {
		p.missingIn("spec.mainPort", Ref{}, fmt.Sprintf("the app has no TCP port named %q", a.MainPort), a.MainPort, a.tcpPorts())
	}
}

// protocol adds the problem of an unknown protocol, with the one that is meant.
func (p *problems) protocol(path, protocol string) {
	meant := map[string]string{"grpc": ProtocolH2C, "http2": ProtocolH2C, "http": ProtocolTCP}[strings.ToLower(protocol)]
	message := fmt.Sprintf("must be one of %s, is %q", strings.Join(Protocols(), ", "), protocol)
	if meant != "" {
		p.add(path, "%s: %s is %s", message, protocol, meant)
		return
	}
	p.missingIn(path, Ref{}, message, protocol, Protocols())
}

// tcpPorts returns the names of the ports that are not UDP.
func (a *App) tcpPorts() []string {
	var names []string
	for _, port := range a.Ports {
		if !port.UDP() {
			names = append(names, port.Name)
		}
	}
	return names
}

// appPort checks a reference to a port of an app by a route or a variable: the port with that name, or the main one if there
// is no name.
func (p *problems) appPort(at, name, port string, s Spec) {
	app := s.App(name)
	if app == nil {
		p.missing(at, KindApp, name, "", s)
		return
	}
	of, tcp := Ref{KindApp, name}, app.tcpPorts()
	switch {
	case slices.ContainsFunc(app.Ports, func(q Port) bool { return q.UDP() && q.Name == port }):
		message := fmt.Sprintf("port %q of app %q is UDP, which has no http address: other apps reach it as %s", port, name, udpAddress(app, name, port))
		*p = append(*p, Problem{Path: at, Message: message, Refers: of})
	case len(tcp) == 0:
		message := fmt.Sprintf("app %q has no port", name)
		if len(app.Ports) > 0 {
			message = fmt.Sprintf("app %q has only UDP ports, which have no http address", name)
		}
		*p = append(*p, Problem{
			Path: at, Message: message, Refers: of,
			Next: Next{Do: DoSet, Kind: KindApp, Name: name, Set: map[string]string{"ports": ""}},
		})
	case port != "" && !slices.Contains(tcp, port):
		p.missingIn(at, of, fmt.Sprintf("app %q has no port named %q", name, port), port, tcp,
			Next{Do: DoSet, Kind: KindApp, Name: name, Set: map[string]string{"ports": port + "=PORT"}})
	}
}

func udpAddress(app *App, name, port string) string {
	i := slices.IndexFunc(app.Ports, func(q Port) bool { return q.Name == port })
	return fmt.Sprintf("%s:%d", name, app.Ports[i].Port)
}
