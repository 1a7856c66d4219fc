package workspace

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
)

// RunOptions are the options of a run.
type RunOptions struct {
	// Command replaces the command of the app, if there is one. Env are variables in addition to those of the app.
	Command []string
	Env     map[string]any
	// Timeout is how long the run may take. Kept is how long the cluster keeps it after its end, if nobody deletes it.
	Timeout, Kept time.Duration
	// Stdin means that the command reads what a client sends. With TTY it has a terminal too.
	Stdin, TTY bool
}

// Run starts a one-off instance of an app of the live revision. The error is a *pod.RefError, pod.Problems of the command or a
// variable, or a *RefusedError for an instance that the API server refuses.
func (w *Workspace) Run(ctx context.Context, app string, o RunOptions) (report.Run, error) {
	user, err := w.User(ctx)
	if err != nil {
		return report.Run{}, err
	}
	live, err := w.Live(ctx)
	if err != nil {
		return report.Run{}, err
	}
	ref := pod.Ref{Kind: pod.KindApp, Name: app}
	spec, err := pod.Apply(live.Spec, pod.Change{Edits: []pod.Edit{{Verb: pod.Set, Kind: ref.Kind, Name: app, Fields: o.fields()}}})
	if err != nil {
		return report.Run{}, err
	}
	cluster, err := w.cluster(ctx, pod.Spec{ref: spec[ref]})
	if err != nil {
		return report.Run{}, err
	}
	r := render.Run{Name: runName(app), App: app, Author: user.User, Timeout: o.Timeout, Kept: o.Kept, Stdin: o.Stdin, TTY: o.TTY}
	job := r.Job(w.Pod, spec, cluster)
	if err := w.tryInstance(ctx, ref, job); err != nil {
		return report.Run{}, err
	}
	_, err = w.kube.Create(ctx, job, object.Job, w.Pod)
	if err != nil && !apierrors.IsAlreadyExists(err) { // the name is random, so only a lost answer explains that
		return report.Run{}, err
	}
	return report.Run{Name: r.Name, App: app, State: report.RunStarting, Author: user.User, Created: w.run.Now().UTC(), Command: o.Command}, nil
}

// fields are what a run has in place of what the app has.
func (o RunOptions) fields() pod.Fields {
	fields := pod.Fields{}
	if len(o.Command) > 0 {
		fields["command"], fields["args"] = o.Command, nil
	}
	if len(o.Env) > 0 {
		fields["env"] = o.Env
	}
	return fields
}

// runName returns a new name: "web-run-k3x9q2ab". The name of an instance is made of it, and must not be cut off.
func runName(app string) string {
	const most = 40
	return strings.TrimRight(app[:min(len(app), most)], "-") + "-run-" + strings.ToLower(rand.Text()[:8])
}

// tryInstance makes the API server try the instance of a job, so that a full quota is an error before the job exists.
func (w *Workspace) tryInstance(ctx context.Context, ref pod.Ref, job *unstructured.Unstructured) error {
	template, _, err := unstructured.NestedMap(job.Object, "spec", "template")
	if err != nil {
		return err
	}
	one := &unstructured.Unstructured{Object: template}
	one.SetGroupVersionKind(object.Pod)
	one.SetNamespace(w.Pod)
	one.SetName(job.GetName())
	err = w.kube.DryCreate(ctx, one)
	var status apierrors.APIStatus
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) {
		return err
	}
	if details := status.Status().Details; details != nil && details.Name == "" {
		return nil // we may not create instances, but the controller may
	}
	cause, next, _ := health.Refusal(ref, status.Status().Message)
	return &RefusedError{Ref: ref, Cause: cause, Next: next, Err: err}
}
