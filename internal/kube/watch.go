package kube

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
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
// was there has been read. The cluster must have the kinds. A watch that breaks off later goes on by itself.
func (c *Client) Watch(ctx context.Context, namespace, selector string, kinds ...Kind) (*Watch, error) {
	return c.watch(ctx, namespace, func(o *metav1.ListOptions) { o.LabelSelector = selector }, kinds)
}

// Events is the kind of the notes that Kubernetes makes of what it does.
func Events() Kind { return corev1.SchemeGroupVersion.WithKind("Event") }

// WatchEvents is Watch for the events of a namespace without those of some reasons.
func (c *Client) WatchEvents(ctx context.Context, namespace string, without []string) (*Watch, error) {
	selectors := make([]fields.Selector, 0, len(without))
	for _, reason := range without {
		selectors = append(selectors, fields.OneTermNotEqualSelector("reason", reason))
	}
	selector := fields.AndSelectors(selectors...).String()
	return c.watch(ctx, namespace, func(o *metav1.ListOptions) { o.FieldSelector = selector }, []Kind{Events()})
}

func (c *Client) watch(ctx context.Context, namespace string, choose func(*metav1.ListOptions), kinds []Kind) (_ *Watch, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			stop() // else it would try again and again
		}
	}()
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(c.dynamic, 0, namespace, choose)
	w := &Watch{Changed: changed, stores: map[Kind]cache.Store{}}
	failed := make(chan error, len(kinds))
	for _, kind := range kinds {
		informer := factory.ForResource(resource(kind)).Informer()
		if err := informer.SetTransform(withoutManagedFields); err != nil {
			return nil, err
		}
		if err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			select {
			case failed <- err: // only those before the first list matter
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
	begin := time.Now()
	for {
		select {
		case err := <-failed:
			if time.Since(begin) >= c.passes(err) { // else it is being tried again
				return nil, c.named(err, "watch the pod")
			}
			continue
		case <-synced:
		}
		if ctx.Err() != nil {
			return nil, c.named(ctx.Err(), "watch the pod")
		}
		return w, nil
	}
}

// withoutManagedFields drops what takes the most memory and nobody reads.
func withoutManagedFields(o any) (any, error) {
	if u, ok := o.(*unstructured.Unstructured); ok {
		u.SetManagedFields(nil)
	}
	return o, nil
}

// Objects returns copies of all objects of a kind as T, such as appsv1.Deployment. There are none of a kind that is not
// watched.
func Objects[T any](w *Watch, kind Kind) ([]*T, error) {
	var (
		out  []*T
		errs []error
	)
	store, watched := w.stores[kind]
	if !watched {
		return nil, nil
	}
	for _, item := range store.List() {
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
