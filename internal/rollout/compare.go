package rollout

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

// Unseen has the kinds of objects that were not compared, and why: the user may not see them, or the cluster does not have
// them. psc leaves such objects alone.
type Unseen map[object.Kind]error

// Of returns the objects of these kinds.
func (u Unseen) Of(objects []*unstructured.Unstructured) (out []*unstructured.Unstructured) {
	for _, o := range objects {
		if u[o.GroupVersionKind()] != nil {
			out = append(out, o)
		}
	}
	return out
}

// error returns why some of these objects cannot be written: nobody can tell whether they exist.
func (u Unseen) error(objects []*unstructured.Unstructured) error {
	var errs []error
	for _, o := range u.Of(objects) {
		errs = append(errs, u[o.GroupVersionKind()])
	}
	return joinDistinct(errs)
}

// Words says why no objects of a kind were seen.
func (u Unseen) Words(kind object.Kind) string {
	if rules := kube.RulesOf(u[kind]); len(rules) > 0 {
		return "you may not see it: that needs a role with the rule " + strings.Join(rules, " and the rule ")
	}
	return u[kind].Error()
}

// Compare returns the steps that make the cluster match objects, except for those of Unseen.
func (o Observer) Compare(ctx context.Context, objects []*unstructured.Unstructured) ([]plan.Step, Unseen, error) {
	wanted := map[kube.Kind]bool{}
	for _, o := range objects {
		wanted[o.GroupVersionKind()] = true
	}
	rows := object.Rendered()
	lists, refused := make([]plan.Live, len(rows)), make([]error, len(rows))
	group, reading := errgroup.WithContext(ctx)
	for i, row := range rows {
		group.Go(func() (err error) {
			kind := row.Kind
			switch {
			case kind == object.HorizontalPodAutoscaler:
				lists[i], err = o.autoscalers(reading)
			case kind == object.Deployment && wanted[object.HorizontalPodAutoscaler]:
				lists[i], err = o.workloads(reading)
			default:
				lists[i].Objects, err = o.Kube.ListMeta(reading, kind, o.Pod, object.Selector(o.Pod))
			}
			if kube.Unseen(err) {
				refused[i], err = err, nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	unseen := Unseen{}
	for i, err := range refused {
		if err != nil {
			unseen[rows[i].Kind] = err
		}
	}
	var live plan.Live
	for _, list := range lists {
		live.Objects = append(live.Objects, list.Objects...)
		if list.Instances != nil {
			live.Instances = list.Instances
		}
		if list.Autoscalers != nil {
			live.Autoscalers = list.Autoscalers
		}
	}
	if len(live.Autoscalers) > 0 && live.Instances == nil && unseen[object.Deployment] == nil {
		workloads, err := o.workloads(ctx)
		if err != nil {
			return nil, nil, err
		}
		live.Instances = workloads.Instances
	}
	seen := slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return unseen[o.GroupVersionKind()] != nil })
	return plan.Of(seen, live), unseen, nil
}

// workloads lists Deployments with their numbers of instances, which are not in the metadata.
func (o Observer) workloads(ctx context.Context) (plan.Live, error) {
	live := plan.Live{Instances: map[string]int64{}}
	items, err := o.Kube.List(ctx, object.Deployment, o.Pod, object.Selector(o.Pod))
	for i := range items {
		meta, err := kube.As[metav1.PartialObjectMetadata](&items[i])
		if err != nil {
			return live, err
		}
		live.Objects = append(live.Objects, *meta)
		if n, found, _ := unstructured.NestedInt64(items[i].Object, "spec", "replicas"); found {
			live.Instances[meta.Name] = n
		}
	}
	return live, err
}

// emitLeft emits which objects the deploy leaves alone, although it may have to remove some: those of routes that the live
// revision has and ours does not.
func (d *deploy) emitLeft(ctx context.Context, unseen Unseen) error {
	if !apierrors.IsForbidden(unseen[object.HTTPRoute]) {
		return nil
	}
	live, err := d.Store.Get(ctx, d.history.Live)
	if err != nil {
		return err
	}
	for name := range live.Spec.Routes() {
		if d.result.Revision.Spec.Route(name) == nil {
			d.Emit(Event{Left: []object.Kind{object.HTTPRoute}})
			return nil
		}
	}
	return nil
}

// autoscalers lists the autoscalers of psc, and those that others have created for the pod's Deployments.
func (o Observer) autoscalers(ctx context.Context) (plan.Live, error) {
	live := plan.Live{Autoscalers: map[string]string{}}
	items, err := o.Kube.List(ctx, object.HorizontalPodAutoscaler, o.Pod, "")
	for i := range items {
		meta, err := kube.As[metav1.PartialObjectMetadata](&items[i])
		if err != nil {
			return live, err
		}
		kind, _, _ := unstructured.NestedString(items[i].Object, "spec", "scaleTargetRef", "kind")
		target, _, _ := unstructured.NestedString(items[i].Object, "spec", "scaleTargetRef", "name")
		switch {
		case meta.Labels[object.LabelPod] == o.Pod:
			live.Objects = append(live.Objects, *meta)
		case kind == object.Deployment.Kind && meta.DeletionTimestamp == nil:
			live.Autoscalers[target] = meta.Name
		}
	}
	return live, err
}
