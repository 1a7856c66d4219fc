package convert

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/pscdev/psc/pkg/pod"
)

// program converts what an app and a process have in common.
func (c *conversion) program(a *app, n node, volumes *volumes, main bool) pod.Process {
	x := pod.Process{Image: n.text("image"), Command: c.words(a, n, "command"), Args: c.words(a, n, "args")}
	n.usual("imagePullPolicy", "IfNotPresent", "Always")
	n.usual("terminationMessagePath", "/dev/termination-log")
	n.usual("terminationMessagePolicy", "File", "FallbackToLogsOnError")
	c.security(a, n, &x, main)
	c.resources(a, n, &x, main)
	c.env(a, n, &x)
	volumes.mount(n, &x)
	return x
}

// words takes a command. Kubernetes replaces $(NAME) in it, and psc does not.
func (c *conversion) words(a *app, n node, name string) []string {
	words := n.texts(name)
	for i, word := range words {
		if strings.Contains(word, "$(") {
			c.leave(a.source, n.at(name), "psc passes $(NAME) as it is: use sh -c with ${NAME}, or write the value")
		}
		words[i] = strings.ReplaceAll(word, "$$", "$")
	}
	return words
}

// security takes the user, the added capabilities, and what psc sets in the same way.
func (c *conversion) security(a *app, n node, x *pod.Process, main bool) {
	s := n.child("securityContext")
	if user, ok := s.number("runAsUser"); ok {
		x.User = &user
		s.usual("runAsGroup", user)
	}
	s.usual("runAsNonRoot", true, false)
	s.usual("allowPrivilegeEscalation", false)
	s.usual("privileged", false)
	s.usual("readOnlyRootFilesystem", false)
	profile := s.child("seccompProfile")
	profile.usual("type", "RuntimeDefault")
	capabilities := s.child("capabilities")
	if slices.Equal(asTexts(capabilities.fields["drop"]), []string{"ALL"}) {
		capabilities.ignore("drop")
	}
	if main {
		for _, name := range capabilities.texts("add") {
			a.Capabilities = append(a.Capabilities, strings.TrimPrefix(name, "CAP_"))
		}
	}
}

