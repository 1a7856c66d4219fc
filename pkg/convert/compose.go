package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/pkg/pod"
)

// diskSize is the size of a disk that has none: psc needs one.
const diskSize = "1Gi"

// Compose converts the tree of a Compose file in canonical form: its variables are replaced, and the files that it names are a part of
// it. The conversion modifies the tree.
func Compose(tree map[string]any) Result {
	c := &composition{
		conversion: &conversion{Result: Result{Spec: pod.Spec{}, Values: map[string]map[string][]byte{}}},
		root:       newNode(tree), names: map[string]string{},
	}
	c.root.ignore("version", "name")
	c.contents()
	services := c.root.child("services")
	for _, name := range sorted(services.fields) {
		c.names[name] = label(name)
	}
	for _, name := range sorted(services.fields) {
		s := &source{node: newNode(services.child(name).fields), kind: "service", name: name}
		c.service(s)
	}
	c.volumes()
	c.root.ignore("services")
	for _, name := range sorted(c.root.fields) {
		switch {
		case strings.HasPrefix(name, "x-"):
		case name == "networks":
			c.leave(&source{kind: "networks"}, "", "all apps of a pod reach each other")
		default:
			c.leave(&source{kind: name}, "", "psc does not read it: import what docker compose config writes")
		}
	}
	for i := range c.Left {
		c.Left[i].Object = strings.TrimSpace(c.Left[i].Object)
	}
	return c.Result
}

// composition is one call of Compose.
type composition struct {
	*conversion
	root  node
	names map[string]string // of apps, by service
	uses  map[string]int    // of volumes
}

// label makes a name for a resource of another name.
func label(name string) string {
	return strings.Trim(strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name)), "-")
}

// contents converts secrets and configs. Each has one file, with its name.
func (c *composition) contents() {
	secrets, configs := c.root.child("secrets"), c.root.child("configs")
	for _, name := range sorted(secrets.fields) {
		n := secrets.child(name)
		var value []byte
		if text, ok := n.fields["content"].(string); ok {
			value = []byte(text)
		} else {
			c.leave(&source{kind: "secret", name: name}, "", "its value is not here: set it before the deploy")
		}
		c.value(label(name), name, value)
	}
	for _, name := range sorted(configs.fields) {
		text, ok := configs.child(name).fields["content"].(string)
		if !ok {
			c.leave(&source{kind: "config", name: name}, "", "its content is not here: set it by hand")
			continue
		}
		c.Spec[pod.Ref{Kind: pod.KindConfig, Name: label(name)}] = &pod.Config{Files: map[string]pod.Content{name: pod.ContentOf([]byte(text))}}
	}
	c.root.ignore("secrets", "configs")
}

// service converts one service.
func (c *composition) service(s *source) {
	name := c.names[s.name]
	image := s.text("image")
	switch {
	case len(validation.IsDNS1035Label(name)) > 0:
		c.leave(s, "", "it is left out, because an app cannot have its name: use a-z, 0-9 and -, and start with a letter")
		return
	case s.has("profiles"):
		c.leave(s, "profiles", "it is left out, because it does not run by default")
		return
	case image == "":
		c.leave(s, "image", "it is left out: psc does not build images. Build and push one, and name it here")
		return
	case s.has("build"):
		c.leave(s, "build", "psc does not build images: build and push %s before the deploy", image)
		s.ignore("build")
	}
	if name != s.name {
		c.leave(s, "", "its name becomes %s: change the address in what uses it", name)
	}
	a := &app{App: &pod.App{Image: image, Command: s.texts("entrypoint"), Args: s.texts("command")}, source: s, name: name}
	c.environment(a)
	c.composePorts(a)
	c.mounts(a)
	c.health(a)
	c.size(a)
	c.behaviour(a)
	c.Spec[pod.Ref{Kind: pod.KindApp, Name: name}] = a.App
	for _, path := range s.node.rest() {
		c.leave(s, path, "%s", composeAdvice(path))
	}
}

func (c *composition) environment(a *app) {
	env := a.source.child("environment")
	for _, name := range sorted(env.fields) {
		if env.fields[name] == nil {
			c.leave(a.source, "environment."+name, "it has no value, and is not set where psc runs: it is left out")
			env.ignore(name)
			continue
		}
		if a.Env == nil {
			a.Env = map[string]pod.EnvValue{}
		}
		value := fmt.Sprint(env.fields[name])
		c.readable(a.source, "environment."+name, name, value)
		a.Env[name] = pod.EnvValue{Value: value}
		env.ignore(name)
	}
}

