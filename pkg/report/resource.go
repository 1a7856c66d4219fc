package report

import (
	"slices"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// Draft is the state of a resource that only a draft has.
const Draft health.State = "draft"

// Resource is the state of one app or route, in a deploy or a status.
type Resource struct {
	Name pod.Ref
	health.Status
	// URLs are the addresses of a route.
	URLs []string
	// Lines are the last lines of a log that may explain why the resource is not ready.
	Lines []string
	// Since is the time since the deploy began.
	Since time.Duration
}

// Failed reports whether the resource will not become ready without a change.
func (r Resource) Failed() bool { return r.State == health.Failed }

// Open reports whether the resource is not ready yet.
func (r Resource) Open() bool { return r.State == health.Progressing }

// App is the state of an app.
type App struct {
	Name      string       `json:"name"`
	Image     string       `json:"image"`
	Instances Instances    `json:"instances"`
	State     health.State `json:"state"`
	Reason    string       `json:"reason,omitempty"`
	Revision  int          `json:"revision,omitempty"`
	URLs      []string     `json:"urls,omitempty"`
	// Autoscale has the bounds of the number of instances, if the cluster chooses it.
	Autoscale *pod.Autoscale `json:"autoscale,omitempty"`
	Restarts  int            `json:"restarts,omitempty"`
	// CPU and Memory are what the instances use: cores and bytes. They are nil if they were not measured.
	CPU    *float64 `json:"cpu,omitempty"`
	Memory *float64 `json:"memory,omitempty"`
}

// Instances counts the instances of an app. Old are the ready ones of older versions, while the new one does not serve alone.
type Instances struct {
	Desired int `json:"desired"`
	Ready   int `json:"ready"`
	Old     int `json:"old,omitempty"`
}

// Ref implements Item.
func (a App) Ref() string { return "app/" + a.Name }

// Route is the state of a route.
type Route struct {
	Name   string       `json:"name"`
	State  health.State `json:"state"`
	Reason string       `json:"reason,omitempty"`
	URLs   []string     `json:"urls,omitempty"`
	Rules  []pod.Rule   `json:"rules"`
}

// Ref implements Item.
func (r Route) Ref() string { return "route/" + r.Name }

// Apps returns the apps among the resources of a revision, with the URLs of the routes that lead to them.
func Apps(all []Resource, r revision.Revision) []App {
	urls := map[string][]string{}
	for _, s := range all {
		route := r.Spec.Route(s.Name.Name)
		if s.Name.Kind != pod.KindRoute || route == nil {
			continue
		}
		for _, rule := range route.Rules {
			for _, t := range rule.To {
				urls[t.App] = append(urls[t.App], below(s.URLs, rule.Path)...)
			}
		}
	}
	out := []App{}
	for _, s := range all {
		if app := r.Spec.App(s.Name.Name); s.Name.Kind == pod.KindApp && app != nil {
			out = append(out, App{
				Name: s.Name.Name, Image: app.Image, Instances: Instances{Desired: s.Desired, Ready: s.Ready, Old: s.Serving()},
				State: s.State, Reason: s.Reason, Revision: r.Number, URLs: urls[s.Name.Name], Autoscale: Bounds(app),
				Restarts: s.Restarts,
			})
		}
	}
	return out
}

// Bounds returns the bounds of an app's autoscaler with its target, or nil.
func Bounds(app *pod.App) *pod.Autoscale {
	s := app.Scaler()
	if s == nil {
		return nil
	}
	return &pod.Autoscale{Min: s.Min, Max: s.Max, CPU: s.Target()}
}

func below(urls []string, path string) []string {
	out := make([]string, len(urls))
	for i, u := range urls {
		out[i] = u + strings.TrimSuffix(path, "/")
	}
	return out
}

// Routes returns the routes among the resources of a revision.
func Routes(all []Resource, r revision.Revision) []Route {
	out := []Route{}
	for _, s := range all {
		if route := r.Spec.Route(s.Name.Name); s.Name.Kind == pod.KindRoute && route != nil {
			out = append(out, Route{Name: s.Name.Name, State: s.State, Reason: s.Reason, URLs: s.URLs, Rules: route.Rules})
		}
	}
	return out
}

// Other is the state of a resource that is neither an app nor a route nor a job.
type Other struct {
	Kind   pod.Kind     `json:"kind"`
	Name   string       `json:"name"`
	State  health.State `json:"state"`
	Reason string       `json:"reason,omitempty"`
}

// Ref implements Item.
func (o Other) Ref() string { return pod.Ref{Kind: o.Kind, Name: o.Name}.String() }

// Held reports whether a job among the resources of a revision has not succeeded, which has to run before the rest is written.
func Held(all []Resource) bool {
	return slices.ContainsFunc(all, func(s Resource) bool { return s.Name.Kind == pod.KindJob && s.State != health.Ready })
}

// Others are the resources that are neither apps nor routes nor jobs.
func Others(all []Resource) []Other {
	var out []Other
	for _, s := range all {
		if s.Name.Kind != pod.KindApp && s.Name.Kind != pod.KindRoute && s.Name.Kind != pod.KindJob {
			out = append(out, Other{Kind: s.Name.Kind, Name: s.Name.Name, State: s.State, Reason: s.Reason})
		}
	}
	return out
}

// Config is a config with its files.
type Config struct {
	Name  string   `json:"name"`
	Files []string `json:"files"`
	Bytes int      `json:"bytes"`
	Users []string `json:"users,omitempty"`
}

// Ref implements Item.
func (c Config) Ref() string { return "config/" + c.Name }

// Secret is a secret with its keys. It never has a value.
type Secret struct {
	Name  string   `json:"name"`
	Keys  []Key    `json:"keys"`
	Users []string `json:"users,omitempty"`
}

// Key is a key of a secret. Another value has another version, and a version reveals nothing about its value.
type Key struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Ref implements Item.
func (s Secret) Ref() string { return "secret/" + s.Name }

// Disk is a disk of the pod, or a kept one.
type Disk struct {
	Name  string `json:"name"`
	Size  string `json:"size"`
	Class string `json:"class,omitempty"`
	// State is draft, pending, ready, or kept. A kept disk is no longer part of the spec.
	State string   `json:"state"`
	Users []string `json:"users,omitempty"`
}

// Ref implements Item.
func (d Disk) Ref() string { return "disk/" + d.Name }