func asTexts(v any) []string {
	var out []string
	list, _ := v.([]any)
	for _, item := range list {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

// resources takes CPU and memory. psc has one number for the request and the limit of memory.
func (c *conversion) resources(a *app, n node, x *pod.Process, main bool) {
	requests, limits := n.child("resources", "requests"), n.child("resources", "limits")
	cpu, cpuLimit := requests.scalar("cpu"), limits.scalar("cpu")
	memory, memoryLimit := requests.scalar("memory"), limits.scalar("memory")
	if cpu == "" {
		cpu = cpuLimit
	}
	x.CPU, x.Memory = cpu, memoryLimit
	switch {
	case main:
		a.memory = memory+memoryLimit != ""
		a.CPULimit = cpuLimit
	case cpuLimit != "":
		c.leave(a.source, n.at("resources.limits.cpu"), "a process has no limit of its own for the CPU")
	}
	switch {
	case memoryLimit == "" && memory != "":
		x.Memory = memory
		c.leave(a.source, n.at("resources.limits.memory"), "no limit is set, and psc limits the memory to the request, %s: set more if the app needs it", memory)
	case memory != "" && !sameQuantity(memory, memoryLimit):
		c.leave(a.source, n.at("resources.requests.memory"), "psc requests the memory that it allows, %s instead of %s", memoryLimit, memory)
	}
}

func sameQuantity(a, b string) bool {
	p, err := resource.ParseQuantity(a)
	q, err2 := resource.ParseQuantity(b)
	return err == nil && err2 == nil && p.Cmp(q) == 0
}

// env takes the variables of a container.
func (c *conversion) env(a *app, n node, x *pod.Process) {
	known := map[string]bool{}
	for _, from := range n.list("envFrom") {
		source, secret, config := pod.EnvFrom{}, from.child("secretRef"), from.child("configMapRef")
		secretName, _ := secret.fields["name"].(string)
		configName, _ := config.fields["name"].(string)
		switch {
		case c.Spec.Secret(secretName) != nil:
			source.Secret = secret.text("name")
			secret.ignore("optional")
		case c.Spec.Config(configName) != nil:
			source.Config = config.text("name")
			config.ignore("optional")
		default:
			continue
		}
		source.Prefix = from.text("prefix")
		for _, name := range c.keysOf(source) {
			known[source.Prefix+name] = true
		}
		x.EnvFrom = append(x.EnvFrom, source)
	}
	for _, variable := range n.list("env") {
		name, _ := variable.fields["name"].(string)
		value, ok := c.variable(a, variable, known)
		if !ok {
			continue
		}
		variable.ignore("name")
		known[name] = true
		if x.Env == nil {
			x.Env = map[string]pod.EnvValue{}
		}
		x.Env[name] = value
	}
}

// keysOf returns the keys of the secret or the files of the config.
func (c *conversion) keysOf(from pod.EnvFrom) []string {
	if secret := c.Spec.Secret(from.Secret); secret != nil {
		return sorted(secret.Keys)
	}
	if config := c.Spec.Config(from.Config); config != nil {
		return sorted(config.Files)
	}
	return nil
}

// variable takes one variable. It reports false if psc cannot express it.
func (c *conversion) variable(a *app, n node, known map[string]bool) (pod.EnvValue, bool) {
	if !n.has("valueFrom") {
		value := n.scalar("value")
		c.readable(a.source, n.path, fmt.Sprint(n.fields["name"]), value)
		return expanded(value, known), true
	}
	from := n.child("valueFrom")
	secret, config, field := from.child("secretKeyRef"), from.child("configMapKeyRef"), from.child("fieldRef")
	switch {
	case secret.has("name"):
		name, key := secret.text("name"), secret.text("key")
		optional := secret.flag("optional")
		existing := c.Spec.Secret(name)
		if existing == nil || !has(existing.Keys, key) {
			if optional || pod.NameProblem(name) != "" {
				c.leave(a.source, n.path, "secret %s has no key %s: the variable is left out", name, key)
				n.ignore("name")
				return pod.EnvValue{}, false
			}
			c.value(name, key, nil) // the deploy asks for it
			c.leave(a.source, n.path, "the value of key %s of secret %s is not here: set it before the deploy", key, name)
		}
		return pod.EnvValue{Secret: name, Key: key}, true
	case config.has("name"):
		name, key := config.text("name"), config.text("key")
		config.ignore("optional")
		if existing := c.Spec.Config(name); existing == nil || !has(existing.Files, key) {
			c.leave(a.source, n.path, "config %s has no file %s: the variable is left out", name, key)
			n.ignore("name")
			return pod.EnvValue{}, false
		}
		return pod.EnvValue{Config: name, File: key}, true
	case field.has("fieldPath"):
		path, _ := field.fields["fieldPath"].(string)
		word := map[string]string{"metadata.name": pod.InstanceName, "status.podIP": pod.InstanceAddress, "spec.nodeName": pod.InstanceNode}[path]
		if path == "metadata.namespace" {
			c.leave(a.source, n.path, "psc has no variable with the name of the pod: write it as a value")
			n.ignore("name", "valueFrom")
			return pod.EnvValue{}, false
		}
		if word != "" {
			field.ignore("fieldPath", "apiVersion")
			return pod.EnvValue{Instance: word}, true
		}
	}
	n.ignore("name")
	return pod.EnvValue{}, false
}

func has[T any](m map[string]T, key string) bool { _, ok := m[key]; return ok }

// expanded converts the value of a variable. Kubernetes replaces $(NAME) if it knows the variable, and reads $$ as a dollar.
func expanded(text string, known map[string]bool) pod.EnvValue {
	var template, plain strings.Builder
	refers := false
	for text != "" {
		before, rest, found := strings.Cut(text, "$")
		template.WriteString(before)
		plain.WriteString(before)
		if !found {
			break
		}
		name, after, ended := strings.Cut(strings.TrimPrefix(rest, "("), ")")
		if strings.HasPrefix(rest, "(") && ended && known[name] {
			template.WriteString("$(" + name + ")")
			refers, text = true, after
			continue
		}
		template.WriteString("$$")
		plain.WriteString("$")
		text = strings.TrimPrefix(rest, "$")
	}
	if refers {
		return pod.EnvValue{Template: template.String()}
	}
	return pod.EnvValue{Value: plain.String()}
}
