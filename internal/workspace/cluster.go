package workspace

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/platform"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/report"
)

// Connection says which cluster to talk to, and how.
type Connection = kube.Options

// Kubeconfig is the content of a kubeconfig.
type Kubeconfig = kube.Kubeconfig

// Request is one request to the API server, for Connection.Trace.
type Request = kube.Request

// Run is one run of a program that works in pods.
type Run struct {
	// ID distinguishes this run from others of the same user: "host/4711".
	ID string
	// Now is the clock.
	Now func() time.Time
}

// Cluster is a cluster as one user sees it. It is safe for concurrent use.
type Cluster struct {
	// Context is the name of the kubeconfig's context, and Server the address of the API server.
	Context, Server string

	kube *kube.Client
	run  Run
	user atomic.Pointer[kube.User] // nil until the API server has named it
}

// Connect reads the kubeconfig. It does not dial.
func Connect(c Connection, run Run) (*Cluster, error) {
	client, err := kube.Connect(c)
	if err != nil {
		return nil, err
	}
	return &Cluster{Context: client.Context, Server: client.Server, kube: client, run: run}, nil
}

// User returns the signed-in user. It asks the API server once.
func (c *Cluster) User(ctx context.Context) (report.User, error) {
	user := c.user.Load()
	if user == nil {
		asked, err := c.kube.Whoami(ctx)
		if err != nil {
			return report.User{}, err
		}
		user = &asked
		c.user.Store(user)
	}
	how := c.kube.SignIn()
	return report.User{
		User: user.Name, Groups: user.Groups, Context: c.Context, Server: c.Server,
		SignIn: how.How, Until: how.Until, Renews: how.Renews, Issuer: how.Issuer, Plugin: how.Plugin, Kept: how.Kept, Keyring: how.Keyring,
		Insecure: how.Unchecked,
	}, nil
}

// holder returns the name of this run in the pod's Lease: user@host/run.
func (c *Cluster) holder(user string) string { return user + "@" + c.run.ID }

// Pods lists the pods of the cluster, by name.
func (c *Cluster) Pods(ctx context.Context) ([]report.Pod, error) {
	items, err := c.kube.ListMeta(ctx, object.Namespace, "", object.LabelPod)
	if apierrors.IsForbidden(err) {
		return nil, &PodError{Context: c.Context, Err: ErrListPods, Cause: err}
	}
	if err != nil {
		return nil, err
	}
	pods := []report.Pod{}
	for i := range items {
		pods = append(pods, report.Pod{Name: items[i].Name, Context: c.Context, Created: items[i].CreationTimestamp.UTC()})
	}
	slices.SortFunc(pods, func(a, b report.Pod) int { return cmp.Compare(a.Name, b.Name) })
	return pods, nil
}

// Namespaces lists the names of the namespaces that can become pods.
func (c *Cluster) Namespaces(ctx context.Context) ([]string, error) {
	items, err := c.kube.ListMeta(ctx, object.Namespace, "", "!"+object.LabelPod)
	var names []string
	for i := range items {
		if name := items[i].Name; !Reserved(name) && CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, err
}

// StorageClasses lists the names of the classes that disks can have.
func (c *Cluster) StorageClasses(ctx context.Context) ([]string, error) {
	items, err := c.kube.ListMeta(ctx, object.StorageClass, "", "")
	names := make([]string, len(items))
	for i := range items {
		names[i] = items[i].Name
	}
	slices.Sort(names)
	return names, err
}

// offers is what a cluster offers to the pod.
type offers struct {
	routing       func() (render.Cluster, error)
	pullSecret    func() (string, error)
	needsCPULimit func() (bool, error)
}

// ask returns what the cluster offers. It asks when, and as often as, a function is called.
func (rd *Reader) ask(ctx context.Context) *offers {
	return &offers{
		routing:       func() (render.Cluster, error) { return rd.routing(ctx) },
		pullSecret:    func() (string, error) { return rd.Registry().pullSecret(ctx) },
		needsCPULimit: func() (bool, error) { return platform.NeedsCPULimit(ctx, rd.kube, rd.Pod) },
	}
}

// askEarly asks what the cluster offers in the background, for the next call of cluster.
func (rd *Reader) askEarly(ctx context.Context) {
	o := rd.ask(ctx)
	rd.offers = &offers{background(o.routing), background(o.pullSecret), background(o.needsCPULimit)}
}

// background calls f at once, and returns a function that waits for its result.
func background[T any](f func() (T, error)) func() (T, error) {
	wait := sync.OnceValues(f)
	go func() { _, _ = wait() }()
	return wait
}

// routing finds out how the cluster serves routes.
func (rd *Reader) routing(ctx context.Context) (c render.Cluster, err error) {
	if c.Routing, err = platform.Find(ctx, rd.kube); err != nil {
		return c, err
	}
	if _, ok := c.Routing.(render.Backend); !ok {
		c.Kept, err = platform.Kept(ctx, rd.kube, rd.Pod)
	}
	return c, err
}

// cluster finds out what the cluster offers to a spec. It requests only what the spec needs.
func (rd *Reader) cluster(ctx context.Context, spec pod.Spec) (render.Cluster, error) {
	asked := rd.offers
	rd.offers = nil // the next deploy of this run asks again
	if asked == nil {
		asked = rd.ask(ctx)
	}
	var routed, c render.Cluster
	var group errgroup.Group
	if len(spec.Names(pod.KindRoute)) > 0 {
		group.Go(func() (err error) {
			if routed, err = asked.routing(); err != nil {
				return err
			}
			if gateway, found := routed.Routing.(render.GatewayAPI); found && spec.LeadsTo(pod.ProtocolH2C) {
				routed.Routing, err = platform.WithFeatures(ctx, rd.kube, gateway)
			}
			return err
		})
	}
	if spec.Runs() {
		group.Go(func() (err error) {
			c.PullSecret, err = asked.pullSecret()
			return err
		})
		group.Go(func() (err error) {
			c.NeedsCPULimit, err = asked.needsCPULimit()
			return err
		})
	}
	err := group.Wait()
	c.Routing, c.Kept = routed.Routing, routed.Kept
	return c, err
}
