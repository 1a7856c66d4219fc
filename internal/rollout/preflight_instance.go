package rollout

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
)

// trial is what judgeInstance needs of a workload.
type trial struct {
	// there is the workload as it is, or nil if it is new.
	there *unstructured.Unstructured
	// newAccount means that the deploy creates the ServiceAccount of the instances.
	newAccount bool
	// readErr is why there was not read, and refused why the API server refuses a new instance.
	readErr, refused error
}

// tryInstance makes the API server try one instance of a workload. newAccounts are the ServiceAccounts that the deploy creates.
// The returned function waits for the answer. Over a slow line, one request after the other would take long.
func (d *deploy) tryInstance(ctx context.Context, step plan.Step, newAccounts map[string]bool) func() trial {
	var t trial
	path := object.Of(step.Kind).Template
	if path == nil {
		return func() trial { return t }
	}
	var group errgroup.Group
	if step.Action == plan.Update {
		group.Go(func() error {
			t.there, t.readErr = d.Kube.Get(ctx, step.Kind, d.Pod, step.Name)
			return nil
		})
	}
	template, _, _ := unstructured.NestedMap(step.Object.Object, path...) // render has written it
	instance := &unstructured.Unstructured{Object: template}
	instance.SetGroupVersionKind(object.Pod)
	instance.SetNamespace(d.Pod)
	instance.SetName(step.Name + "-preflight")
	account, _, _ := unstructured.NestedString(template, "spec", "serviceAccountName")
	if t.newAccount = newAccounts[account]; t.newAccount {
		unstructured.RemoveNestedField(instance.Object, "spec", "serviceAccountName")
	}
	group.Go(func() error { t.refused = d.Kube.DryCreate(ctx, instance); return nil })
	return func() trial {
		_ = group.Wait() // t has the errors
		return t
	}
}

// judgeInstance returns the error for a workload that gets new instances if the API server would refuse them.
func (d *deploy) judgeInstance(ctx context.Context, step plan.Step, would *unstructured.Unstructured, t trial) error {
	starts, first, err := d.startsInstances(step, would, t)
	if err != nil || !starts {
		return err
	}
	err = t.refused
	var status apierrors.APIStatus
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) {
		return err
	}
	if details := status.Status().Details; details != nil && details.Name == "" {
		return nil // we may not create instances, but the controller may
	}
	if _, readErr := d.Kube.GetMeta(ctx, object.ServiceAccount, d.Pod, "default"); t.newAccount && apierrors.IsNotFound(readErr) {
		return nil // the namespace is so new that it cannot have instances yet
	}
	ref := refOf(step.Object.GetLabels())
	cause, next, room := health.Refusal(ref, status.Status().Message)
	if room && first {
		return nil
	}
	return &RefusedError{Ref: ref, Cause: cause, Next: next, Err: err}
}

// RefusedError is the error for instances that the API server would refuse.
type RefusedError struct {
	Ref pod.Ref
	// Cause is what forbids them.
	Cause string
	// Next lists what can be done about it; each is an alternative to the others.
	Next []pod.Next
	// Err is the answer of the API server.
	Err error
}

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s %s cannot start instances: %s", e.Ref.Kind.Word(), e.Ref.Name, e.Cause)
}

// Unwrap returns the answer of the API server.
func (e *RefusedError) Unwrap() error { return e.Err }

// startsInstances reports whether a deploy starts new instances of a workload, and whether it stops the current ones first.
func (d *deploy) startsInstances(step plan.Step, would *unstructured.Unstructured, t trial) (starts, stopsFirst bool, err error) {
	wants := replicas(would)
	if step.Action == plan.Create || wants == 0 || len(step.Takeover) > 0 {
		return wants > 0, false, nil
	}
	how, _, _ := unstructured.NestedString(would.Object, "spec", "strategy", "type")
	if t.readErr != nil {
		return false, false, t.readErr
	}
	path := object.Of(step.Kind).Template
	before, _, _ := unstructured.NestedMap(t.there.Object, path...)
	after, _, _ := unstructured.NestedMap(would.Object, path...)
	changed := d.restarts[step.Name] != 0 || !equality.Semantic.DeepEqual(before, after)
	return wants > replicas(t.there) || changed, changed && how == "Recreate", nil
}

// replicas is the number of instances of a workload: one for a kind that has no number.
func replicas(o *unstructured.Unstructured) int64 {
	if n, found, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); found {
		return n
	}
	return 1
}
