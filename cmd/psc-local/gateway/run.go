// Package gateway serves Gateway API routes on one machine.
//
// The flow, in one line: objects -> translate -> table and statuses -> the proxy swaps the table -> the
// statuses are written. Beside it: EndpointSlices -> pool, without a translation. A request finds its rule
// in the table, its backend by weight, an endpoint in the pool; then Caddy's reverse proxy takes over.
//
// Caddy runs in this process, with a configuration that never changes (see proxy). So a user's deployment
// never closes a connection of another user.
package gateway

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discovery "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	v1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayclient "sigs.k8s.io/gateway-api/pkg/client/clientset/versioned"
	gatewayinformers "sigs.k8s.io/gateway-api/pkg/client/informers/externalversions"
)

const (
	debounce = 50 * time.Millisecond // a deployment's objects arrive in one burst
	retry    = 200 * time.Millisecond
)

// Options says where to serve and for which cluster.
type Options struct {
	Config *rest.Config
	// HTTP and HTTPS are the addresses to listen on, such as 127.0.0.1:8080.
	HTTP, HTTPS string
	// HTTPPort and HTTPSPort are the ports that listeners of Gateways must name and that clients dial.
	// Zero: the ports of the addresses. They differ where something forwards a port to this process.
	HTTPPort, HTTPSPort int
	// Dir keeps the certificate authority and the certificates. The root certificate is in Dir/ca.crt.
	Dir string
}

// Run serves the routes of a cluster until ctx ends. Call it once per process: Caddy is global. It waits
// for the Gateway API's CRDs and returns an error only if it cannot start.
func Run(ctx context.Context, o Options) error {
	address, err := o.complete()
	if err != nil {
		return err
	}
	p := newProxy(o)
	if err := p.start(o); err != nil {
		return err
	}
	config := rest.CopyConfig(o.Config)
	config.QPS = -1 // no limit: the statuses of a hundred routes are written at once
	config.UserAgent = "psc-local-gateway"
	routes, err := gatewayclient.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("gateway client: %w", err)
	}
	core, err := kubernetes.NewForConfig(rest.CopyConfig(config))
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if err := wait.PollUntilContextCancel(ctx, retry, true, func(context.Context) (bool, error) { return served(routes), nil }); err != nil {
		return nil //nolint:nilerr // ctx ended
	}
	c := &cluster{
		core:    informers.NewSharedInformerFactoryWithOptions(core, 0, informers.WithTransform(slim)),
		gateway: gatewayinformers.NewSharedInformerFactoryWithOptions(routes, 0, gatewayinformers.WithTransform(slim)),
		dirty:   make(chan struct{}, 1),
		certs:   map[types.UID]certificate{},
	}
	if err := c.watch(ctx, p.pool); err != nil || ctx.Err() != nil {
		return err
	}
	wr := &writer{client: routes.GatewayV1(), written: map[types.UID]string{}}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.dirty:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(debounce):
		}
		select {
		case <-c.dirty:
		default:
		}
		w := c.world()
		w.address, w.httpPort, w.httpsPort = address, o.HTTPPort, o.HTTPSPort
		table, statuses := translate(w)
		p.swap(table)
		if err := wr.write(ctx, w, statuses); err != nil && ctx.Err() == nil {
			slog.Warn("write statuses", "error", err)
			time.AfterFunc(retry, c.changed)
		}
	}
}

// served reports whether the API server serves all CRDs that are watched. They come one by one, and an informer
// that starts before its CRD backs off for longer than a whole cluster needs to start.
func served(client gatewayclient.Interface) bool {
	found, err := client.Discovery().ServerResourcesForGroupVersion(v1.GroupVersion.String())
	if err != nil {
		return false
	}
	missing := sets.New("gatewayclasses", "gateways", "listenersets", "httproutes", "referencegrants")
	for _, r := range found.APIResources {
		missing.Delete(r.Name)
	}
	return missing.Len() == 0
}

// complete sets the missing ports and returns the address that Gateways report.
func (o *Options) complete() (address string, err error) {
	for listen, port := range map[string]*int{o.HTTP: &o.HTTPPort, o.HTTPS: &o.HTTPSPort} {
		host, number, err := net.SplitHostPort(listen)
		if err != nil {
			return "", fmt.Errorf("listen address: %w", err)
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return "", fmt.Errorf("listen address %s: %w", listen, err)
		}
		*port = cmp.Or(*port, n)
		address = host
	}
	if ip := net.ParseIP(address); ip == nil || ip.IsUnspecified() {
		address = "127.0.0.1"
	}
	return address, nil
}

// cluster caches the objects that a translation reads.
type cluster struct {
	core    informers.SharedInformerFactory
	gateway gatewayinformers.SharedInformerFactory
	dirty   chan struct{} // holds one token when something changed
	certs   map[types.UID]certificate
}

