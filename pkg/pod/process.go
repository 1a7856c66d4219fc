package pod

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Process is a program that runs beside an app, in each of its instances: they reach each other at localhost, and start, move and end
// together. Without an image it is another process of the app, and has all that the app has: its image, user, variables, files,
// disks and scratch folders. With an image it is another program, and has what it lists. A scratch folder at the same path as one
// of the app is shared with it.
type Process struct {
	// Name is the name of the process.
	Name string `json:"name" psc:"key"`
	// Image is the container image. The default is the image of the app.
	Image string `json:"image,omitempty" psc:"image"`
	// User is the numeric user to run as.
	User *int64 `json:"user,omitempty"`
	// ImageUser is the numeric user of the image. psc reads it from the image when it pins it.
	ImageUser *int64 `json:"imageUser,omitempty" psc:"user"`
	// Command replaces the image's entrypoint.
	Command []string `json:"command,omitempty"`
	// Args replaces the image's arguments.
	Args []string `json:"args,omitempty"`
	// Size sets the CPU and memory of the process, which it has besides those of the app. The default is small.
	Size string `json:"size,omitempty"`
	// CPU is the CPU request. It overrides the size.
	CPU string `json:"cpu,omitempty"`
	// Memory is the memory request and limit. It overrides the size.
	Memory string `json:"memory,omitempty"`
	// Env are the environment variables.
	Env map[string]EnvValue `json:"env,omitempty"`
	// EnvFrom turns all keys of secrets, and all files of configs, into variables.
	EnvFrom []EnvFrom `json:"envFrom,omitempty"`
	// Files mounts configs and secrets into the file system of the process.
	Files []FileMount `json:"files,omitempty"`
	// Disks mounts disks into the file system of the process, also those that the app mounts.
	Disks []DiskMount `json:"disks,omitempty"`
	// Scratch are empty folders to write to.
	Scratch []Scratch `json:"scratch,omitempty"`
}

// Words implements Part. An example is "process cron" and "busybox:1: crond -f".
func (x Process) Words() (name, text string) {
	text = strings.Join(slices.Concat(x.Command, x.Args), " ")
	if x.Image != "" {
		text = strings.TrimSuffix(ShortImage(x.Image)+": "+text, ": ")
	}
	return "process " + x.Name, text
}

// own returns what a process sets itself as an app.
func (x Process) own() *App {
	return &App{
		Image: x.Image, User: x.User, ImageUser: x.ImageUser, Command: x.Command, Args: x.Args, Size: x.Size, CPU: x.CPU, Memory: x.Memory,
		Env: x.Env, EnvFrom: x.EnvFrom, Files: x.Files, Disks: x.Disks, Scratch: x.Scratch,
	}
}

// Process returns what a process of the app runs as an app without ports, with what it takes over from the app.
func (a *App) Process(x Process) *App {
	if x.Image != "" {
		return x.own()
	}
	return a.with(x.own())
}

// with returns another program of the app: it has the image, user, variables, files, disks and scratch folders of the app, and its own
// on top.
func (a *App) with(x *App) *App {
	out := *x
	out.Image, out.ImageUser = a.Image, a.ImageUser
	if out.User == nil {
		out.User = a.User
	}
	out.Env = maps.Clone(a.Env)
	if out.Env == nil {
		out.Env = map[string]EnvValue{}
	}
	maps.Copy(out.Env, x.Env)
	out.EnvFrom = slices.Concat(a.EnvFrom, x.EnvFrom)
	taken := map[string]bool{}
	for _, m := range x.Files {
		taken[m.Path] = true
	}
	for _, m := range x.Disks {
		taken[m.Path] = true
	}
	for _, m := range x.Scratch {
		taken[m.Path] = true
	}
	out.Files = slices.Concat(x.Files, slices.DeleteFunc(slices.Clone(a.Files), func(m FileMount) bool { return taken[m.Path] }))
	out.Disks = slices.Concat(x.Disks, slices.DeleteFunc(slices.Clone(a.Disks), func(m DiskMount) bool { return taken[m.Path] }))
	out.Scratch = slices.Concat(x.Scratch, slices.DeleteFunc(slices.Clone(a.Scratch), func(m Scratch) bool { return taken[m.Path] }))
	return &out
}

// allDisks returns the mounts of disks of an app and its processes.
func (a *App) allDisks() []DiskMount {
	all := slices.Clone(a.Disks)
	for _, x := range a.Processes {
		all = append(all, x.Disks...)
	}
	return all
}

func (a *App) processProblems(p *problems, name string, s Spec) {
	seen := map[string]bool{name: true}
	sizes := map[string]string{}
	for _, m := range a.Scratch {
		sizes[m.Path] = m.Size
	}
	for i, x := range a.Processes {
		at := fmt.Sprintf("spec.processes[%s]", x.Name)
		if x.Name == "" {
			at = fmt.Sprintf("spec.processes[%d]", i)
			p.add(at+".name", "is missing")
		} else {
			p.rule(at+".name", x.Name, validation.IsDNS1123Label, ruleName)
		}
		if seen[x.Name] {
			p.add(at+".name", "is the name of the app or of another process")
		}
		seen[x.Name] = true
		switch {
		case x.Image != "":
			p.image(at+".image", x.Image)
		case len(x.Command)+len(x.Args) == 0:
			p.add(at, "needs an image, a command or args of its own")
		}
		x.own().programProblems(p, at, name, s.Variables(a.Process(x)), s)
		for _, m := range x.Scratch {
			if size, ok := sizes[m.Path]; ok && size != m.Size {
				p.add(fmt.Sprintf("%s.scratch[%s].size", at, m.Path), "is %s, but %s for another process that shares the folder", m.Size, size)
			}
			sizes[m.Path] = m.Size
		}
	}
}
