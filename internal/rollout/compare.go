package rollout

import (
	"context"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
)

// Compare returns the steps that make the cluster match objects.
func (o Observer) Compare(ctx context.Context, objects []*unstructured.Unstructured) ([]plan.Step, error) {
	wanted := map[kube.Kind]bool{}
	for _, o := range objects {
		wanted[o.GroupVersionKind()] = true
	}
	rows := object.Rendered()
	lists := make([]plan.Live, len(rows))
	group, ctx := errgroup.WithContext(ctx)
	for i, row := range rows {
		group.Go(func() (err error) {
			kind := row.Kind
			if kind == object.Deployment && wanted[object.HorizontalPodAutoscaler] {
				lists[i], err = o.workloads(ctx)
			} else {
				lists[i].Objects, err = o.Kube.ListMeta(ctx, kind, o.Pod, object.Selector(o.Pod))
			}
			if apierrors.IsForbidden(err) && !wanted[kind] {
				return nil // a pod without routes needs no permission on routes
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var live plan.Live
	for _, list := range lists {
		live.Objects = append(live.Objects, list.Objects...)
		if list.Instances != nil {
			live.Instances = list.Instances
		}
	}
	return plan.Of(objects, live), nil
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
