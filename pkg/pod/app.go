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
	// Instances is the number of copies that run. The default is 1; with 0 none runs.
	Instances *int `json:"instances,omitempty"`
	// Autoscale lets the cluster choose the number of instances. It replaces instances.
	Autoscale *Autoscale `json:"autoscale,omitempty"`
	// Stopped stops all instances. The number of instances, or the bounds of autoscale, stay as they are: psc app start brings
	// them back.
	Stopped bool `json:"stopped,omitempty"`
	// Size sets the CPU and memory of one instance. The default is small.
	Size string `json:"size,omitempty"`
	// CPU is the CPU request of one instance, such as 500m or 2. It overrides the size.
	CPU string `json:"cpu,omitempty"`
	// CPULimit is the most CPU that one instance may use, such as 1. By default there is no limit: an instance may use what its
	// node has left. If a quota of the pod demands a limit, the default is the CPU request, and at least 500m.
	CPULimit string `json:"cpuLimit,omitempty"`
	// Memory is the memory request and limit of one instance, such as 512Mi. It overrides the size.
	Memory string `json:"memory,omitempty"`
	// Ports are the ports that the app listens on.
	Ports []Port `json:"ports,omitempty"`
	// MainPort is the name of the port that routes and other apps use if they name none. The default is port 80, or else the
	// first port that is not UDP.
	MainPort string `json:"mainPort,omitempty"`
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
	// Processes are programs that run beside the app in each instance.
	Processes []Process `json:"processes,omitempty"`
	// Health is the check that says whether an instance can serve. By default, an instance of an app with ports is healthy
	// when its main port accepts connections. An instance that fails the check three times in a row gets no traffic.
	Health *Health `json:"health,omitempty"`
	// Liveness is the check that finds an instance that hangs: one that fails it three times in a row is restarted. It begins
	// when the instance was healthy for the first time. By default there is none, because restarts do not help an app that waits
	// for another one: check only what a restart can mend.
	Liveness *Health `json:"liveness,omitempty"`
	// StartGrace is the time that an instance has to become healthy for the first time, such as 90s. An instance that takes
	// longer is restarted. By default, an instance has as long as the deploy waits.
	StartGrace string `json:"startGrace,omitempty"`
	// StopGrace is the time that an instance has to finish its work when it is stopped. The default is 30s.
	StopGrace string `json:"stopGrace,omitempty"`
	// Capabilities are Linux capabilities that the app needs beyond its usual ones, such as NET_ADMIN. They take effect for
	// programs that run as root, or that have them as file capabilities. The Pod Security Standard of the pod may forbid them.
	Capabilities []string `json:"capabilities,omitempty"`
	// Strategy is how a deploy replaces instances: rolling (there is always a running instance) or recreate (the old
	// instances are stopped before new ones start). The default is rolling, and recreate for an app with a disk that is not
	// shared.
	Strategy string `json:"strategy,omitempty"`
	// Selector has the labels by which the instances are found if the app was a Deployment before it became part of the pod. It
	// cannot be changed, so psc keeps it when it takes the Deployment over. Other apps have labels of psc's own.
	Selector map[string]string `json:"selector,omitempty"`
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

// SizeOf returns what a size requests. ok is false if there is no such size.
func SizeOf(name string) (s Size, ok bool) {
	s, ok = sizes()[name]
	return s, ok
}

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

// App returns the app with a name, or nil.
func (s Spec) App(name string) *App {
	a, _ := s[Ref{KindApp, name}].(*App)
	return a
}

// Apps iterates over the apps, sorted by name.
func (s Spec) Apps() iter.Seq2[string, *App] { return each[*App](s) }

// Count returns the number of instances, or the smallest number when the cluster chooses it. It is 0 for a stopped app.
func (a *App) Count() int {
	switch {
	case a.Stopped:
		return 0
	case a.Autoscale != nil:
		return a.Autoscale.Min
	case a.Instances == nil:
		return 1
	}
	return *a.Instances
}

// Scaler returns the autoscaler that chooses the number of instances, or nil. A stopped app has none.
func (a *App) Scaler() *Autoscale {
	if a.Stopped {
		return nil
	}
	return a.Autoscale
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
	if named, ok := SizeOf(a.Size); ok {
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
	words := []string{ShortImage(a.Image), Count(a.Count(), "instance")}
	switch {
	case a.Stopped:
		words[1] = "stopped"
	case a.Autoscale != nil:
		words[1] = fmt.Sprintf("%d to %d instances", a.Autoscale.Min, a.Autoscale.Max)
	}
	if port, ok := a.Main(); ok {
		words = append(words, "port "+port.String())
	} else if len(a.Ports) > 0 {
		words = append(words, "port "+a.Ports[0].String())
	}
	for i, x := range a.Processes {
		if i == 0 {
			words = append(words, "with "+x.Name)
		} else {
			words[len(words)-1] += ", " + x.Name
		}
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
	for _, x := range a.Processes {
		x.own().refs(add)
	}
}

// Words implements Part. An example is "autoscale" and "2 to 10 at 70%".
func (a Autoscale) Words() (name, text string) {
	return "autoscale", fmt.Sprintf("%d to %d at %d%%", a.Min, a.Max, a.Target())
}

// Count returns a number with a noun: "1 draft", "2 drafts".
func Count(n int, word string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, word)
	}
	return fmt.Sprintf("%d %ss", n, word)
}
