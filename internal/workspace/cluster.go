package workspace

import (
	"cmp"
	"context"
	"slices"
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
	return report.User{User: user.Name, Groups: user.Groups, Context: c.Context, Server: c.Server}, nil
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

// cluster finds out what the cluster offers to a spec. It requests only what the spec needs.
func (rd *Reader) cluster(ctx context.Context, spec pod.Spec) (render.Cluster, error) {
	var c render.Cluster
	group, asking := errgroup.WithContext(ctx)
	if len(spec.Names(pod.KindRoute)) > 0 {
		group.Go(func() (err error) {
			if c.Routing, err = platform.Find(asking, rd.kube); err != nil {
				return err
			}
			if _, ok := c.Routing.(render.Backend); !ok {
				c.Kept, err = platform.Kept(asking, rd.kube, rd.Pod)
			}
			if gateway, found := c.Routing.(render.GatewayAPI); found && spec.LeadsTo(pod.ProtocolH2C) {
				c.Routing, err = platform.WithFeatures(asking, rd.kube, gateway)
			}
			return err
		})
	}
	if spec.Runs() {
		group.Go(func() (err error) {
			c.PullSecret, err = rd.Registry().pullSecret(asking)
			return err
		})
		group.Go(func() (err error) {
			c.NeedsCPULimit, err = platform.NeedsCPULimit(asking, rd.kube, rd.Pod)
			return err
		})
	}
	err := group.Wait()
	return c, err
}
