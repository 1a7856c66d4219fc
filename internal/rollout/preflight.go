package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

// preflight has the API server try everything that is to be written, and a new instance of each app that gets one,
// before the first write: a missing right, a full quota, a webhook that refuses and a field that cannot change are told
// all at once, and nothing is changed. It also finds what the labels did not tell: objects of the same names. It returns
// the steps as they are to be taken.
func (d *deploy) preflight(ctx context.Context, steps []plan.Step) ([]plan.Step, error) {
	out := make([]plan.Step, len(steps))
	errs := make([]error, len(steps))
	accountless := map[string]bool{}
	for _, step := range steps {
		if step.Kind == object.ServiceAccount && step.Action == plan.Create {
			accountless[step.Name] = true
		}
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, step := range steps {
		out[i] = step
		group.Go(func() error {
			switch step.Action {
			case plan.Create, plan.Update:
				out[i], errs[i] = d.try(ctx, step, accountless[step.Name])
			case plan.Delete:
				errs[i] = d.obstacle(ctx, step, d.Kube.DryDelete(ctx, step.Kind, d.Pod, step.Name))
			case plan.Keep:
			}
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs, in the order of the steps
	err := joined(errs)
	var rules []string
	for _, e := range errs {
		var missing *missingRule
		if errors.As(e, &missing) && !slices.Contains(rules, missing.rule) {
			rules = append(rules, missing.rule)
		}
	}
	if len(rules) > 0 {
		err = fault.New(fault.Denied, "%w", err).WithHint("the role of %s in %s needs the rule %s", d.User, d.Pod, strings.Join(rules, " and the rule "))
	}
	return out, err
}

// missingRule is an error for want of a right, with the RBAC rule that gives it.
type missingRule struct {
	error
	rule string
}

// Unwrap returns the answer of the API server.
func (e *missingRule) Unwrap() error { return e.error }

// try is the preflight of one step.
func (d *deploy) try(ctx context.Context, step plan.Step, accountless bool) (plan.Step, error) {
	if step.UID != "" { // what is there is on its way out, and says nothing of what comes
		return step, d.Kube.DryCreate(ctx, elsewhere(step.Object))
	}
	would, err := d.Kube.DryApply(ctx, step.Object)
	if step.Action == plan.Create && (err != nil || would.GetResourceVersion() != "") {
		there, readErr := d.Kube.GetMeta(ctx, step.Kind, d.Pod, step.Name)
		switch {
		case readErr == nil:
			if step, err = adopt(step, there); err != nil || step.UID != "" {
				return step, err
			}
			would, err = d.Kube.DryApply(ctx, step.Object)
		case err == nil && !apierrors.IsNotFound(readErr):
			return step, readErr
		}
	}
	if err != nil {
		return step, d.obstacle(ctx, step, err)
	}
	switch address, _, _ := unstructured.NestedString(would.Object, "spec", "clusterIP"); {
	case step.Kind == object.Deployment:
		return step, d.tryInstance(ctx, step, would, accountless)
	case step.Kind == object.Service && address == corev1.ClusterIPNone:
		// Somebody has made it anew without an address. The API server takes what would give it one, and does nothing.
		return step, fmt.Errorf("Service %s has no address: %s", step.Name, d.anew(step)) //nolint:staticcheck // it is the kind
	}
	return step, nil
}

// adopt decides about an object that has the name of a new one. One that psc has made and that lost its labels is psc's;
// one of others is not taken over, and not pruned later either.
func adopt(step plan.Step, there *metav1.PartialObjectMetadata) (plan.Step, error) {
	ours := there.Labels[object.LabelPod] == step.Object.GetLabels()[object.LabelPod]
	for _, e := range there.ManagedFields {
		ours = ours || e.Manager == object.Manager && e.Operation == metav1.ManagedFieldsOperationApply
	}
	if ours || there.DeletionTimestamp != nil {
		next := plan.Object(step.Object, there)
		next.Instances = step.Instances
		return next, nil
	}
	return step, fmt.Errorf("%s %s exists and is not psc's: delete it or choose another name", step.Kind.Kind, step.Name)
}

// obstacle says what is in the way of a write that was refused. What is only in the way as long as others' fields are
// there is none.
func (d *deploy) obstacle(ctx context.Context, step plan.Step, err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsForbidden(err):
		for _, verb := range []string{"create", "patch", "delete"} {
			if can, reviewErr := d.Kube.Can(ctx, verb, step.Kind, d.Pod); reviewErr == nil && !can {
				return &missingRule{err, rule(err)}
			}
		}
		return err
	case !apierrors.IsInvalid(err):
		return err
	}
	if d.Kube.DryCreate(ctx, elsewhere(step.Object)) != nil {
		return err // it is refused anywhere
	}
	if len(step.Takeover) > 0 && !d.immutable(ctx, step) {
		return nil
	}
	return fmt.Errorf("%w: %s", err, d.anew(step))
}

// anew says how an object gets what cannot be changed in place.
func (d *deploy) anew(step plan.Step) string {
	orphan := ""
	if step.Kind == object.Deployment {
		orphan = " --cascade=orphan" // its instances go on running, and the new one adopts them
	}
	return fmt.Sprintf("this cannot be changed in place; after kubectl delete %s %s -n %s%s the next deploy makes it anew",
		strings.ToLower(step.Kind.Kind), step.Name, d.Pod, orphan)
}

// immutable says whether an object could not even become what is rendered if nothing were left of what others have added.
func (d *deploy) immutable(ctx context.Context, step plan.Step) bool {
	there, err := d.Kube.GetMeta(ctx, step.Kind, d.Pod, step.Name)
	if err != nil {
		return false
	}
	whole := step.Object.DeepCopy()
	whole.SetResourceVersion(there.ResourceVersion)
	return apierrors.IsInvalid(d.Kube.DryUpdate(ctx, whole))
}

// rule is the RBAC rule for what an answer says is not allowed.
func rule(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return "that allows it"
	}
	of := status.Status().Details
	return fmt.Sprintf(`{apiGroups: [%q], resources: [%s], verbs: [get, list, watch, create, patch, delete]}`, of.Group, of.Kind)
}

// elsewhere is an object under a name that nothing has.
func elsewhere(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := o.DeepCopy()
	out.SetName("")
	out.SetGenerateName(o.GetName() + "-")
	return out
}

// tryInstance has the API server try an instance of an app that is going to get new ones.
func (d *deploy) tryInstance(ctx context.Context, step plan.Step, would *unstructured.Unstructured, accountless bool) error {
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
	if accountless { // its own account is made in this deploy
		unstructured.RemoveNestedField(instance.Object, "spec", "serviceAccountName")
	}
	err = d.Kube.DryCreate(ctx, instance)
	var status apierrors.APIStatus
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) {
		return err
	}
	if details := status.Status().Details; details != nil && details.Name == "" {
		return nil // it is we who may not make one; the controller may
	}
	if _, readErr := d.Kube.GetMeta(ctx, object.ServiceAccount, d.Pod, "default"); accountless && apierrors.IsNotFound(readErr) {
		return nil // a namespace that is so new that nothing can run in it yet
	}
	return fmt.Errorf("app %s cannot start instances: %w", step.Name, err)
}

// startsInstances says whether a deploy makes instances beside those that are there.
func (d *deploy) startsInstances(ctx context.Context, step plan.Step, would *unstructured.Unstructured) (bool, error) {
	wants, _, _ := unstructured.NestedInt64(would.Object, "spec", "replicas")
	if step.Action == plan.Create || wants == 0 || len(step.Takeover) > 0 {
		return wants > 0, nil
	}
	if how, _, _ := unstructured.NestedString(would.Object, "spec", "strategy", "type"); how == "Recreate" {
		return false, nil // the old ones make room first
	}
	there, err := d.Kube.Get(ctx, step.Kind, d.Pod, step.Name)
	if err != nil {
		return false, err
	}
	has, _, _ := unstructured.NestedInt64(there.Object, "spec", "replicas")
	before, _, _ := unstructured.NestedMap(there.Object, "spec", "template")
	after, _, _ := unstructured.NestedMap(would.Object, "spec", "template")
	return wants > has || !equality.Semantic.DeepEqual(before, after), nil
}
