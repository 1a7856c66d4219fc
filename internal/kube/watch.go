package kube

import (
	"context"
	"errors"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/pscdev/psc/pkg/object"
)

// Watch keeps copies of objects that follow the cluster, with one watch per kind.
type Watch struct {
	// Changed gets a value when an object changed since the last receive.
	Changed <-chan struct{}
	// Unseen has the kinds of which no objects are read, and why: the user may not see them, or the cluster does not have them.
	Unseen map[Kind]error

	stores map[Kind]cache.Store
	broken sync.Map // the kinds whose last request got no answer
}

// Fresh reports whether the copies follow the cluster at the moment, as far as that is known.
func (w *Watch) Fresh() bool {
	fresh := true
	w.broken.Range(func(any, any) bool {
		fresh = false
		return false
	})
	return fresh
}

// Watch follows the objects of some kinds with a label selector until ctx ends, without the templates of workloads: the
// instances have the same. It returns when all current objects are read, except those of Unseen. CanWatch must be true for the
// kinds. A watch that breaks off later recovers by itself.
func (c *Client) Watch(ctx context.Context, namespace, selector string, kinds ...Kind) (*Watch, error) {
	return c.watch(ctx, c.typed(namespace, func(o *metav1.ListOptions) { o.LabelSelector = selector }), kinds)
}

// WatchEvents is Watch for the events of a namespace, except those with some reasons.
func (c *Client) WatchEvents(ctx context.Context, namespace string, without []string) (*Watch, error) {
	selectors := make([]fields.Selector, 0, len(without))
	for _, reason := range without {
		selectors = append(selectors, fields.OneTermNotEqualSelector("reason", reason))
	}
	selector := fields.AndSelectors(selectors...).String()
	w, err := c.watch(ctx, c.typed(namespace, func(o *metav1.ListOptions) { o.FieldSelector = selector }), []Kind{object.Event})
	if err == nil {
		err = w.Unseen[object.Event]
	}
	return w, err
}

// WatchMeta is Watch for the metadata of objects of any kinds: it only tells that something changed.
func (c *Client) WatchMeta(ctx context.Context, namespace string, kinds ...Kind) (*Watch, error) {
	return c.watch(ctx, c.meta(namespace, resource, func(*metav1.ListOptions) {}), kinds)
}

// source returns how the objects of a kind are listed and watched, and an empty one.
type source func(kind Kind) (*cache.ListWatch, runtime.Object, error)

// meta is the source of the metadata of objects.
func (c *Client) meta(namespace string, resource func(Kind) schema.GroupVersionResource, choose func(*metav1.ListOptions)) source {
	return func(kind Kind) (*cache.ListWatch, runtime.Object, error) {
		client := c.metadata.Resource(resource(kind)).Namespace(namespace)
		return &cache.ListWatch{
			ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
				choose(&o)
				return client.List(ctx, o)
			},
			WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
				choose(&o)
				return client.Watch(ctx, o)
			},
		}, &metav1.PartialObjectMetadata{}, nil
	}
}

func (c *Client) watch(ctx context.Context, of source, kinds []Kind) (_ *Watch, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer func() {
		if err != nil {
			stop() // else it would retry for ever
		}
	}()
	changed, failed := make(chan struct{}, 1), make(chan failure, len(kinds))
	w := &Watch{Changed: changed, Unseen: map[Kind]error{}, stores: map[Kind]cache.Store{}}
	synced, stops := make([]cache.DoneChecker, len(kinds)), map[Kind]context.CancelFunc{}
	for i, kind := range kinds {
		source, empty, err := of(kind)
		if err != nil {
			return nil, err
		}
		informer := cache.NewSharedIndexInformer(w.retrying(c, kind, source), empty, 0, cache.Indexers{})
		if err := listen(informer, kind, changed, failed); err != nil {
			return nil, err
		}
		w.stores[kind], synced[i] = informer.GetStore(), informer.HasSyncedChecker()
		running, stop := context.WithCancel(ctx)
		stops[kind] = stop
		go informer.RunWithContext(running)
	}
	begin := time.Now()
	for i, kind := range kinds {
		for done := false; !done && w.Unseen[kind] == nil; {
			select {
			case f := <-failed:
				switch err := c.wrapList(f.cause(), "watch", f.kind); {
				case Unseen(err):
					stops[f.kind]()
					w.Unseen[f.kind] = err
				case time.Since(begin) >= c.retryLimit(f.err): // else it is being retried
					return nil, err
				}
			case <-synced[i].Done():
				done = true
			case <-ctx.Done():
				return nil, c.wrap(ctx.Err(), "watch the pod")
			}
		}
	}
	return w, nil
}

