package kube

import (
	"context"
	"errors"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// Watch keeps copies of objects that follow the cluster, with one watch per kind.
type Watch struct {
	// Changed gets a value when something changed since the last one was taken.
	Changed <-chan struct{}

	stores map[Kind]cache.Store
}

// Watch begins to follow the objects of some kinds with a label selector, until ctx ends. It returns when all that
// was there has been read. The cluster must have the kinds.
func (c *Client) Watch(ctx context.Context, namespace, selector string, kinds ...Kind) (*Watch, error) {
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(c.dynamic, 0, namespace,
		func(o *metav1.ListOptions) { o.LabelSelector = selector })
	w := &Watch{Changed: changed, stores: map[Kind]cache.Store{}}
	failed := make(chan error, len(kinds))
	for _, kind := range kinds {
		informer := factory.ForResource(resource(kind)).Informer()
		if err := informer.SetTransform(withoutManagedFields); err != nil {
			return nil, err
		}
		if err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			select {
			case failed <- err: // only the first list's matters: later ones are tried again
			default:
			}
		}); err != nil {
			return nil, err
		}
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { notify() },
			UpdateFunc: func(any, any) { notify() },
			DeleteFunc: func(any) { notify() },
		}); err != nil {
			return nil, err
		}
		w.stores[kind] = informer.GetStore()
	}
	factory.Start(ctx.Done())
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		factory.WaitForCacheSync(ctx.Done())
	}()
	select {
	case err := <-failed:
		return nil, c.named(err, "watch the pod")
	case <-synced:
	}
	if ctx.Err() != nil {
		return nil, c.named(ctx.Err(), "watch the pod")
	}
	return w, nil
}

// withoutManagedFields drops what takes the most memory and nobody reads.
func withoutManagedFields(o any) (any, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		u.SetManagedFields(nil)
	}
	return o, nil
}

// Objects returns copies of all objects of a kind as T, such as appsv1.Deployment.
func Objects[T any](w *Watch, kind Kind) ([]*T, error) {
	var (
		out  []*T
		errs []error
	)
	for _, item := range w.stores[kind].List() {
		o, ok := item.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		object, err := As[T](o)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, object)
	}
	return out, errors.Join(errs...)
}
