package convert

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/pkg/pod"
)

// app is an app that is being made of a Deployment, and the Services that lead to it.
type app struct {
	*pod.App
	source *source
	name   string
	// labels are those of its instances, which the selectors of Services select.
	labels map[string]string
	leads  []lead
	memory bool // the memory was given
}

// lead is a port of a Service that leads to a port of an app.
type lead struct {
	service, name string
	port          int
	to            string
	stays         bool // the Service is not replaced by the one of the app
}

// deployment converts a Deployment to an app.
func (c *conversion) deployment(s *source) {
	if len(validation.IsDNS1035Label(s.name)) > 0 {
		c.named(s, "use a-z, 0-9 and -, start with a letter, at most 63 characters")
		return
	}
	s.done = true
	spec := s.child("spec")
	template := spec.child("template")
	instance := template.child("spec")
	a := &app{App: &pod.App{}, source: s, name: s.name}
	a.labels = template.child("metadata").texts2("labels")
	template.child("metadata").ignore("creationTimestamp")
	c.leaveKeys(s, "spec.template.metadata.annotations", template.child("metadata").texts2("annotations"), ownAnnotation,
		"psc has no annotations: a tool that reads these no longer finds them")
	c.selector(a, spec)
	if n, ok := spec.number("replicas"); ok && n != 1 {
		count := int(n)
		a.Instances = &count
	}
	c.strategy(a, spec)
	spec.usual("revisionHistoryLimit", 10)
	spec.usual("progressDeadlineSeconds", 600)
	spec.usual("minReadySeconds", 0)
	if n, ok := instance.number("terminationGracePeriodSeconds"); ok && n != 30 && n > 0 {
		a.StopGrace = seconds(n)
	}
	instance.usual("restartPolicy", "Always")
	usualInstance(instance)
	c.containers(a, instance)
	c.apps[a.name] = a
	c.Spec[pod.Ref{Kind: pod.KindApp, Name: a.name}] = a.App
}

// usualInstance takes what every instance has.
func usualInstance(instance node) {
	instance.usual("dnsPolicy", "ClusterFirst")
	instance.usual("schedulerName", "default-scheduler")
	instance.usual("enableServiceLinks", false, true)
	instance.usual("automountServiceAccountToken", false)
	for _, name := range []string{"serviceAccountName", "serviceAccount"} {
		instance.usual(name, "default", "")
	}
}

// selector keeps the selector of a Deployment that runs. Labels of instances that are not part of it are lost.
func (c *conversion) selector(a *app, spec node) {
	selector := spec.child("selector").texts2("matchLabels")
	lost := maps.Clone(a.labels)
	if c.Live {
		a.Selector = selector
		if len(spec.child("selector").list("matchExpressions")) > 0 {
			c.leave(a.source, "spec.selector.matchExpressions", "psc cannot keep this selector, and it cannot be changed: delete the Deployment before the deploy")
			spec.child("selector").ignore("matchExpressions")
		}
		maps.DeleteFunc(lost, func(key, _ string) bool { _, kept := selector[key]; return kept })
		c.leaveKeys(a.source, "spec.template.metadata.labels", lost, func(string) bool { return false },
			"the instances lose these labels: Services and network policies that select by them no longer find them")
		return
	}
	spec.child("selector").ignore("matchExpressions")
	c.leaveKeys(a.source, "spec.template.metadata.labels", lost, ownLabel, "psc sets its own labels: what selects by these finds nothing")
}

func (c *conversion) strategy(a *app, spec node) {
	strategy := spec.child("strategy")
	if strategy.text("type") == "Recreate" {
		a.Strategy = pod.StrategyRecreate
	}
	rolling := strategy.child("rollingUpdate")
	rolling.usual("maxSurge", "25%")
	rolling.usual("maxUnavailable", "25%", "0", 0)
}

// containers converts the containers of an instance: one is the app, and the others are its processes.
func (c *conversion) containers(a *app, instance node) {
	volumes := c.volumes(a, instance)
	user := c.podSecurity(instance)
	all := instance.list("containers")
	main := mainOf(a.name, all)
	names := map[string]bool{a.name: true}
	for i, container := range all {
		name := container.text("name")
		x := c.program(a, container, volumes, i == main)
		if x.User == nil {
			x.User = user
		}
		c.ports(a, container)
		if i == main {
			a.Image, a.User, a.Command, a.Args, a.CPU, a.Memory = x.Image, x.User, x.Command, x.Args, x.CPU, x.Memory
			a.Env, a.EnvFrom, a.Files, a.Disks, a.Scratch = x.Env, x.EnvFrom, x.Files, x.Disks, x.Scratch
			continue
		}
		if names[name] {
			name = a.name + "-" + name
		}
		names[name] = true
		x.Name = name
		a.Processes = append(a.Processes, x)
	}
	if main >= 0 {
		c.probes(a, all[main])
	}
	volumes.rest()
}

// mainOf returns the container that is the app: the one with its name, or else the first one with ports, or else the first one.
func mainOf(name string, containers []node) int {
	for _, is := range []func(node) bool{
		func(n node) bool { return n.fields["name"] == name },
		func(n node) bool { return len(n.list("ports")) > 0 },
		func(node) bool { return true },
	} {
		if i := slices.IndexFunc(containers, is); i >= 0 {
			return i
		}
	}
	return -1
}

