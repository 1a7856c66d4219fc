package pod

import (
	"cmp"
	"fmt"
	"iter"
	"strings"
)

// App is a containerised application.
type App struct {
	// Image is the container image. psc pins it when the change is made: name:tag@sha256:….
	Image string `json:"image" psc:"image"`
	// User is the numeric user to run as, such as 1000. The default is the user of the image. An app with a user other than
	// 0 runs under the "restricted" Pod Security Standard, with all capabilities dropped.
	User *int64 `json:"user,omitempty"`
	// ImageUser is the numeric user of the image. psc reads it from the image when it pins it.
	ImageUser *int64 `json:"imageUser,omitempty" psc:"user"`
	// Command replaces the image's entrypoint. It is run as it is written: $(NAME) does not stand for a variable.
	Command []string `json:"command,omitempty"`
	// Args replaces the image's arguments. They are passed as they are written, as the command is.
	Args []string `json:"args,omitempty"`
	// Instances is the number of copies that run. The default is 1; 0 stops the app.
	Instances *int `json:"instances,omitempty"`
	// Autoscale lets the cluster choose the number of instances. It replaces instances.
	Autoscale *Autoscale `json:"autoscale,omitempty"`
	// Size sets the CPU and memory of one instance. The default is small.
	Size string `json:"size,omitempty"`
	// CPU is the CPU request of one instance, such as 500m or 2. It overrides the size.
	CPU string `json:"cpu,omitempty"`
	// Memory is the memory request and limit of one instance, such as 512Mi. It overrides the size.
	Memory string `json:"memory,omitempty"`
	// Ports are the ports that the app listens on. Routes and other apps use the first one.
	Ports []Port `json:"ports,omitempty"`
	// Env are the environment variables. A value is a string, in which a dollar is a dollar, or it refers to something else.
	Env map[string]EnvValue `json:"env,omitempty"`
	// EnvFrom turns all keys of secrets, and all files of configs, into variables. A variable of env takes precedence, and else
	// that of the later item.
	EnvFrom []EnvFrom `json:"envFrom,omitempty"`
	// Files mounts configs and secrets into the file system of the app.
	Files []FileMount `json:"files,omitempty"`
	// Disks mounts disks into the file system of the app. An app with a disk has one instance at a time, unless the disk is
	// shared.
	Disks []DiskMount `json:"disks,omitempty"`
	// Scratch are empty folders to write to. They end with the instance.
	Scratch []Scratch `json:"scratch,omitempty"`
	// Health is the check that says whether an instance can serve. By default, an instance of an app with ports is healthy
	// when its first port accepts connections.
	Health *Health `json:"health,omitempty"`
	// StartGrace is the time that an instance has to become healthy for the first time, such as 90s. An instance that takes
	// longer is restarted. By default, an instance has as long as the deploy waits.
	StartGrace string `json:"startGrace,omitempty"`
	// StopGrace is the time that an instance has to finish its work when it is stopped. The default is 30s.
	StopGrace string `json:"stopGrace,omitempty"`
	// Strategy is how a deploy replaces instances: rolling (there is always a running instance) or recreate (the old
	// instances are stopped before new ones start). The default is rolling, and recreate for an app with a disk that is not
	// shared.
	Strategy string `json:"strategy,omitempty"`
}

// Autoscale sets the bounds between which the cluster chooses the number of instances, and the CPU usage that it aims at.
type Autoscale struct {
	// Min is the smallest number of instances, 1 or more.
	Min int `json:"min"`
	// Max is the largest number of instances.
	Max int `json:"max"`
	// CPU is the average CPU usage to aim at, in percent of the CPU request. The default is 70.
	CPU int `json:"cpu,omitempty"`
}

// Port is a port that an app listens on.
type Port struct {
	// Name is the name by which routes and other apps refer to the port, at most 15 characters long.
	Name string `json:"name" psc:"key"`
	// Port is the port number, 1 to 65535.
	Port int `json:"port"`
}

