package pod

import (
	"cmp"
	"fmt"
	"iter"
	"strings"
)

// App is a containerised application.
type App struct {
	// Image is the container image, pinned when the change was made: name:tag@sha256:….
	Image string `json:"image" psc:"image"`
	// User is the numeric user that the image runs as. psc reads it from the image; an app that has it runs under the
	// "restricted" Pod Security Standard, with every capability dropped.
	User *int64 `json:"user,omitempty" psc:"user"`
	// Command replaces the image's entrypoint.
	Command []string `json:"command,omitempty"`
	// Args replaces the image's arguments.
	Args []string `json:"args,omitempty"`
	// Instances is how many copies run: 1 when it is not set, 0 for a stopped app.
	Instances *int `json:"instances,omitempty"`
	// Autoscale lets the cluster choose how many run. It takes the place of instances.
	Autoscale *Autoscale `json:"autoscale,omitempty"`
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
	// Files are the configs and secrets that the app finds in its file system.
	Files []FileMount `json:"files,omitempty"`
	// Disks are the disks that the app finds in its file system. An app with a disk has one instance at a time.
	Disks []DiskMount `json:"disks,omitempty"`
	// Health tells when an instance can serve. When it is not set, an app with ports is asked whether its first port
	// accepts a connection.
	Health *Health `json:"health,omitempty"`
	// StartGrace is how long an instance may take until it is healthy for the first time, such as 90s. One that takes
	// longer is started again. When it is not set, it may take as long as the deploy waits.
	StartGrace string `json:"startGrace,omitempty"`
	// StopGrace is how long an instance may take to end what it is doing when it is told to stop; 30s when it is not set.
	StopGrace string `json:"stopGrace,omitempty"`
	// Strategy is rolling (no moment without a running instance) or recreate (stop first, then start). It is rolling when
	// it is not set, and recreate for an app with a disk.
	Strategy string `json:"strategy,omitempty"`
}

// Autoscale is between which numbers of instances the cluster may choose, and by what.
type Autoscale struct {
	// Min is the least number of instances, 1 or more.
	Min int `json:"min"`
	// Max is the largest number of instances.
	Max int `json:"max"`
	// CPU is how much of the processor that they ask for the instances should use on average, in percent; 70 when it is
	// not set.
	CPU int `json:"cpu,omitempty"`
}

// FileMount is a config or a secret in the file system of an app. Exactly one of Config and Secret is set.
type FileMount struct {
	// Path is the folder that holds the files, or with File the file.
	Path string `json:"path" psc:"key"`
	// Config is the name of a config of this pod.
	Config string `json:"config,omitempty"`
	// Secret is the name of a secret of this pod; each key is a file.
	Secret string `json:"secret,omitempty"`
	// File is the name of a single file of the config, or key of the secret.
	File string `json:"file,omitempty"`
}

// DiskMount is a disk in the file system of an app.
type DiskMount struct {
	// Path is the folder that is the disk.
	Path string `json:"path" psc:"key"`
	// Disk is the name of a disk of this pod.
	Disk string `json:"disk"`
}

// Port is a port that an app listens on.
type Port struct {
	// Name is how the port is referred to; at most 15 characters.
	Name string `json:"name" psc:"key"`
	// Port is the number that the app listens on, 1 to 65535.
	Port int `json:"port"`
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

// ServicePort is where an app's first port is reached, whatever its number: so an app can change it while others go on
// using it. The other ports are reached at their own numbers.
const ServicePort = 80

// Kind implements Resource.
func (*App) Kind() Kind { return KindApp }

// App returns the app of that name, or nil.
func (s Spec) App(name string) *App {
	a, _ := s[Ref{KindApp, name}].(*App)
	return a
}

// Apps walks the apps in order of their names.
func (s Spec) Apps() iter.Seq2[string, *App] { return each[*App](s) }

// Count is how many instances are asked for; the least number when the cluster may choose.
func (a *App) Count() int {
	switch {
	case a.Autoscale != nil:
		return a.Autoscale.Min
	case a.Instances == nil:
		return 1
	}
	return *a.Instances
}

// Target is the use of the processor that the cluster aims at, in percent.
func (a *Autoscale) Target() int { return cmp.Or(a.CPU, 70) }

// Recreates says whether the old instances are stopped before new ones start.
func (a *App) Recreates() bool {
	return a.Strategy == StrategyRecreate || a.Strategy == "" && len(a.Disks) > 0
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
	for _, f := range a.Files {
		f.refs(add)
	}
	for _, d := range a.Disks {
		d.refs(add)
	}
}

func (m FileMount) refs(add func(Kind, string)) {
	add(KindConfig, m.Config)
	add(KindSecret, m.Secret)
}

func (m DiskMount) refs(add func(Kind, string)) { add(KindDisk, m.Disk) }

// Words implements Part: "mount /etc/web", "config/web/web.conf".
func (m FileMount) Words() (name, text string) {
	source := "config/" + m.Config
	if m.Secret != "" {
		source = "secret/" + m.Secret
	}
	return "mount " + m.Path, strings.TrimSuffix(source+"/"+m.File, "/")
}

// Words implements Part: "mount /data", "disk/data".
func (m DiskMount) Words() (name, text string) { return "mount " + m.Path, "disk/" + m.Disk }

// Words implements Part: "port http", "8080".
func (p Port) Words() (name, text string) { return "port " + p.Name, fmt.Sprint(p.Port) }

// Words implements Part: "autoscale", "2 to 10 at 70%".
func (s Autoscale) Words() (name, text string) {
	return "autoscale", fmt.Sprintf("%d to %d at %d%%", s.Min, s.Max, s.Target())
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
