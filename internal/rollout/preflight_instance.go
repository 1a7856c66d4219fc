package rollout

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
)

// dryRunInstance makes the API server try one instance of a workload that gets new instances. newAccounts are the
// ServiceAccounts that the deploy creates.
func (d *deploy) dryRunInstance(ctx context.Context, step plan.Step, would *unstructured.Unstructured, newAccounts map[string]bool) error {
	starts, first, err := d.startsInstances(ctx, step, would)
	if err != nil || !starts {
		return err
	}
	template, _, err := unstructured.NestedMap(step.Object.Object, "spec", "template")
	if err != nil {
		return err
	}
	instance := &unstructured.Unstructured{Object: template}
	instance.SetGroupVersionKind(object.Pod)
	instance.SetNamespace(d.Pod)
	instance.SetName(step.Name + "-preflight")
	account, _, _ := unstructured.NestedString(template, "spec", "serviceAccountName")
	newAccount := newAccounts[account]
	if newAccount {
		unstructured.RemoveNestedField(instance.Object, "spec", "serviceAccountName")
	}
	err = d.Kube.DryCreate(ctx, instance)
	var status apierrors.APIStatus
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) {
		return err
	}
	if details := status.Status().Details; details != nil && details.Name == "" {
		return nil // we may not create instances, but the controller may
	}
	if _, readErr := d.Kube.GetMeta(ctx, object.ServiceAccount, d.Pod, "default"); newAccount && apierrors.IsNotFound(readErr) {
		return nil // the namespace is so new that it cannot have instances yet
	}
	ref, _ := resourceOf(step.Object)
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
func (d *deploy) startsInstances(ctx context.Context, step plan.Step, would *unstructured.Unstructured) (starts, stopsFirst bool, err error) {
	wants := replicas(would)
	if step.Action == plan.Create || wants == 0 || len(step.Takeover) > 0 {
		return wants > 0, false, nil
	}
	how, _, _ := unstructured.NestedString(would.Object, "spec", "strategy", "type")
	there, err := d.Kube.Get(ctx, step.Kind, d.Pod, step.Name)
	if err != nil {
		return false, false, err
	}
	before, _, _ := unstructured.NestedMap(there.Object, "spec", "template")
	after, _, _ := unstructured.NestedMap(would.Object, "spec", "template")
	changed := d.restarts[step.Name] != 0 || !equality.Semantic.DeepEqual(before, after)
	return wants > replicas(there) || changed, changed && how == "Recreate", nil
}

// replicas is the number of instances of a workload: one for a kind that has no number.
func replicas(o *unstructured.Unstructured) int64 {
	if n, found, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); found {
		return n
	}
	return 1
}
