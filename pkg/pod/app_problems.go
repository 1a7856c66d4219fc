package pod

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// The limits of CPU and memory guard against mixed up units: no container starts with less than minMemory (512m is half a
// byte), and no machine has maxCPU or maxMemory.
const (
	minMemory = "1Mi"
	maxCPU    = "1000"
	maxMemory = "10Ti"
)

// maxInstances guards against typing errors, not against large apps.
const maxInstances = 10000

// maxTarget is the highest CPU usage that an autoscaler can aim at, in percent of the CPU request.
const maxTarget = 1000

// maxGrace guards against typing errors.
const maxGrace = 24 * time.Hour

func (a *App) problems(name string, s Spec) []Problem {
	var p problems
	// The Service has the name of the app. Its rules are the strictest of all objects that an app is rendered to:
	// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#rfc-1035-label-names
	p.rule("metadata.name", name, validation.IsDNS1035Label, ruleApp)
	p.image("spec.image", a.Image)
	a.programProblems(&p, "spec", name, s.Variables(a), s)
	a.processProblems(&p, name, s)
	a.countProblems(&p)
	a.portProblems(&p)
	a.diskProblems(&p, s)
	a.healthProblems(&p)
	p.capabilities("spec.capabilities", a.Capabilities)
	p.labels("spec.selector", a.Selector)
	p.duration("spec.startGrace", a.StartGrace)
	p.duration("spec.stopGrace", a.StopGrace)
	if a.Strategy != "" && a.Strategy != StrategyRolling && a.Strategy != StrategyRecreate {
		p.add("spec.strategy", "must be rolling or recreate, is %q", a.Strategy)
	}
	return p
}

// labels checks labels of instances. Those of psc have a prefix of their own.
func (p *problems) labels(path string, labels map[string]string) {
	own, _, _ := strings.Cut(APIVersion, "/") // begins the labels of psc too
	for key, value := range labels {
		at := path + "." + key
		for _, m := range slices.Concat(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)) {
			p.add(at, "%s", m)
		}
		if strings.HasPrefix(key, own+"/") {
			p.add(at, "begins with %s/, as the labels of psc do", own)
		}
	}
}

// user checks the numeric user of an image; nil is none.
func (p *problems) user(path string, user *int64) {
	if user == nil {
		return
	}
	for _, m := range validation.IsValidUserID(*user) {
		p.add(path, "%s, is %d", m, *user)
	}
}

// cpu checks a CPU request or limit.
func (p *problems) cpu(path, text string) {
	if q, ok := p.quantity(path, text, "500m"); ok && q.Cmp(resource.MustParse(maxCPU)) > 0 {
		p.add(path, "%q is more than %s CPUs: a thousandth of a CPU is 1m", text, maxCPU)
	}
}

// limitProblems checks the CPU limit, which Kubernetes does not accept below the request.
func (a *App) limitProblems(p *problems, at string) {
	p.cpu(at+".cpuLimit", a.CPULimit)
	limit, err := resource.ParseQuantity(a.CPULimit)
	request, requestErr := resource.ParseQuantity(a.Resources().CPU)
	if err == nil && requestErr == nil && limit.Sign() > 0 && limit.Cmp(request) < 0 {
		p.add(at+".cpuLimit", "%q is less than the CPU request, %s", a.CPULimit, request.String())
	}
}

// memory checks a memory request and limit.
func (p *problems) memory(path, text string) {
	q, ok := p.quantity(path, text, "512Mi")
	switch {
	case ok && q.Cmp(resource.MustParse(minMemory)) < 0:
		p.add(path, "%q is less than %s: the units are Mi and Gi", text, minMemory)
	case ok && q.Cmp(resource.MustParse(maxMemory)) > 0:
		p.add(path, "%q is more than %s: the units are Mi and Gi", text, maxMemory)
	}
}

// command checks a command. Its first item is the program to run.
func (p *problems) command(path string, words []string) {
	if len(words) > 0 && words[0] == "" {
		p.add(path, "begins with an empty string: name the program to run")
	}
	p.arguments(path, words)
}

// arguments checks words that a program gets. It sees them only up to the first NUL, so no runtime starts it with one.
func (p *problems) arguments(path string, words []string) {
	for i, word := range words {
		if strings.Contains(word, "\x00") {
			p.add(fmt.Sprintf("%s[%d]", path, i), "has a NUL character")
		}
	}
}

