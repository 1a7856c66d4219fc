package instance

import (
	"cmp"
	"context"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
)

// Usage returns what the instances of an app use, or with "" those of all apps, by name. unmeasured is why the cluster has no
// metrics; everything else is known then. An error about an app is that of Ready, if the app has no instances.
func (in *Instances) Usage(ctx context.Context, app string) (all []report.AppUsage, unmeasured, err error) {
	var found []Instance
	var measured map[string]Measured
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		found, err = in.List(reading, app)
		return err
	})
	group.Go(func() error {
		measured, unmeasured = in.Measure(reading, app)
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	found = slices.DeleteFunc(found, Instance.over)
	if app != "" && len(found) == 0 {
		return nil, nil, in.Why(ctx, app, nil)
	}
	return usages(found, measured), unmeasured, nil
}

// over reports whether the instance has ended for good.
func (i Instance) over() bool {
	return i.Status.Phase == corev1.PodFailed || i.Status.Phase == corev1.PodSucceeded
}

// usages returns what instances use, by app.
func usages(found []Instance, measured map[string]Measured) []report.AppUsage {
	slices.SortStableFunc(found, func(a, b Instance) int { return cmp.Or(cmp.Compare(a.App(), b.App()), cmp.Compare(a.Name, b.Name)) })
	var all []report.AppUsage
	for len(found) > 0 {
		app := found[0].App()
		end := slices.IndexFunc(found, func(i Instance) bool { return i.App() != app })
		if end < 0 {
			end = len(found)
		}
		one := report.AppUsage{Name: app, Usage: usage(measured, found[:end]...)}
		for _, i := range found[:end] {
			one.Instances = append(one.Instances, report.InstanceUsage{Name: i.Name, Usage: usage(measured, i), Running: i.running()})
		}
		all, found = append(all, one), found[end:]
	}
	return all
}

func (i Instance) running() bool {
	return slices.ContainsFunc(i.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Running != nil })
}

// usage adds up what some instances use.
func usage(measured map[string]Measured, instances ...Instance) report.Usage {
	pods := make([]*corev1.Pod, len(instances))
	var sum Measured
	known := false
	for n, i := range instances {
		pods[n] = i.Pod
		if m, ok := measured[i.Name]; ok {
			sum.CPU, sum.Memory, known = sum.CPU+m.CPU, sum.Memory+m.Memory, true
		}
	}
	u := report.Usage{CPU: amount(pods, corev1.ResourceCPU), Memory: amount(pods, corev1.ResourceMemory)}
	if known {
		u.CPU.Used, u.Memory.Used = &sum.CPU, &sum.Memory
	}
	var last *corev1.ContainerStateTerminated
	if u.Restarts, last = health.Restarts(pods...); last != nil {
		u.LastRestart = &report.Ending{Reason: last.Reason, ExitCode: int(last.ExitCode), Time: last.FinishedAt.UTC()}
	}
	return u
}

// amount adds up the requests and limits of all containers. If one has no limit, there is none.
func amount(instances []*corev1.Pod, of corev1.ResourceName) report.Amount {
	var request, limit resource.Quantity
	limited := true
	for _, p := range instances {
		for _, c := range containers(p) {
			request.Add(c.Resources.Requests[of])
			most, ok := c.Resources.Limits[of]
			limit.Add(most)
			limited = limited && ok
		}
	}
	a := report.Amount{Request: Value(request)}
	if limited {
		a.Limit = Value(limit)
	}
	return a
}

// Requests adds up what some instances reserve, as a quota counts it: containers that run one after another share a reservation.
// https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
func Requests(instances []*corev1.Pod, of corev1.ResourceName) (sum resource.Quantity) {
	for _, p := range instances {
		var own resource.Quantity
		for _, c := range containers(p) {
			own.Add(c.Resources.Requests[of])
		}
		for _, c := range p.Spec.InitContainers {
			if first := c.Resources.Requests[of]; first.Cmp(own) > 0 {
				own = first
			}
		}
		sum.Add(own)
	}
	return sum
}

// containers returns the containers that run as long as the instance: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
func containers(p *corev1.Pod) []corev1.Container {
	all := slices.Clone(p.Spec.Containers)
	for _, c := range p.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	return all
}

// Measured is what an instance of an app uses: cores and bytes.
type Measured struct {
	App         string
	CPU, Memory float64
}

// Measure asks the cluster once what the instances of an app use, or with "" those of all apps, by the name of the instance. An
// instance is missing until it was measured: up to 15 s after its start, depending on the cluster.
func (in *Instances) Measure(ctx context.Context, app string) (map[string]Measured, error) {
	items, err := in.kube.Metrics(ctx, in.Pod, in.selector(app))
	measured := make(map[string]Measured, len(items))
	for _, m := range items {
		measured[m.Name] = Measured{App: m.Labels[object.LabelApp], CPU: used(m, corev1.ResourceCPU), Memory: used(m, corev1.ResourceMemory)}
	}
	return measured, err
}

func used(m metricsv1beta1.PodMetrics, of corev1.ResourceName) float64 {
	var sum resource.Quantity
	for _, c := range m.Containers {
		sum.Add(c.Usage[of])
	}
	return Value(sum)
}

// Value returns a quantity as a number, to a millionth: no one needs the noise of a float behind it.
func Value(q resource.Quantity) float64 { return math.Round(q.AsApproximateFloat64()*1e6) / 1e6 }