type certificate struct {
	version string
	parsed  *tls.Certificate
	err     error
}

// slim drops managedFields, which nothing here reads. An update without them leaves them as they are.
func slim(o any) (any, error) {
	if m, ok := o.(metav1.Object); ok {
		m.SetManagedFields(nil)
	}
	return o, nil
}

func (c *cluster) changed() {
	select {
	case c.dirty <- struct{}{}:
	default:
	}
}

// watch starts the informers and returns when they have read everything, or ctx has ended.
func (c *cluster) watch(ctx context.Context, endpoints *pool) error {
	g := c.gateway.Gateway().V1()
	watched := []cache.SharedIndexInformer{
		g.GatewayClasses().Informer(), g.Gateways().Informer(), g.ListenerSets().Informer(), g.HTTPRoutes().Informer(), g.ReferenceGrants().Informer(),
		c.core.Core().V1().Services().Informer(), c.core.Core().V1().Namespaces().Informer(), c.secrets(),
	}
	var synced []cache.InformerSynced
	on := func(informer cache.SharedIndexInformer, do func(any)) error {
		r, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: do, UpdateFunc: func(_, o any) { do(o) }, DeleteFunc: do})
		if err == nil {
			synced = append(synced, r.HasSynced)
		}
		return err
	}
	var failed []error
	for _, informer := range watched {
		failed = append(failed, on(informer, func(any) { c.changed() }))
	}
	slices := c.core.Discovery().V1().EndpointSlices().Informer()
	failed = append(failed, slices.AddIndexers(cache.Indexers{"service": func(o any) ([]string, error) {
		return []string{serviceOf(o).String()}, nil
	}}), on(slices, func(o any) {
		if gone, ok := o.(cache.DeletedFinalStateUnknown); ok {
			o = gone.Obj
		}
		name := serviceOf(o)
		found, _ := slices.GetIndexer().ByIndex("service", name.String()) // fails only for an unknown index
		of := make([]*discovery.EndpointSlice, 0, len(found))
		for _, f := range found {
			of = append(of, f.(*discovery.EndpointSlice))
		}
		endpoints.set(name, of)
	}))
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	c.core.Start(ctx.Done())
	c.gateway.Start(ctx.Done())
	cache.WaitForCacheSync(ctx.Done(), synced...)
	c.changed()
	return nil
}

func serviceOf(slice any) types.NamespacedName {
	s := slice.(*discovery.EndpointSlice)
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discovery.LabelServiceName]}
}

// secrets watches only the Secrets that can be certificates: the gateway has no use for the contents of others.
func (c *cluster) secrets() cache.SharedIndexInformer {
	return c.core.InformerFor(&corev1.Secret{}, func(client kubernetes.Interface, resync time.Duration) cache.SharedIndexInformer {
		lw := cache.NewFilteredListWatchFromClient(client.CoreV1().RESTClient(), "secrets", metav1.NamespaceAll, func(o *metav1.ListOptions) {
			o.FieldSelector = "type=" + string(corev1.SecretTypeTLS)
		})
		return cache.NewSharedIndexInformer(lw, &corev1.Secret{}, resync, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	})
}

// world returns the current state. Listing everything from a cache cannot fail.
func (c *cluster) world() *world {
	g := c.gateway.Gateway().V1()
	w := &world{certificate: c.certificate}
	w.classes, _ = g.GatewayClasses().Lister().List(labels.Everything())
	w.gateways, _ = g.Gateways().Lister().List(labels.Everything())
	w.sets, _ = g.ListenerSets().Lister().List(labels.Everything())
	w.routes, _ = g.HTTPRoutes().Lister().List(labels.Everything())
	w.grants, _ = g.ReferenceGrants().Lister().List(labels.Everything())
	services, namespaces := c.core.Core().V1().Services().Lister(), c.core.Core().V1().Namespaces().Lister()
	w.service = func(namespace, name string) *corev1.Service {
		s, _ := services.Services(namespace).Get(name)
		return s
	}
	w.namespace = func(name string) labels.Set {
		n, err := namespaces.Get(name)
		if err != nil {
			return nil
		}
		return n.Labels
	}
	return w
}

// certificate parses a Secret once per version.
func (c *cluster) certificate(namespace, name string) (*tls.Certificate, error) {
	found, ok, err := c.secrets().GetStore().GetByKey(namespace + "/" + name)
	if err != nil || !ok {
		return nil, errNoSecret
	}
	s := found.(*corev1.Secret)
	if known := c.certs[s.UID]; known.version == s.ResourceVersion {
		return known.parsed, known.err
	}
	parsed, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
	c.certs[s.UID] = certificate{s.ResourceVersion, &parsed, err}
	return &parsed, err
}