// composePorts takes the ports that a service publishes or exposes. Other apps reach them at the same numbers.
func (c *composition) composePorts(a *app) {
	published := false
	for _, n := range a.source.list("ports") {
		target, _ := n.number("target")
		port := pod.Port{Port: int(target)}
		if n.text("protocol") == "udp" {
			port.Protocol = pod.ProtocolUDP
		}
		published = published || n.has("published")
		n.ignore("published", "mode", "name", "app_protocol", "host_ip")
		a.addPort(port)
	}
	exposed, _ := a.source.fields["expose"].([]any)
	for _, item := range exposed {
		number, err := strconv.Atoi(strings.TrimSuffix(fmt.Sprint(item), "/tcp"))
		if err != nil {
			return // the rest names it
		}
		a.addPort(pod.Port{Port: number})
	}
	a.source.ignore("expose")
	switch {
	case published:
		c.leave(a.source, "ports", "other apps of the pod reach them at %s: for people outside, create a route", a.name)
	case len(a.Ports) == 0:
		c.leave(a.source, "ports", "none are named, so other apps cannot reach it: set the ports that it listens on, unless it is a worker")
	}
	if i := slices.IndexFunc(a.Ports, func(p pod.Port) bool { return p.Port == pod.ServicePort && !p.UDP() }); i > 0 {
		a.Ports[0], a.Ports[i] = a.Ports[i], a.Ports[0]
	}
}

