package workspace

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
)

// RunOptions are the options of a run.
type RunOptions struct {
	// Command replaces the command of the app, if there is one. For a job it has the arguments that replace its own. Env are variables in addition to those of the app.
	Command []string
	Env     map[string]any
	// Timeout is how long the run of an app may take. Kept is how long the cluster keeps it after its end, if nobody deletes it; 0 for
	// no limit.
	Timeout, Kept time.Duration
	// Stdin means that the command reads what a client sends. With TTY it has a terminal too.
	Stdin, TTY bool
}

// Run starts a one-off instance of an app of the live revision, or a run of a job. The error is a *pod.RefError, pod.Problems of the
// command or a variable, or a *RefusedError for an instance that the API server refuses.
func (w *Workspace) Run(ctx context.Context, of pod.Ref, o RunOptions) (report.Run, error) {
	user, err := w.User(ctx)
	if err != nil {
		return report.Run{}, err
	}
	live, err := w.Live(ctx)
	if err != nil {
		return report.Run{}, err
	}
	spec, err := pod.Apply(live.Spec, pod.Change{Edits: []pod.Edit{{Verb: pod.Set, Kind: of.Kind, Name: of.Name, Fields: o.fields(of.Kind)}}})
	if err != nil {
		return report.Run{}, err
	}
	cluster, err := w.cluster(ctx, pod.Spec{of: spec[of]})
	if err != nil {
		return report.Run{}, err
	}
	r := render.Run{Name: runName(of.Name), Of: of, Author: user.User, Timeout: o.Timeout, Kept: o.Kept, Stdin: o.Stdin, TTY: o.TTY}
	if of.Kind == pod.KindJob {
		if r.Owner, err = w.jobOwner(ctx, of.Name); err != nil {
			return report.Run{}, err
		}
	}
	job := r.Job(w.Pod, spec, cluster)
	if err := w.tryInstance(ctx, of, job); err != nil {
		return report.Run{}, err
	}
	_, err = w.kube.Create(ctx, job, object.Job, w.Pod)
	if err != nil && !apierrors.IsAlreadyExists(err) { // the name is random, so only a lost answer explains that
		return report.Run{}, err
	}
	made := report.Run{Name: r.Name, State: report.RunStarting, Author: user.User, Created: w.run.Now().UTC(), Command: o.Command}
	if of.Kind == pod.KindApp {
		made.App = of.Name
		return made, nil
	}
	made.Job, made.By, made.Command = of.Name, user.User, slices.Concat(spec.Job(of.Name).Command, spec.Job(of.Name).Args)
	return made, w.trimRuns(ctx, of.Name, spec.Job(of.Name).Kept())
}

// jobOwner returns the object of a job with which the cluster removes its runs: its ServiceAccount, which every job has.
func (w *Workspace) jobOwner(ctx context.Context, job string) (*metav1.OwnerReference, error) {
	account, err := w.kube.GetMeta(ctx, object.ServiceAccount, w.Pod, render.JobAccount(job))
	if err != nil {
		return nil, err
	}
	version, kind := object.ServiceAccount.ToAPIVersionAndKind()
	return &metav1.OwnerReference{APIVersion: version, Kind: kind, Name: account.Name, UID: account.UID}, nil
}

// trimRuns removes the oldest runs of a job that people have started, beyond the newest most of each outcome. The cluster does that for
// those of a schedule.
func (w *Workspace) trimRuns(ctx context.Context, job string, most int) error {
	jobs, err := kube.ListAs[batchv1.Job](ctx, w.kube, object.Job, w.Pod, object.LabelJob+"="+job+",!"+object.LabelPod)
	if err != nil {
		return err
	}
	jobs = slices.DeleteFunc(jobs, func(job *batchv1.Job) bool { return job.Annotations[object.AnnotationAuthor] == "" })
	for _, old := range health.Excess(jobs, most) {
		if err := w.kube.Delete(ctx, object.Job, w.Pod, old.Name, old.UID); err != nil {
			return err
		}
	}
	return nil
}

// fields are what a run has in place of what the app or the job has.
func (o RunOptions) fields(kind pod.Kind) pod.Fields {
	fields := pod.Fields{}
	switch {
	case len(o.Command) == 0:
	case kind == pod.KindJob:
		fields["args"] = o.Command
	default:
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
