package convert

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/pkg/pod"
)

func jsonNumber(text string) json.Number { return json.Number(text) }

// service converts a Service: its ports become those of the app that it leads to.
func (c *conversion) service(s *source) {
	s.done = true
	spec := s.child("spec")
	a := c.selected(spec)
	kind := spec.text("type")
	if a == nil {
		s.done = false
		c.leave(s, "", "it leads to no app that psc takes in: keep it beside the pod's apps")
		return
	}
	kept := true // the instances keep the labels that it selects by
	for key := range spec.child("selector").fields {
		kept = kept && has(a.Selector, key)
	}
	spec.ignore("selector", "clusterIPs", "ipFamilies", "ipFamilyPolicy")
	spec.usual("internalTrafficPolicy", "Cluster")
	spec.usual("sessionAffinity", "None")
	if spec.text("clusterIP") == "None" {
		c.leave(s, "spec.clusterIP", "the Service of an app has an address: what asks for the addresses of the instances gets that one")
	}
	switch kind {
	case "", "ClusterIP":
	case "LoadBalancer", "NodePort":
		c.leave(s, "spec.type", "%s: the Service of an app has no address outside of the cluster: a route makes it reachable", kind)
		spec.usual("externalTrafficPolicy", "Cluster")
		spec.usual("allocateLoadBalancerNodePorts", true)
	}
	if s.name != a.name {
		switch {
		case c.Live && !kept:
			c.leave(s, "", "it stays, but finds no instances after the deploy, because it selects by labels that they lose: use the Service %s of the app", a.name)
		case c.Live:
			c.leave(s, "", "it stays, and leads to app %s as before. psc gives the app the Service %s too", a.name, a.name)
		default:
			c.leave(s, "metadata.name", "psc names the Service after the app: use %s as the address instead of %s", a.name, s.name)
		}
	}
	for _, n := range spec.list("ports") {
		number, _ := n.number("port")
		name := n.text("name")
		if port, ok := c.target(a, s, n, int(number)); ok {
			if c.Live && s.name == a.name && (int(number) == pod.ServicePort || int(number) == port.Port) {
				port.Name = a.rename(port.Name, name)
			}
			a.leads = append(a.leads, lead{s.name, name, int(number), port.Name, c.Live && s.name != a.name})
		}
	}
}

// rename gives a port the name that the Service of the app has for it, and returns its name: if the name changed, no request would
// reach the app until all proxies know the new one.
func (a *app) rename(old, name string) string {
	if name == "" || a.portNamed(name) >= 0 || len(validation.IsValidPortName(name)) > 0 {
		return old
	}
	for _, l := range a.leads {
		if l.to == old && !l.stays {
			return old
		}
	}
	a.Ports[a.portNamed(old)].Name = name
	for i := range a.leads {
		if a.leads[i].to == old {
			a.leads[i].to = name
		}
	}
	return name
}

// selected returns the app whose instances a Service selects, or nil.
func (c *conversion) selected(spec node) *app {
	tree, _ := spec.fields["selector"].(map[string]any)
	if len(tree) == 0 {
		return nil
	}
	for _, name := range sorted(c.apps) {
		a := c.apps[name]
		matches := true
		for key, value := range tree {
			matches = matches && a.labels[key] == value && has(a.labels, key)
		}
		if matches {
			return a
		}
	}
	return nil
}

// target returns the port of an app that a port of its Service leads to. A container need not list it.
func (c *conversion) target(a *app, s *source, n node, number int) (pod.Port, bool) {
	want := pod.Port{}
	if n.text("protocol") == "UDP" {
		want.Protocol = pod.ProtocolUDP
	}
	target := n.scalar("targetPort")
	if target == "" {
		target = fmt.Sprint(number)
	}
	i := slices.IndexFunc(a.Ports, func(p pod.Port) bool {
		return p.UDP() == want.UDP() && (p.Name == target || fmt.Sprint(p.Port) == target)
	})
	if i < 0 {
		if want.Port = c.number(a, target); want.Port == 0 {
			c.leave(s, n.at("targetPort"), "app %s has no port named %s", a.name, target)
			return want, false
		}
		a.addPort(want)
		i = len(a.Ports) - 1
	}
	if n.fields["appProtocol"] == "kubernetes.io/h2c" && !want.UDP() {
		n.ignore("appProtocol")
		a.Ports[i].Protocol = pod.ProtocolH2C
	}
	n.usual("appProtocol", "http")
	return a.Ports[i], true
}

// autoscaler converts a HorizontalPodAutoscaler of an app.
func (c *conversion) autoscaler(s *source) {
	spec := s.child("spec")
	target := spec.child("scaleTargetRef")
	name, _ := target.fields["name"].(string)
	a := c.apps[name]
	switch {
	case a == nil || target.fields["kind"] != "Deployment":
		c.leave(s, "", "it scales nothing that psc takes in")
		return
	case c.Live && s.name != name:
		c.leave(s, "", "it stays, and psc leaves the number of instances of app %s to it. To scale the app with psc, delete it and set autoscale", name)
		return
	}
	target.ignore("apiVersion", "kind", "name")
	scale := pod.Autoscale{Min: 1}
	if n, ok := spec.number("minReplicas"); ok {
		scale.Min = int(n)
	}
	if n, ok := spec.number("maxReplicas"); ok {
		scale.Max = int(n)
	}
	cpu, found := spec.number("targetCPUUtilizationPercentage")
	for _, n := range spec.list("metrics") {
		of := n.child("resource")
		aim := of.child("target")
		if n.fields["type"] == "Resource" && of.fields["name"] == "cpu" && aim.fields["type"] == "Utilization" {
			if cpu, found = aim.number("averageUtilization"); found {
				n.ignore("type")
				of.ignore("name")
				aim.ignore("type")
			}
		}
	}
	if !found {
		c.leave(s, "spec.metrics", "psc scales by the CPU usage only: app %s gets %s", name, pod.Count(scale.Min, "instance"))
		a.Instances = &scale.Min
		return
	}
	scale.CPU = int(cpu)
	a.Autoscale, a.Instances = &scale, nil
	c.rest(s)
}