// mounts takes the volumes, secrets and configs of a service.
func (c *composition) mounts(a *app) {
	for _, n := range a.source.list("volumes") {
		kind, volume, target := n.text("type"), n.text("source"), n.text("target")
		switch {
		case kind == "volume" && volume != "":
			a.Disks = append(a.Disks, pod.DiskMount{Path: target, Disk: label(volume), ReadOnly: n.flag("read_only")})
			if c.uses == nil {
				c.uses = map[string]int{}
			}
			if c.uses[volume]++; a.many() {
				c.uses[volume]++
			}
		case kind == "tmpfs" || kind == "volume":
			a.Scratch = append(a.Scratch, pod.Scratch{Path: target, Size: scratchSize})
		default:
			c.leave(a.source, "volumes["+target+"]", "%s is on your machine: put it into the image, into a config, or onto a disk", volume)
			n.clear()
		}
		n.ignore("volume", "tmpfs", "bind")
	}
	if text, ok := a.source.fields["tmpfs"].(string); ok {
		a.source.fields["tmpfs"] = []any{text}
	}
	for _, path := range a.source.texts("tmpfs") {
		path, _, _ = strings.Cut(path, ":")
		a.Scratch = append(a.Scratch, pod.Scratch{Path: path, Size: scratchSize})
	}
	for _, kind := range []string{"secrets", "configs"} {
		for _, n := range a.source.list(kind) {
			file, target := n.text("source"), n.text("target")
			mount := pod.FileMount{File: file, Path: target}
			if kind == "secrets" {
				if mount.Secret = label(file); !strings.HasPrefix(target, "/") {
					mount.Path = "/run/secrets/" + or(target, file)
				}
			} else if mount.Config = label(file); target == "" {
				mount.Path = "/" + file
			}
			if mount.Config != "" && c.Spec.Config(mount.Config) == nil || mount.Secret != "" && c.Spec.Secret(mount.Secret) == nil {
				c.leave(a.source, kind+"["+file+"]", "it is not here: the mount is left out")
				continue
			}
			a.Files = append(a.Files, mount)
		}
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// many reports whether a service has several instances.
func (a *app) many() bool {
	n, ok := node{fields: map[string]any{"n": a.source.child("deploy").fields["replicas"]}}.number("n")
	return ok && n > 1
}

// health takes the check of a service.
func (c *composition) health(a *app) {
	n := a.source.child("healthcheck")
	words := asTexts(n.fields["test"])
	switch text, isText := n.fields["test"].(string); {
	case n.flag("disable") || len(words) > 0 && words[0] == "NONE":
		a.Health = &pod.Health{Off: true}
	case isText:
		a.Health = &pod.Health{Command: []string{"sh", "-c", text}}
	case len(words) == 2 && words[0] == "CMD-SHELL":
		a.Health = &pod.Health{Command: []string{"sh", "-c", words[1]}}
	case len(words) > 1 && words[0] == "CMD":
		a.Health = &pod.Health{Command: words[1:]}
	default:
		return
	}
	a.Health.Every, a.Health.Timeout = n.text("interval"), n.text("timeout")
	n.ignore("test")
	n.usual("retries", 3)
}

// size takes CPU and memory.
func (c *composition) size(a *app) {
	resources := a.source.child("deploy", "resources")
	limits, reserved := resources.child("limits"), resources.child("reservations")
	a.CPULimit = or(limits.scalar("cpus"), a.source.scalar("cpus"))
	a.CPU = or(reserved.scalar("cpus"), a.CPULimit)
	a.Memory = bytesOf(or(or(limits.scalar("memory"), a.source.scalar("mem_limit")), reserved.scalar("memory")))
	reserved.ignore("memory")
	a.source.ignore("mem_reservation")
	if a.Memory == "" {
		size, _ := pod.SizeOf(pod.Sizes()[0])
		c.leave(a.source, "deploy.resources", "no memory is set, so psc allows %s for an instance: set more if the app needs it", size.Memory)
	}
}

// bytesOf converts a size such as 512M, whose units are powers of 1024, to one of Kubernetes.
func bytesOf(text string) string {
	trimmed := strings.TrimSuffix(strings.ToLower(text), "b")
	for unit, of := range map[string]string{"k": "Ki", "m": "Mi", "g": "Gi", "t": "Ti"} {
		if number, ok := strings.CutSuffix(strings.TrimSuffix(trimmed, "i"), unit); ok {
			return number + of
		}
	}
	return trimmed
}

// behaviour takes the other fields that psc has too, or that do not matter.
func (c *composition) behaviour(a *app) {
	s, deploy := a.source, a.source.child("deploy")
	for _, of := range []node{s.node, deploy} {
		for _, name := range []string{"scale", "replicas"} {
			if n, ok := of.number(name); ok && n != 1 {
				count := int(n)
				a.Instances = &count
			}
		}
	}
	a.StopGrace = s.text("stop_grace_period")
	user, _, _ := strings.Cut(s.scalarAt("user"), ":")
	if number, err := strconv.ParseInt(user, 10, 64); err == nil {
		a.User = &number
		s.ignore("user")
	}
	for _, name := range s.texts("cap_add") {
		a.Capabilities = append(a.Capabilities, strings.TrimPrefix(name, "CAP_"))
	}
	s.usual("restart", "always", "unless-stopped", "on-failure")
	s.usual("init", true, false)
	s.ignore("pull_policy", "container_name", "hostname")
	deploy.usual("mode", "replicated")
	if networks := s.child("networks"); len(networks.fields) == 1 && has(networks.fields, "default") {
		s.ignore("networks")
	}
}

// scalarAt returns a field and leaves it in the tree.
func (n node) scalarAt(name string) string {
	if n.fields[name] == nil {
		return ""
	}
	return fmt.Sprint(n.fields[name])
}

// volumes converts the volumes that services mount to disks. One that several mount is shared.
func (c *composition) volumes() {
	volumes := c.root.child("volumes")
	for _, name := range sorted(c.uses) {
		disk := &pod.Disk{Size: diskSize, Shared: c.uses[name] > 1}
		c.Spec[pod.Ref{Kind: pod.KindDisk, Name: label(name)}] = disk
		c.leave(&source{kind: "volume", name: name}, "", "no size is set, so the disk has %s, and it begins empty", diskSize)
		if disk.Shared {
			c.leave(&source{kind: "volume", name: name}, "", "several instances use it, so its storage class has to offer shared disks")
		}
		for field := range volumes.child(name).fields {
			c.leave(&source{kind: "volume", name: name}, field, "the cluster makes the disk: choose its class by hand")
		}
	}
	c.root.ignore("volumes")
}

// composeAdvice says what to do about a field of a service.
func composeAdvice(path string) string {
	for _, row := range []struct{ part, do string }{
		{"depends_on", "psc starts all apps at once: an app that needs another one has to wait for it, or to end so that it is restarted"},
		{"networks", "all apps of a pod reach each other"},
		{"links", "apps reach each other by their names"},
		{"extends", "import what docker compose config writes"},
		{"labels", "psc has no labels or annotations: a tool that reads these no longer finds them"},
		{"logging", "the cluster keeps the logs"},
		{"working_dir", "psc uses the folder of the image: put cd into the command"},
		{"user", "psc needs the number of the user"},
		{"read_only", "psc leaves the file system writable"},
		{"start_period", "psc gives an instance the time of the deploy to become healthy"},
		{"retries", "psc acts on 3 failures in a row"},
		{"stop_signal", "the cluster sends the signal of the image, or SIGTERM"},
		{"privileged", "psc runs no privileged containers"},
		{"extra_hosts", "psc has no host aliases"},
		{"restart", "psc restarts what ends: write a program that runs to its end as a job"},
	} {
		if strings.Contains(path, row.part) {
			return row.do
		}
	}
	return "psc has no such field, or not with this value"
}
