package rollout

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

// preflight makes the API server try all writes as dry runs, and a new instance of each workload that gets one. So a
// missing permission, a full quota, a webhook that denies and an immutable field are reported before the first write, all at
// once. It also finds existing objects that have the name of a new one and not the pod's labels, and hosts that are taken. It
// returns the steps to take.
func (d *deploy) preflight(ctx context.Context, steps []plan.Step) ([]plan.Step, error) {
	out := make([]plan.Step, len(steps))
	errs := make([]error, len(steps))
	newAccounts := map[string]bool{}
	for _, step := range steps {
		if step.Kind == object.ServiceAccount && step.Action == plan.Create {
			newAccounts[step.Name] = true
		}
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, step := range steps {
		out[i] = step
		group.Go(func() error {
			switch step.Action {
			case plan.Create, plan.Update:
				out[i], errs[i] = d.dryRun(ctx, step, newAccounts)
			case plan.Delete:
				errs[i] = d.refusal(ctx, step, d.Kube.DryDelete(ctx, step.Kind, d.Pod, step.Name))
			case plan.Keep:
			}
			return nil
		})
	}
	var taken error
	group.Go(func() error { taken = d.Taken(ctx, steps); return nil })
	_ = group.Wait() // errs has the errors, in the order of the steps
	if taken != nil {
		return out, taken
	}
	return out, d.withRules(joinDistinct(errs))
}

// withRules adds the RBAC rules that grant all the permissions which an error says are missing.
func (d *deploy) withRules(err error) error {
	if err == nil {
		return nil
	}
	rules := kube.RulesOf(err)
	if len(rules) == 0 {
		return err
	}
	return fault.New(fault.Denied, "%w", err).WithHint("the role of %s in %s needs the rule %s", d.User, d.Pod, strings.Join(rules, " and the rule "))
}

// dryRun is the preflight of one step that creates or updates an object. newAccounts are the ServiceAccounts that the deploy
// creates.
func (d *deploy) dryRun(ctx context.Context, step plan.Step, newAccounts map[string]bool) (plan.Step, error) {
	if step.Action == plan.Create && step.UID != "" { // the current object is being deleted, so only a new one can be tried
		tried := func() trial { return trial{} }
		if step.Kind == object.Job { // its instance uses nothing any more
			tried = d.tryInstance(ctx, step, newAccounts)
		}
		if err := d.Kube.DryCreate(ctx, unnamed(step.Object)); err != nil {
			return step, err
		}
		return step, d.judgeInstance(ctx, step, step.Object, tried())
	}
	tried := d.tryInstance(ctx, step, newAccounts)
	would, err := d.Kube.DryApply(ctx, step.Object)
	if step.Action == plan.Create && (err != nil || would.GetResourceVersion() != "") {
		there, readErr := d.Kube.GetMeta(ctx, step.Kind, d.Pod, step.Name)
		switch {
		case readErr == nil:
			if step, err = d.adopt(step, there); err != nil || step.Action == plan.Create {
				return step, err
			}
			tried = d.tryInstance(ctx, step, newAccounts)
			would, err = d.Kube.DryApply(ctx, step.Object)
		case err == nil && !apierrors.IsNotFound(readErr):
			return step, readErr
		}
	}
	if err != nil {
		return step, d.refusal(ctx, step, err)
	}
	switch address, _, _ := unstructured.NestedString(would.Object, "spec", "clusterIP"); {
	case object.Of(step.Kind).Template != nil:
		return step, d.judgeInstance(ctx, step, would, tried())
	case step.Kind == object.Service && address == corev1.ClusterIPNone:
		// Someone has recreated the Service without an address. The API server accepts a write with an address and ignores it.
		return step, fmt.Errorf("Service %s has no address: %s", step.Name, d.recreate(step)) //nolint:staticcheck // it is the kind
	}
	return step, nil
}

// adopt decides about an existing object that has the name of a new one. An object that psc created and that has lost its
// labels is updated. An object that others created is a ForeignError, unless the user asks to take it over.
func (d *deploy) adopt(step plan.Step, there *metav1.PartialObjectMetadata) (plan.Step, error) {
	ours := there.Labels[object.LabelPod] == step.Object.GetLabels()[object.LabelPod]
	for _, e := range there.ManagedFields {
		ours = ours || e.Manager == object.Manager && e.Operation == metav1.ManagedFieldsOperationApply
	}
	if ours || there.DeletionTimestamp != nil {
		next := plan.Object(step.Object, there)
		next.Instances = step.Instances
		return next, nil
	}
	shared := step.Kind == object.ServiceAccount && step.Name == "default" // all other instances of the namespace run as it
	if d.opts.TakeOver && !shared {
		return step.TakeOver(there), nil
	}
	return step, &ForeignError{Kind: step.Kind.Kind, Name: step.Name, Shared: shared}
}

// ForeignError is the error for an existing object with the name of a new one that psc did not create.
type ForeignError struct {
	Kind, Name string
	// Shared means that psc cannot take it over, because others use it too.
	Shared bool
}

// Error implements error.
func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s %s exists and was not created by psc: delete it or choose another name", e.Kind, e.Name)
}

// refusal returns the error for a write that the API server refuses, with the way out. It returns nil if the write is only
// refused because of fields of others, which psc takes over before the write.
func (d *deploy) refusal(ctx context.Context, step plan.Step, err error) error {
	switch {
	case err == nil:
		return nil
	case !apierrors.IsInvalid(err):
		return err
	}
	if d.Kube.DryCreate(ctx, unnamed(step.Object)) != nil {
		return err // a new object is refused too
	}
	if len(step.Takeover) > 0 && !d.immutable(ctx, step) {
		return nil
	}
	return fmt.Errorf("%w: %s", err, d.recreate(step))
}

// recreate returns the way out for an object that cannot be changed in place.
func (d *deploy) recreate(step plan.Step) string {
	orphan := ""
	if step.Kind == object.Deployment {
		orphan = " --cascade=orphan" // its instances keep running, and the new one adopts them
	}
	return fmt.Sprintf("this cannot be changed in place; after kubectl delete %s %s -n %s%s the next deploy recreates it",
		strings.ToLower(step.Kind.Kind), step.Name, d.Pod, orphan)
}

// immutable reports whether an object cannot be updated to the rendered one, even without the fields that others have added.
func (d *deploy) immutable(ctx context.Context, step plan.Step) bool {
	there, err := d.Kube.GetMeta(ctx, step.Kind, d.Pod, step.Name)
	if err != nil {
		return false
	}
	whole := step.Object.DeepCopy()
	whole.SetResourceVersion(there.ResourceVersion)
	return apierrors.IsInvalid(d.Kube.DryUpdate(ctx, whole))
}

// unnamed returns a copy of an object, for which the API server generates a name.
func unnamed(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := o.DeepCopy()
	out.SetName("")
	out.SetGenerateName(o.GetName() + "-")
	return out
}
