package rollout

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

// dryRunInstance makes the API server try one instance of a workload that gets new instances. newAccounts are the
// ServiceAccounts that the deploy creates.
func (d *deploy) dryRunInstance(ctx context.Context, step plan.Step, would *unstructured.Unstructured, newAccounts map[string]bool) error {
	if more, err := d.startsInstances(ctx, step, would); err != nil || !more {
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
	return fmt.Errorf("%s %s cannot start instances: %w", ref.Kind.Word(), ref.Name, err)
}

// startsInstances reports whether a deploy starts instances while the current ones still run.
func (d *deploy) startsInstances(ctx context.Context, step plan.Step, would *unstructured.Unstructured) (bool, error) {
	wants := replicas(would)
	if step.Action == plan.Create || wants == 0 || len(step.Takeover) > 0 {
		return wants > 0, nil
	}
	if how, _, _ := unstructured.NestedString(would.Object, "spec", "strategy", "type"); how == "Recreate" {
		return false, nil // the old instances are stopped first
	}
	there, err := d.Kube.Get(ctx, step.Kind, d.Pod, step.Name)
	if err != nil {
		return false, err
	}
	before, _, _ := unstructured.NestedMap(there.Object, "spec", "template")
	after, _, _ := unstructured.NestedMap(would.Object, "spec", "template")
	return wants > replicas(there) || !equality.Semantic.DeepEqual(before, after), nil
}

// replicas is the number of instances of a workload: one for a kind that has no number.
func replicas(o *unstructured.Unstructured) int64 {
	if n, found, _ := unstructured.NestedInt64(o.Object, "spec", "replicas"); found {
		return n
	}
	return 1
}