// Health is how psc checks that an instance can serve. Exactly one of Path, Command, TCP and Off is set.
type Health struct {
	// Path is the path to request with HTTP GET. A status of 200 to 399 is healthy.
	Path string `json:"path,omitempty"`
	// Command is the command to run inside the instance. Exit code 0 is healthy.
	Command []string `json:"command,omitempty"`
	// TCP checks that the port accepts connections.
	TCP bool `json:"tcp,omitempty"`
	// Off disables the check: an instance that runs counts as healthy.
	Off bool `json:"off,omitempty"`
	// Port is the port to check. The default is the first port of the app.
	Port int `json:"port,omitempty"`
}

// The strategies of a deploy.
const (
	StrategyRolling  = "rolling"
	StrategyRecreate = "recreate"
)

// Size is what one instance requests.
type Size struct{ CPU, Memory string }

// Sizes returns the names of the sizes, smallest first.
func Sizes() []string { return []string{"small", "medium", "large", "xlarge"} }

// SizeWords describes the sizes: "small (100m CPU, 256Mi)" and so on.
func SizeWords() string {
	words := Sizes()
	for i, name := range words {
		words[i] = fmt.Sprintf("%s (%s CPU, %s)", name, sizes()[name].CPU, sizes()[name].Memory)
	}
	return strings.Join(words, ", ")
}

func sizes() map[string]Size {
	return map[string]Size{
		"small":  {"100m", "256Mi"},
		"medium": {"250m", "512Mi"},
		"large":  {"500m", "1Gi"},
		"xlarge": {"1", "2Gi"},
	}
}

// ServicePort is the port at which routes and other apps reach the first port of an app, whatever its number is. An app
// can change the number while others go on using it. The other ports are reached at their own numbers.
const ServicePort = 80

// Kind implements Resource.
func (*App) Kind() Kind { return KindApp }

// App returns the app with a name, or nil.
func (s Spec) App(name string) *App {
	a, _ := s[Ref{KindApp, name}].(*App)
	return a
}

// Apps iterates over the apps, sorted by name.
func (s Spec) Apps() iter.Seq2[string, *App] { return each[*App](s) }

// Count returns the number of instances, or the smallest number when the cluster chooses it.
func (a *App) Count() int {
	switch {
	case a.Autoscale != nil:
		return a.Autoscale.Min
	case a.Instances == nil:
		return 1
	}
	return *a.Instances
}

// Target returns the average CPU usage to aim at, in percent of the CPU request.
func (a Autoscale) Target() int { return cmp.Or(a.CPU, 70) }

// Recreates reports whether the old instances of an app of this spec are stopped before new ones start.
func (s Spec) Recreates(a *App) bool {
	return a.Strategy == StrategyRecreate || a.Strategy == "" && s.attached(a)
}

// Resources returns what one instance requests: the size, or what overrides it.
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

// RunsAs returns the numeric user to run as, or nil if it is not known: the image then runs as root, or as a user that only
// has a name.
func (a *App) RunsAs() *int64 { return cmp.Or(a.User, a.ImageUser) }

// Describe implements Resource. An example is "hello:v1 · 2 instances · port 8080".
func (a *App) Describe() string {
	words := []string{ShortImage(a.Image), plural(a.Count(), "instance")}
	if a.Autoscale != nil {
		words[1] = fmt.Sprintf("%d to %d instances", a.Autoscale.Min, a.Autoscale.Max)
	}
	if len(a.Ports) > 0 {
		words = append(words, fmt.Sprintf("port %d", a.Ports[0].Port))
	}
	return strings.Join(words, " · ")
}

func (a *App) refs(add func(Kind, string)) {
	for _, v := range a.Env {
		v.refs(add)
	}
	for _, e := range a.EnvFrom {
		e.refs(add)
	}
	for _, f := range a.Files {
		f.refs(add)
	}
	for _, d := range a.Disks {
		d.refs(add)
	}
}

// Words implements Part. An example is "port http" and "8080".
func (p Port) Words() (name, text string) { return "port " + p.Name, fmt.Sprint(p.Port) }

// Words implements Part. An example is "autoscale" and "2 to 10 at 70%".
func (a Autoscale) Words() (name, text string) {
	return "autoscale", fmt.Sprintf("%d to %d at %d%%", a.Min, a.Max, a.Target())
}

// ShortImage returns an image without its registry, and without its digest if it has a tag.
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
