// Package instance works with the running instances of a pod's apps.
//
//	Open -> Instances -- List, Ready --> Instance
//
// It needs neither the history nor the spec of the pod: what runs is asked of the cluster, and only the labels of psc are read.
package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Instances are the instances of the apps of one pod.
type Instances struct {
	// Pod is the name of the pod.
	Pod string

	kube *kube.Client
	now  func() time.Time
}

// Open opens the instances of a pod. It does not dial.
func Open(client *kube.Client, name string, now func() time.Time) *Instances {
	return &Instances{Pod: name, kube: client, now: now}
}

// Instance is one running copy of an app: a Kubernetes Pod.
type Instance struct{ *corev1.Pod }

// App returns the name of the app, which is also the name of its main container; for an instance of a run, of the app or the job that
// the run is of.
func (i Instance) App() string {
	return cmp.Or(i.Labels[object.LabelApp], i.Labels[object.LabelJob], i.Labels[object.LabelRun])
}

// called reports whether a name is that of the instance, its app, its run or its job. A job is called job/NAME too.
func (i Instance) called(name string) bool {
	job := i.Labels[object.LabelJob]
	return name != "" && (name == i.Name || name == i.Labels[object.LabelApp] || name == i.Labels[batchv1.JobNameLabel] || name == job) ||
		job != "" && name == pod.KindJob.Word()+"/"+job
}

// Ready reports whether the instance gets traffic and is not on its way out.
func (i Instance) Ready() bool {
	return i.DeletionTimestamp == nil && slices.ContainsFunc(i.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Containers returns the names of the containers, those that only prepare others first.
func (i Instance) Containers() []string {
	var names []string
	for _, c := range slices.Concat(i.Spec.InitContainers, i.Spec.Containers) {
		names = append(names, c.Name)
	}
	return names
}

// The errors that an Error wraps.
var (
	ErrStopped  = errors.New("is stopped")
	ErrNone     = errors.New("has no instance yet")
	ErrNotReady = errors.New("has no ready instance")
)

// Error is the error for an app of which no instance can be used.
type Error struct {
	App string
	Err error
	// Reason is why, if it is known.
	Reason string
	// Next are the next steps, if they are known.
	Next []pod.Next
}

// Error implements error. An example is: app "web" has no ready instance: the image does not exist.
func (e *Error) Error() string {
	text := fmt.Sprintf("app %q %v", e.App, e.Err)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// Unwrap returns ErrStopped, ErrNone or ErrNotReady.
func (e *Error) Unwrap() error { return e.Err }

// List returns the instances of an app, or of all apps if app is empty: the ready ones first, then the newest first. What cannot be
// the name of an app has none.
func (in *Instances) List(ctx context.Context, app string) ([]Instance, error) {
	if app != "" && len(validation.IsDNS1123Label(app)) > 0 { // a selector would fail, or select something else
		return nil, nil
	}
	return in.list(ctx, in.selector(app))
}

func (in *Instances) list(ctx context.Context, selector string) ([]Instance, error) {
	found, err := kube.ListAs[corev1.Pod](ctx, in.kube, object.Pod, in.Pod, selector)
	if err != nil {
		return nil, err
	}
	out := make([]Instance, 0, len(found))
	for _, p := range found {
		out = append(out, Instance{p})
	}
	return inOrder(out), nil
}

// inOrder sorts instances: the ready ones first, then the newest first.
func inOrder(out []Instance) []Instance {
	slices.SortFunc(out, func(a, b Instance) int {
		ready := 0
		switch {
		case a.Ready() && !b.Ready():
			ready = -1
		case b.Ready() && !a.Ready():
			ready = 1
		}
		return cmp.Or(ready, b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Ready returns a ready instance of an app. The error is a *pod.RefError if there is no such app in the cluster, and an *Error
// if no instance of it is ready.
func (in *Instances) Ready(ctx context.Context, app string) (Instance, error) {
	found, err := in.List(ctx, app)
	if err != nil {
		return Instance{}, err
	}
	if len(found) > 0 && found[0].Ready() {
		return found[0], nil
	}
	return Instance{}, in.Why(ctx, app, found)
}

// Why returns the error for an app of which none of its instances can be used: see Ready.
func (in *Instances) Why(ctx context.Context, app string, instances []Instance) error {
	deployment, err := in.kube.Get(ctx, object.Deployment, in.Pod, app)
	if apierrors.IsNotFound(err) {
		return in.noApp(ctx, app)
	}
	if err != nil {
		return err
	}
	o := health.Objects{}
	if o.Deployment, err = kube.As[appsv1.Deployment](deployment); err != nil {
		return err
	}
	if o.ReplicaSets, err = kube.ListAs[appsv1.ReplicaSet](ctx, in.kube, object.ReplicaSet, in.Pod, in.selector(app)); err != nil {
		return err
	}
	for _, i := range instances {
		o.Instances = append(o.Instances, i.Pod)
	}
	status := health.App(o, in.now())
	e := &Error{App: app, Err: ErrNotReady, Reason: status.Reason, Next: status.Next}
	switch {
	case status.State == health.Stopped || status.Desired == 0:
		e = &Error{App: app, Err: ErrStopped}
	case len(instances) == 0:
		e.Err = ErrNone
	}
	return e
}

// noApp returns the error for an app that the cluster does not have.
func (in *Instances) noApp(ctx context.Context, app string) error {
	deployments, err := in.kube.ListMeta(ctx, object.Deployment, in.Pod, in.selector(""))
	if err != nil {
		return err
	}
	names := make([]string, len(deployments))
	for i := range deployments {
		names[i] = deployments[i].Name
	}
	return &pod.RefError{Ref: pod.Ref{Kind: pod.KindApp, Name: app}, Err: pod.ErrNotFound, Nearest: pod.Nearest(app, names)}
}

// orInstance adds the nearest instance to the error for an app that does not exist, if no app has a name like it.
func (in *Instances) orInstance(ctx context.Context, err error) error {
	var none *pod.RefError
	if !errors.As(err, &none) || none.Nearest != "" {
		return err
	}
	all, listErr := in.List(ctx, "")
	if listErr != nil {
		return listErr
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	none.Nearest = pod.Nearest(none.Ref.Name, names)
	return err
}

// selector selects the instances of an app, or of all apps if app is empty.
func (in *Instances) selector(app string) string {
	selector := object.Selector(in.Pod) + "," + object.LabelApp
	if app != "" {
		selector += "=" + app
	}
	return selector
}
