package workspace

import (
	"context"
	"errors"

	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// Restart starts new instances of apps of the live revision, by the strategy of each app, and stops the old ones. Like Stop and
// Start it is a revision that is deployed at once and includes no draft. The error is a *pod.RefError or *DraftedError for an app
// that is not live, and an *instance.Error for one that is stopped.
func (w *Workspace) Restart(ctx context.Context, names []string, o Options) (Outcome, error) {
	return w.running(ctx, names, o, func(name string, app *pod.App) (pod.Edit, error) {
		if app != nil && app.Count() == 0 {
			return pod.Edit{}, &instance.Error{App: name, Err: instance.ErrStopped}
		}
		return pod.Edit{Verb: pod.Restart, Kind: pod.KindApp, Name: name}, nil
	})
}

// Stop stops all instances of apps. It is no change for those that are stopped already.
func (w *Workspace) Stop(ctx context.Context, names []string, o Options) (Outcome, error) {
	return w.running(ctx, names, o, func(name string, app *pod.App) (pod.Edit, error) {
		edit := pod.Edit{Verb: pod.Set, Kind: pod.KindApp, Name: name}
		if app == nil || app.Count() > 0 {
			edit.Fields = pod.Fields{"stopped": true}
		}
		return edit, nil
	})
}

// Start starts as many instances of stopped apps as they had before, or the default of an app that was scaled to 0. It is no change
// for apps that are not stopped.
func (w *Workspace) Start(ctx context.Context, names []string, o Options) (Outcome, error) {
	return w.running(ctx, names, o, func(name string, app *pod.App) (pod.Edit, error) {
		fields := pod.Fields{"stopped": nil}
		if app != nil && app.Instances != nil && *app.Instances == 0 {
			fields["instances"] = nil
		}
		return pod.Edit{Verb: pod.Set, Kind: pod.KindApp, Name: name, Fields: fields}, nil
	})
}

// running changes how apps run. edit gets nil for an app that is not part of the revision.
func (w *Workspace) running(ctx context.Context, names []string, o Options, edit func(string, *pod.App) (pod.Edit, error)) (Outcome, error) {
	o.Alone, o.NoDrafts = true, true
	return w.change(ctx, nil, o, func(on revision.Revision) (pod.Change, error) {
		var (
			change pod.Change
			errs   []error
		)
		for _, name := range names {
			e, err := edit(name, on.Spec.App(name))
			change.Edits, errs = append(change.Edits, e), append(errs, err)
		}
		return change, errors.Join(errs...)
	})
}
