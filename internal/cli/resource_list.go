package cli

import (
	"context"

	"github.com/pscdev/psc/pkg/health"
)

// stateDraft is the state of a resource that is only in a draft.
const stateDraft health.State = "draft"

// resources are the apps and routes of the live revision as they fare, and after them those that only drafts have.
func (a *app) resources(ctx context.Context, w *workspace) ([]appStatus, []routeStatus, error) {
	h, err := w.history(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, cluster, err := w.running(ctx, h)
	if err != nil {
		return nil, nil, err
	}
	live, statuses, err := a.fares(ctx, w, h, live, cluster)
	if err != nil {
		return nil, nil, err
	}
	apps, routes := appStatuses(statuses, live), routeStatuses(statuses, live)
	head, err := w.store.Get(ctx, h.Tip())
	if err != nil || head.Number == live.Number {
		return apps, routes, err
	}
	for name, app := range head.Spec.Apps() {
		if live.Spec.App(name) == nil {
			apps = append(apps, appStatus{Name: name, Image: app.Image, Instances: instances{Desired: app.Count()}, State: stateDraft})
		}
	}
	for name, route := range head.Spec.Routes() {
		if live.Spec.Route(name) == nil {
			if cluster.Gateway == nil {
				if cluster, err = w.cluster(ctx, head.Spec); err != nil {
					return nil, nil, err
				}
			}
			routes = append(routes, routeStatus{Name: name, State: stateDraft, URLs: cluster.URLs(w.pod, name, route), Rules: route.Rules, route: route})
		}
	}
	return apps, routes, nil
}
