package cli

import (
	"context"
	"strings"

	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// appStatus is how an app fares, for scripts.
type appStatus struct {
	Name      string       `json:"name"`
	Image     string       `json:"image"`
	Instances instances    `json:"instances"`
	State     health.State `json:"state"`
	Reason    string       `json:"reason,omitempty"`
	Revision  int          `json:"revision,omitempty"`
	URLs      []string     `json:"urls,omitempty"`

	status health.Status
}

type instances struct {
	Desired int `json:"desired"`
	Ready   int `json:"ready"`
}

// routeStatus is how a route fares, for scripts.
type routeStatus struct {
	Name   string       `json:"name"`
	State  health.State `json:"state"`
	Reason string       `json:"reason,omitempty"`
	URLs   []string     `json:"urls,omitempty"`
	Rules  []pod.Rule   `json:"rules"`

	route *pod.Route
}

// appStatuses are the apps of a revision with what is known of them.
func appStatuses(statuses []rollout.Status, r revision.Revision) []appStatus {
	urls := map[string][]string{}
	for _, s := range statuses {
		if route := r.Spec.Route(s.Ref.Name); s.Ref.Kind == pod.KindRoute && route != nil {
			for _, rule := range route.Rules {
				for _, t := range rule.To {
					urls[t.App] = append(urls[t.App], at(s.URLs, rule.Path)...)
				}
			}
		}
	}
	out := []appStatus{}
	for _, s := range statuses {
		if s.Ref.Kind != pod.KindApp {
			continue
		}
		out = append(out, appStatus{
			Name: s.Ref.Name, Image: r.Spec.App(s.Ref.Name).Image,
			Instances: instances{Desired: s.Desired, Ready: s.Ready},
			State:     s.State, Reason: s.Reason, Revision: r.Number, URLs: urls[s.Ref.Name], status: s.Status,
		})
	}
	return out
}

func at(urls []string, path string) []string {
	out := make([]string, len(urls))
	for i, u := range urls {
		out[i] = u + strings.TrimSuffix(path, "/")
	}
	return out
}

func routeStatuses(statuses []rollout.Status, r revision.Revision) []routeStatus {
	out := []routeStatus{}
	for _, s := range statuses {
		if s.Ref.Kind != pod.KindRoute {
			continue
		}
		route := r.Spec.Route(s.Ref.Name)
		out = append(out, routeStatus{
			Name: s.Ref.Name, State: s.State, Reason: s.Reason, URLs: s.URLs, Rules: route.Rules, route: route,
		})
	}
	return out
}

// running is the live revision, which has no number when there is none, and what the cluster offers to it.
func (w *workspace) running(ctx context.Context, h history) (revision.Revision, render.Cluster, error) {
	live, err := w.store.Get(ctx, h.Live)
	if err != nil || h.Live == 0 {
		return live, render.Cluster{}, err
	}
	live.Live = true
	cluster, err := w.cluster(ctx, live.Spec)
	return live, cluster, err
}

// fares tells how everything in the live revision fares. A revision whose deploy nobody waited for is settled.
func (a *app) fares(ctx context.Context, w *workspace, h history, live revision.Revision, cluster render.Cluster) (revision.Revision, []rollout.Status, error) {
	run := &rollout.Rollout{Kube: w.kube, Store: w.store, Pod: w.pod, Cluster: cluster, Now: a.Now}
	switch {
	case h.Live == 0:
		return live, nil, nil
	case h.holder.ID != "":
		statuses, err := run.Statuses(ctx, live.Spec)
		return live, statuses, err
	}
	settled, statuses, err := run.Settle(ctx, live)
	settled.Live = true
	return settled, statuses, err
}
