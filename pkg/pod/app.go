package pod

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// App is a containerised application.
type App struct {
	// Image is the container image, pinned when the change was made: name:tag@sha256:….
	Image string `json:"image"`
	// User is the numeric user that the image runs as. psc reads it from the image; an app that has it runs under the
	// "restricted" Pod Security Standard, with every capability dropped.
	User *int64 `json:"user,omitempty"`
	// Command replaces the image's entrypoint.
	Command []string `json:"command,omitempty"`
	// Args replaces the image's arguments.
	Args []string `json:"args,omitempty"`
	// Instances is how many copies run: 1 when it is not set, 0 for a stopped app.
	Instances *int `json:"instances,omitempty"`
	// Size is small, medium, large or xlarge; small when neither it nor cpu and memory are set.
	Size string `json:"size,omitempty"`
	// CPU is how much processor one instance asks for, such as 500m or 2. It replaces that of the size.
	CPU string `json:"cpu,omitempty"`
	// Memory is how much memory one instance asks for and may use, such as 512Mi. It replaces that of the size.
	Memory string `json:"memory,omitempty"`
	// Ports are the ports that the app listens on. The first is the one that routes and other apps use.
	Ports []Port `json:"ports,omitempty"`
	// Env are the environment variables.
	Env map[string]EnvValue `json:"env,omitempty"`
	// Health tells when an instance can serve. When it is not set, an app with ports is asked whether its first port
	// accepts a connection.
	Health *Health `json:"health,omitempty"`
	// Strategy is rolling (the default: no moment without a running instance) or recreate (stop first, then start).
	Strategy string `json:"strategy,omitempty"`
}

// Port is a port that an app listens on.
type Port struct {
	// Name is how the port is referred to; at most 15 characters.
	Name string `json:"name"`
	// Port is the number that the app listens on, 1 to 65535.
	Port int `json:"port"`
}

// EnvValue is the value of an environment variable: a text, or a reference to another resource.
type EnvValue struct {
	// Value is the text, when there is no reference.
	Value string
	// App names an app of this pod; the value is then its address, such as http://api:8080.
	App string
}

type envRef struct {
	App string `json:"app"`
}

// MarshalJSON writes a text as a string and a reference as an object.
func (v EnvValue) MarshalJSON() ([]byte, error) {
	if v.App != "" {
		return json.Marshal(envRef{App: v.App})
	}
	return json.Marshal(v.Value)
}

// UnmarshalJSON takes a string, a number, a boolean (as YAML writes them unquoted) or a reference.
func (v *EnvValue) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var ref envRef
		if err := json.Unmarshal(data, &ref); err != nil {
			return err
		}
		*v = EnvValue{App: ref.App}
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*v = EnvValue{Value: text}
	return nil
}

// Health tells how an instance is asked whether it can serve. Exactly one of Path, Command, TCP and Off is set.
type Health struct {
	// Path is asked with HTTP GET; 200 to 399 is healthy.
	Path string `json:"path,omitempty"`
	// Command is run inside the instance; exit code 0 is healthy.
	Command []string `json:"command,omitempty"`
	// TCP asks whether the port accepts a connection.
	TCP bool `json:"tcp,omitempty"`
	// Off asks nothing: an instance that runs is taken to be healthy.
	Off bool `json:"off,omitempty"`
	// Port is the port that is asked; the first of the app when it is 0.
	Port int `json:"port,omitempty"`
}

// Strategies of a deploy.
const (
	StrategyRolling  = "rolling"
	StrategyRecreate = "recreate"
)

// Size is what one instance asks for.
type Size struct{ CPU, Memory string }

// Sizes are the named sizes, smallest first.
func Sizes() []string { return []string{"small", "medium", "large", "xlarge"} }

func sizes() map[string]Size {
	return map[string]Size{
		"small":  {"100m", "256Mi"},
		"medium": {"250m", "512Mi"},
		"large":  {"500m", "1Gi"},
		"xlarge": {"1", "2Gi"},
	}
}

// Kind implements Resource.
func (*App) Kind() Kind { return KindApp }

// Count is how many instances are asked for.
func (a *App) Count() int {
	if a.Instances == nil {
		return 1
	}
	return *a.Instances
}

// Resources is what one instance asks for, after the size and what replaces it.
func (a *App) Resources() Size {
	s := sizes()["small"]
	if named, ok := sizes()[a.Size]; ok {
		s = named
	}
	if a.CPU != "" {
		s.CPU = a.CPU
	}
	if a.Memory != "" {
		s.Memory = a.Memory
	}
	return s
}