// failure is an error of the watch of a kind.
type failure struct {
	kind Kind
	err  error
}

// cause returns the answer of the API server, if there was one, without what client-go adds to it.
func (f failure) cause() error {
	var status *apierrors.StatusError
	if errors.As(f.err, &status) {
		return status
	}
	return f.err
}

// listen makes an informer send to changed when an object changed, and its errors to failed while that has room: only errors
// before the first list matter.
func listen(informer cache.SharedIndexInformer, kind Kind, changed chan<- struct{}, failed chan<- failure) error {
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	onError := func(_ context.Context, _ *cache.Reflector, err error) {
		select {
		case failed <- failure{kind, err}:
		default:
		}
	}
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	})
	return errors.Join(err, informer.SetTransform(trim), informer.SetWatchErrorHandlerWithContext(onError))
}

// typed is the source of objects as their Go types. It reads protobuf where the API server has it, which takes a tenth of the
// time of JSON.
func (c *Client) typed(namespace string, choose func(*metav1.ListOptions)) source {
	types := sync.OnceValues(watchable)
	return func(kind Kind) (*cache.ListWatch, runtime.Object, error) {
		types, err := types()
		if err != nil {
			return nil, nil, err
		}
		empty, err := types.New(kind)
		if err != nil {
			return nil, nil, err
		}
		config := rest.CopyConfig(c.config)
		group := kind.GroupVersion()
		config.GroupVersion, config.APIPath = &group, "/apis"
		if group.Group == "" {
			config.APIPath = "/api"
		}
		config.NegotiatedSerializer = serializer.NewCodecFactory(types).WithoutConversion()
		config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
		client, err := rest.RESTClientForConfigAndClient(config, c.http)
		if err != nil {
			return nil, nil, err
		}
		return cache.NewFilteredListWatchFromClient(client, resource(kind).Resource, namespace, choose), empty, nil
	}
}

// retrying retries the requests for a kind like all other requests: client-go's own pauses grow to more than a minute while
// the server is away.
func (w *Watch) retrying(c *Client, kind Kind, source *cache.ListWatch) *cache.ListWatch {
	note := func(err error) {
		if err != nil {
			w.broken.Store(kind, true)
			return
		}
		w.broken.Delete(kind)
	}
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return retry(ctx, c, func() (runtime.Object, error) {
				list, err := source.ListWithContext(ctx, o)
				note(err)
				return list, err
			})
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return retry(ctx, c, func() (watch.Interface, error) {
				events, err := source.WatchWithContext(ctx, o)
				note(err)
				return events, err
			})
		},
	}
}

// CanWatch reports whether Watch knows the type of a kind.
func CanWatch(kind Kind) bool {
	types, err := watchable()
	return err == nil && types.Recognizes(kind)
}

// watchable returns a scheme with the Go types of the kinds that psc watches. The scheme of client-go has all kinds of
// Kubernetes: it makes every start of psc slower.
func watchable() (*runtime.Scheme, error) {
	types := runtime.NewScheme()
	return types, errors.Join(corev1.AddToScheme(types), appsv1.AddToScheme(types), batchv1.AddToScheme(types), autoscalingv2.AddToScheme(types), gatewayv1.Install(types))
}

// trim removes the fields that take the most memory and that psc does not read.
func trim(o any) (any, error) {
	if m, ok := o.(metav1.Object); ok {
		m.SetManagedFields(nil)
	}
	switch o := o.(type) {
	case *appsv1.Deployment:
		o.Spec.Template = corev1.PodTemplateSpec{}
	case *appsv1.ReplicaSet:
		o.Spec.Template = corev1.PodTemplateSpec{}
	}
	return o, nil
}

// Objects returns all objects of a kind as *T, such as *appsv1.Deployment, which must not be changed. A kind
// that is not watched has none.
func Objects[T any](w *Watch, kind Kind) []*T {
	store, watched := w.stores[kind]
	if !watched {
		return nil
	}
	items := store.List()
	out := make([]*T, 0, len(items))
	for _, item := range items {
		if o, ok := item.(*T); ok {
			out = append(out, o)
		}
	}
	return out
}
