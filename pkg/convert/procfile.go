package convert

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/pkg/pod"
)

// What Heroku gives to a web process, and to each one: https://devcenter.heroku.com/articles/dynos
const (
	webPort    = 8080
	dynoMemory = "512Mi"
	// herokuEnv is the secret with the variables that have no value in app.json.
	herokuEnv = "env"
)

var processLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(\S.*)$`) })

// Procfile converts a Procfile and an app.json, which may be nil, to apps that run an image. The error is pod.Problems.
func Procfile(file string, procfile []byte, manifest map[string]any, image string) (Result, error) {
	c := &heroku{
		conversion: &conversion{Result: Result{Spec: pod.Spec{}, Values: map[string]map[string][]byte{}}},
		manifest:   &source{node: newNode(manifest), kind: "app.json"}, image: image,
	}
	env := c.env()
	var problems pod.Problems
	release := ""
	for i, line := range strings.Split(string(procfile), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		found := processLine().FindStringSubmatch(line)
		switch {
		case found == nil:
			problems = append(problems, pod.Problem{File: file, Line: i + 1, Message: "is not a line such as web: bin/server"})
		case found[1] == "release":
			release = found[2]
		default:
			if c.process(found[1], found[2], env) {
				continue
			}
			problems = append(problems, pod.Problem{File: file, Line: i + 1, Message: fmt.Sprintf("process %s is listed twice, or an app cannot have its name", found[1])})
		}
	}
	if len(problems) > 0 {
		return Result{}, problems
	}
	c.release(release, env)
	c.rest()
	return c.Result, nil
}

// heroku is one call of Procfile.
type heroku struct {
	*conversion
	manifest *source
	image    string
}

func (c *heroku) leaveManifest(field, format string, args ...any) {
	c.Left = append(c.Left, Left{c.manifest.kind, field, fmt.Sprintf(format, args...)})
}

// env takes the variables. One without a value is a key of a secret, which has to be set before the deploy.
func (c *heroku) env() map[string]pod.EnvValue {
	out := map[string]pod.EnvValue{}
	all := c.manifest.child("env")
	for _, name := range sorted(all.fields) {
		field := "env." + name
		if len(validation.IsEnvVarName(name)) > 0 {
			c.leaveManifest(field, "a variable cannot have this name: it is left out")
			all.ignore(name)
			continue
		}
		if text, ok := all.fields[name].(string); ok {
			out[name] = pod.EnvValue{Value: text}
			all.ignore(name)
			continue
		}
		n := all.child(name)
		value := n.scalar("value")
		required, given := n.fields["required"].(bool)
		switch {
		case value != "":
			out[name] = pod.EnvValue{Value: value}
		case n.has("generator"):
			c.leaveManifest(field, "Heroku generates its value: set key %s of secret %s before the deploy", name, herokuEnv)
		case given && !required:
			c.leaveManifest(field, "it has no value: it is left out")
			n.clear()
			continue
		default:
			c.leaveManifest(field, "it has no value: set key %s of secret %s before the deploy", name, herokuEnv)
		}
		if value == "" {
			c.value(herokuEnv, name, nil)
			out[name] = pod.EnvValue{Secret: herokuEnv, Key: name}
		}
		n.ignore("description", "generator", "required")
	}
	return out
}

// process adds the app of a process. It reports false if there is one already, or an app cannot have the name.
func (c *heroku) process(name, command string, env map[string]pod.EnvValue) bool {
	ref := pod.Ref{Kind: pod.KindApp, Name: label(name)}
	if c.Spec[ref] != nil || len(validation.IsDNS1035Label(ref.Name)) > 0 {
		return false
	}
	a := &pod.App{Image: c.image, Command: []string{"sh", "-c", command}, Memory: dynoMemory, Env: map[string]pod.EnvValue{}}
	for variable, value := range env {
		a.Env[variable] = value
	}
	if name == "web" {
		a.Env["PORT"] = pod.EnvValue{Value: fmt.Sprint(webPort)}
		a.Ports = []pod.Port{{Name: "http", Port: webPort}}
		c.Spec[pod.Ref{Kind: pod.KindRoute, Name: "web"}] = &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "web"}}}}}
	}
	formation := c.manifest.child("formation", name)
	if n, ok := formation.number("quantity"); ok && n != 1 {
		count := int(n)
		a.Instances = &count
	}
	memory := map[string]string{
		"free": "512Mi", "eco": "512Mi", "hobby": "512Mi", "basic": "512Mi", "standard-1x": "512Mi", "standard-2x": "1Gi",
		"performance-m": "2560Mi", "performance-l": "14Gi",
	}[strings.ToLower(formation.scalarAt("size"))]
	if memory != "" {
		a.Memory = memory
		formation.ignore("size")
	}
	c.Spec[ref] = a
	return true
}

// release adds the job that runs before each deploy.
func (c *heroku) release(command string, env map[string]pod.EnvValue) {
	if command == "" {
		return
	}
	job := &pod.Job{Command: []string{"sh", "-c", command}, Before: pod.BeforeDeploy}
	if job.App = "web"; c.Spec.App("web") == nil {
		job.App, job.Image, job.Memory, job.Env = "", c.image, dynoMemory, env
	}
	c.Spec[pod.Ref{Kind: pod.KindJob, Name: "release"}] = job
}

// rest names what app.json has besides.
func (c *heroku) rest() {
	m := c.manifest
	m.ignore("name", "description", "keywords", "website", "repository", "logo", "success_url", "$schema")
	addons, _ := m.fields["addons"].([]any)
	for _, addon := range addons {
		plan := fmt.Sprint(addon)
		if fields, ok := addon.(map[string]any); ok {
			plan = fmt.Sprint(fields["plan"])
		}
		c.leaveManifest("addons", "%s: psc has no add-ons. Run it as an app or elsewhere, and set its variables", plan)
	}
	m.ignore("addons")
	scripts := m.child("scripts")
	if text := scripts.text("postdeploy"); text != "" {
		c.leaveManifest("scripts.postdeploy", "run it once after the first deploy: %s", text)
	}
	for _, path := range m.node.rest() {
		do := "psc has no such field, or not with this value"
		for part, words := range map[string]string{
			"buildpacks": "psc does not build images", "stack": "psc does not build images", "image": "psc does not build images",
			"environments": "a pod is one environment: import it again for another pod, and change what differs",
			"formation":    "no such process is in the Procfile, or psc does not know its size",
		} {
			if strings.HasPrefix(path, part) {
				do = words
			}
		}
		c.leaveManifest(path, "%s", do)
	}
}

// ParseManifest reads an app.json. The error is pod.Problems.
func ParseManifest(file string, data []byte) (map[string]any, error) {
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		return nil, pod.Problems{{File: file, Message: fmt.Sprintf("is not a JSON object: %v", err)}}
	}
	return tree, nil
}