// Describe implements Resource: "hello:v1 · 2 instances · port 8080".
func (a *App) Describe() string {
	words := []string{ShortImage(a.Image), plural(a.Count(), "instance")}
	if len(a.Ports) > 0 {
		words = append(words, fmt.Sprintf("port %d", a.Ports[0].Port))
	}
	return strings.Join(words, " · ")
}

// ShortImage is an image as people speak of it: without the registry, and without the digest where there is a tag.
func ShortImage(image string) string {
	name, digest, pinned := strings.Cut(image, "@")
	name = name[strings.LastIndexByte(name, '/')+1:]
	if pinned && !strings.Contains(name, ":") {
		return name + "@" + shortDigest(digest)
	}
	return name
}

func shortDigest(digest string) string {
	algorithm, sum, _ := strings.Cut(digest, ":")
	return algorithm + ":" + sum[:min(len(sum), 12)]
}

func plural(n int, word string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// leastMemory is less than any container starts with. Whoever asks for less has mixed up the units: 512m is half a byte.
const leastMemory = "1Mi"

// maxInstances guards against a slip of the finger, not against large apps.
const maxInstances = 10000

func (a *App) problems(name string, s Spec) []Problem {
	var p problems
	// The name becomes that of a Service, whose rules are the strictest of what an app renders to:
	// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#rfc-1035-label-names
	p.name(name, validation.IsDNS1035Label)
	p.image("spec.image", a.Image)
	if a.User != nil {
		for _, m := range validation.IsValidUserID(*a.User) {
			p.add("spec.user", "%s, is %d", m, *a.User)
		}
	}
	if n := a.Count(); n < 0 || n > maxInstances {
		p.add("spec.instances", "must be 0 to %d, is %d", maxInstances, n)
	}
	if a.Size != "" && !slices.Contains(Sizes(), a.Size) {
		p.add("spec.size", "must be one of %s, is %q", strings.Join(Sizes(), ", "), a.Size)
	}
	p.quantity("spec.cpu", a.CPU, "500m")
	if q, ok := p.quantity("spec.memory", a.Memory, "512Mi"); ok && q.Cmp(resource.MustParse(leastMemory)) < 0 {
		p.add("spec.memory", "%q is less than %s: the units are Mi and Gi", a.Memory, leastMemory)
	}
	seen := map[string]bool{}
	for _, port := range a.Ports {
		path := fmt.Sprintf("spec.ports[%s]", port.Name)
		for _, m := range validation.IsValidPortName(port.Name) {
			p.add(path+".name", "%s", m)
		}
		p.port(path+".port", port.Port)
		if n := fmt.Sprint(port.Port); seen[n] {
			p.add(path+".port", "%d is listed twice", port.Port)
		} else {
			seen[n] = true
		}
		if seen["name "+port.Name] {
			p.add(path, "is listed twice")
		}
		seen["name "+port.Name] = true
	}
	for key, value := range a.Env {
		path := "spec.env." + key
		for _, m := range validation.IsEnvVarName(key) {
			p.add(path, "%s", m)
		}
		if value.App == "" {
			continue
		}
		switch other := s.App(value.App); {
		case other == nil:
			p.missing(path, KindApp, value.App, s)
		case len(other.Ports) == 0:
			p.add(path, "app %q has no port to reach it at", value.App)
		}
	}
	a.healthProblems(&p)
	if a.Strategy != "" && a.Strategy != StrategyRolling && a.Strategy != StrategyRecreate {
		p.add("spec.strategy", "must be rolling or recreate, is %q", a.Strategy)
	}
	return p
}

func (a *App) healthProblems(p *problems) {
	h := a.Health
	if h == nil {
		return
	}
	ways := 0
	for _, set := range []bool{h.Path != "", len(h.Command) > 0, h.TCP, h.Off} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		p.add("spec.health", "needs exactly one of path, command, tcp and off")
	}
	if h.Path != "" && !strings.HasPrefix(h.Path, "/") {
		p.add("spec.health.path", "must begin with /, is %q", h.Path)
	}
	if h.Port != 0 {
		p.port("spec.health.port", h.Port)
	} else if (h.Path != "" || h.TCP) && len(a.Ports) == 0 {
		p.add("spec.health", "needs a port: the app has none")
	}
}

// imagePattern is the reference grammar of https://github.com/distribution/reference, tag and digest optional.
var imagePattern = regexp.MustCompile(`^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?` +
	`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*` +
	`(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$`)

// ValidImage says whether a text has the form of an image name.
func ValidImage(image string) bool { return imagePattern.MatchString(image) }

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
		p.add(path, "%q is not an amount such as %s", text, example)
		return q, false
	}
	return q, true
}