// ports takes the ports of a container. Instances have one network, so the ports of all containers are those of the app.
func (c *conversion) ports(a *app, container node) {
	for _, n := range container.list("ports") {
		port := pod.Port{Name: n.text("name")}
		switch protocol := n.text("protocol"); protocol {
		case "", "TCP":
		case "UDP":
			port.Protocol = pod.ProtocolUDP
		default:
			c.leave(a.source, n.at("protocol"), "%s: psc has TCP and UDP ports only, and leaves the port out", protocol)
			n.ignore("containerPort")
			continue
		}
		number, _ := n.number("containerPort")
		port.Port = int(number)
		a.addPort(port)
	}
}

// addPort adds a port, with a name of its own if it has none, unless the app has it.
func (a *app) addPort(port pod.Port) {
	for _, p := range a.Ports {
		if p.Port == port.Port && p.UDP() == port.UDP() {
			return
		}
	}
	taken := func(name string) bool {
		return name == "" || slices.ContainsFunc(a.Ports, func(p pod.Port) bool { return p.Name == name })
	}
	if taken(port.Name) {
		port.Name = fmt.Sprintf("port-%d", port.Port)
		if len(a.Ports) == 0 && !port.UDP() {
			port.Name = "http"
		}
	}
	if taken(port.Name) { // the same number over UDP
		port.Name = fmt.Sprintf("udp-%d", port.Port)
	}
	a.Ports = append(a.Ports, port)
}

// podSecurity takes what psc sets in the same way, and returns the user.
func (c *conversion) podSecurity(instance node) *int64 {
	n := instance.child("securityContext")
	n.usual("runAsNonRoot", true, false)
	profile := n.child("seccompProfile")
	profile.usual("type", "RuntimeDefault")
	user, ok := n.number("runAsUser")
	if !ok {
		return nil
	}
	n.usual("fsGroup", user)
	n.usual("runAsGroup", user)
	return &user
}

// finish sets what depends on the Services of an app, and says what psc does where the Deployment says nothing.
func (c *conversion) finish(a *app) {
	main, _ := a.Main()
	for _, l := range a.leads {
		if l.port == pod.ServicePort && l.to != main.Name && a.Ports[a.portNamed(l.to)].Port != pod.ServicePort && !a.Ports[a.portNamed(l.to)].UDP() {
			a.MainPort = l.to
		}
	}
	main, _ = a.Main()
	for _, l := range a.leads {
		at := []int{a.Ports[a.portNamed(l.to)].Port}
		if l.to == main.Name {
			at = append(at, pod.ServicePort)
		}
		if l.stays {
			continue
		}
		if slices.Contains(at, l.port) {
			if now := a.nameAt(main, l); c.Live && now != l.name {
				c.Left = append(c.Left, Left{"Service " + l.service, fmt.Sprintf("spec.ports[%d].name", l.port), fmt.Sprintf(
					"it becomes %s in the deploy that takes the Service over: no request reaches the app until all proxies know it, mostly less than a second", now)})
			}
			continue
		}
		c.Left = append(c.Left, Left{"Service " + l.service, fmt.Sprintf("spec.ports[%d]", l.port), fmt.Sprintf(
			"the Service of app %s offers this port at %s: change the address in what uses %s:%d", a.name, numbers(at), l.service, l.port)})
	}
	if !a.memory {
		c.noMemory(a.source, "spec.template.spec.containers", a.CPU)
	}
	c.disks(a)
}

// noMemory says what psc allows a program that sets no memory, and the CPU that it requests if cpu is empty.
func (c *conversion) noMemory(s *source, field, cpu string) {
	size, _ := pod.SizeOf(pod.Sizes()[0])
	if cpu == "" {
		cpu = size.CPU
	}
	c.leave(s, field, "no memory is set, so psc allows %s and requests %s CPU for an instance: set more if it needs it", size.Memory, cpu)
}

// portNamed returns the index of a port.
func (a *app) portNamed(name string) int {
	return slices.IndexFunc(a.Ports, func(p pod.Port) bool { return p.Name == name })
}

// nameAt returns the name that the Service of the app gives to a port.
func (a *app) nameAt(main pod.Port, l lead) string {
	if l.to == main.Name && l.port != pod.ServicePort {
		return fmt.Sprint(l.port)
	}
	return l.to
}

func numbers(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, " and ")
}

// disks makes an app with a disk that one instance can use an app with one instance.
func (c *conversion) disks(a *app) {
	for _, m := range a.Disks {
		disk := c.Spec.Disk(m.Disk)
		if disk == nil || disk.Shared {
			continue
		}
		if a.Autoscale != nil || a.Instances != nil && *a.Instances > 1 {
			c.leave(a.source, "spec.replicas", "disk %s can be used by one instance only, so the app has one: a shared disk would allow more", m.Disk)
			a.Instances, a.Autoscale = nil, nil
		}
	}
}

func seconds(n int64) string { return fmt.Sprintf("%ds", n) }