func (a *App) countProblems(p *problems) {
	if n := a.Instances; n != nil && (*n < 0 || *n > maxInstances) {
		p.add("spec.instances", "must be 0 to %d, is %d", maxInstances, *n)
	}
	s := a.Autoscale
	if s == nil {
		return
	}
	if a.Instances != nil {
		p.add("spec.autoscale", "chooses the number of instances: remove it or spec.instances")
	}
	if s.Min < 1 || s.Min > maxInstances {
		p.add("spec.autoscale.min", "must be 1 to %d, is %d", maxInstances, s.Min)
	}
	if s.Max < s.Min || s.Max > maxInstances {
		p.add("spec.autoscale.max", "must be min (%d) to %d, is %d", s.Min, maxInstances, s.Max)
	}
	if s.CPU < 0 || s.CPU > maxTarget {
		p.add("spec.autoscale.cpu", "must be 1 to %d percent, is %d", maxTarget, s.CPU)
	}
}

// programProblems checks the fields at a path that an app and its processes share. all are the variables of the program.
func (a *App) programProblems(p *problems, at, app string, all map[string]EnvValue, s Spec) {
	p.user(at+".user", a.User)
	p.user(at+".imageUser", a.ImageUser)
	if a.Size != "" && !slices.Contains(Sizes(), a.Size) {
		p.add(at+".size", "must be one of %s, is %q", strings.Join(Sizes(), ", "), a.Size)
	}
	p.cpu(at+".cpu", a.CPU)
	a.limitProblems(p, at)
	p.memory(at+".memory", a.Memory)
	p.command(at+".command", a.Command)
	p.arguments(at+".args", a.Args)
	p.env(at+".env", a.Env, all, s)
	p.envFrom(at+".envFrom", a.EnvFrom, s)
	taken := map[string]bool{}
	p.files(at+".files", a.Files, taken, s)
	p.disks(at+".disks", app, a.Disks, taken, s)
	p.scratch(at+".scratch", a.Scratch, taken)
}

// diskProblems checks what an app with disks may be.
func (a *App) diskProblems(p *problems, s Spec) {
	if !s.attached(a) {
		return
	}
	// Such a disk can be attached to one node at a time, so a second instance might wait for it forever.
	if a.Instances != nil && *a.Instances > 1 || a.Autoscale != nil { // also of a stopped app, which is started again
		p.add("spec.disks", "an app with a disk can have one instance only, unless the disk is shared")
	}
	if a.Strategy == StrategyRolling {
		p.add("spec.strategy", "must be recreate for an app with a disk that is not shared")
	}
}

// secretKey checks a reference to a secret, and to one of its keys if a key is named.
func (p *problems) secretKey(at, name, key string, s Spec) {
	secret := s.Secret(name)
	if secret == nil {
		p.missing(at, KindSecret, name, key, s)
	} else if _, ok := secret.Keys[key]; !ok && key != "" {
		p.missingIn(at, Ref{KindSecret, name}, fmt.Sprintf("secret %q has no key %q", name, key), key, keys(secret.Keys), create(KindSecret, name, key))
	}
}

// configFile checks a reference to a config, and to one of its files if a file is named.
func (p *problems) configFile(at, name, file string, s Spec) {
	config := s.Config(name)
	if config == nil {
		p.missing(at, KindConfig, name, file, s)
	} else if _, ok := config.Files[file]; !ok && file != "" {
		p.missingIn(at, Ref{KindConfig, name}, fmt.Sprintf("config %q has no file %q", name, file), file, keys(config.Files), create(KindConfig, name, file))
	}
}

// imagePattern is the reference grammar of https://github.com/distribution/reference, with an optional tag and digest.
var imagePattern = pattern(`^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?` +
	`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*` +
	`(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$`)

// pattern returns a function that compiles a regular expression once, when it is used: most runs of psc use none.
func pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// ValidImage reports whether a string has the form of an image name.
func ValidImage(image string) bool { return imagePattern().MatchString(image) }

func (p *problems) image(path, image string) {
	switch {
	case image == "":
		p.add(path, "is missing: name the image to run")
	case !ValidImage(image):
		p.add(path, "%q is not an image name such as ghcr.io/acme/web:1.4", image)
	}
}

func (p *problems) port(path string, n int) {
	if n < 1 || n > 65535 {
		p.add(path, "must be 1 to 65535, is %d", n)
	}
}

func (p *problems) quantity(path, text, example string) (q resource.Quantity, ok bool) {
	if text == "" {
		return q, false
	}
	q, err := resource.ParseQuantity(text)
	if err != nil || q.Sign() <= 0 {
		p.add(path, "%q is not a quantity such as %s", text, example)
		return q, false
	}
	return q, true
}

// duration checks a duration of whole seconds.
func (p *problems) duration(path, text string) { p.durationTo(path, text, maxGrace) }

// durationTo is duration with another maximum.
func (p *problems) durationTo(path, text string, most time.Duration) {
	if text == "" {
		return
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > most || d%time.Second != 0 {
		p.add(path, "%q is not a duration such as 90s, in whole seconds, of at most %.0fh", text, most.Hours())
	}
}
