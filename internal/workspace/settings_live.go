package workspace

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/platform"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// limited returns the resource of a ResourceQuota that limits something: https://kubernetes.io/docs/concepts/policy/resource-quotas/
func limited(name string) corev1.ResourceName {
	return map[string]corev1.ResourceName{
		"cpu": corev1.ResourceRequestsCPU, "memory": corev1.ResourceRequestsMemory,
		"instances": corev1.ResourcePods, "disk": corev1.ResourceRequestsStorage,
	}[name]
}

// settings are the settings of a pod in the cluster.
type settings struct {
	labels map[string]string
	hard   corev1.ResourceList // the limits of psc's quota
	size   string              // the default size
	// isolation is one of the states of report.PodSettings, or "" if the policy is not psc's.
	isolation string
	sources   []platform.Source // of the Gateway

	quota, limits, policy kube.Precondition   // psc's objects
	used                  corev1.ResourceList // as the cluster counts it
	others                []string            // the names of other quotas
}

func (rd *Reader) settings(ctx context.Context, namespace *unstructured.Unstructured) (settings, error) {
	out := settings{labels: namespace.GetLabels(), hard: corev1.ResourceList{}}
	quotas, err := kube.ListAs[corev1.ResourceQuota](ctx, rd.kube, object.ResourceQuota, rd.Pod, "")
	if err != nil {
		return out, err
	}
	for _, q := range quotas {
		if q.Name != object.Settings {
			out.others = append(out.others, q.Name)
			continue
		}
		out.quota = kube.Precondition{UID: q.UID, Version: q.ResourceVersion}
		out.used = q.Status.Used
		if q.Spec.Hard != nil {
			out.hard = q.Spec.Hard
		}
	}
	ranges, err := kube.ListAs[corev1.LimitRange](ctx, rd.kube, object.LimitRange, rd.Pod, "")
	for _, r := range ranges {
		if r.Name == object.Settings {
			out.limits = kube.Precondition{UID: r.UID, Version: r.ResourceVersion}
			out.size = sizeOf(r)
		}
	}
	if err != nil {
		return out, err
	}
	return out, rd.isolation(ctx, &out)
}

// isolation reads whether the pod is isolated.
func (rd *Reader) isolation(ctx context.Context, s *settings) error {
	var err error
	if s.sources, err = platform.Sources(ctx, rd.kube); err != nil {
		return err
	}
	o, err := rd.kube.Get(ctx, object.NetworkPolicy, rd.Pod, object.Isolation)
	switch {
	case apierrors.IsNotFound(err):
		s.isolation = report.IsolationOff
	case err != nil:
		return err
	case o.GetLabels()[object.LabelManagedBy] != object.Manager:
		s.isolation = ""
	default:
		s.policy = kube.Precondition{UID: o.GetUID(), Version: o.GetResourceVersion()}
		if s.isolation = report.IsolationOld; reflect.DeepEqual(o.Object["spec"], platform.Isolation(rd.Pod, s.sources).Object["spec"]) {
			s.isolation = report.IsolationOn
		}
	}
	return nil
}

// sizeOf returns the name of the size that psc's LimitRange gives to containers, or its numbers if someone else has changed them.
func sizeOf(r *corev1.LimitRange) string {
	if len(r.Spec.Limits) == 0 {
		return ""
	}
	request := r.Spec.Limits[0].DefaultRequest
	has := pod.Size{CPU: request.Cpu().String(), Memory: request.Memory().String()}
	for _, name := range pod.Sizes() {
		if size, _ := pod.SizeOf(name); size == has {
			return name
		}
	}
	return fmt.Sprintf("%s CPU, %s", has.CPU, has.Memory)
}

// with returns the settings as a change makes them.
func (s settings) with(change Settings) settings {
	s.labels, s.hard = maps.Clone(s.labels), maps.Clone(s.hard)
	label := func(key string, value *string) {
		if delete(s.labels, key); value != nil {
			s.labels[key] = *value
		}
	}
	for name, value := range change.Values {
		switch name {
		case SettingSecurity:
			label(object.LabelEnforce, value)
		case SettingSize:
			if s.size = ""; value != nil {
				s.size = *value
			}
		case SettingIsolation:
			if s.isolation = report.IsolationOff; value != nil {
				s.isolation = *value
			}
		default:
			if delete(s.hard, limited(name)); value != nil {
				s.hard[limited(name)] = quantity.MustParse(*value)
			}
		}
	}
	for key, value := range change.Labels {
		label(key, value)
	}
	return s
}

// texts returns the settings by their paths in a report.
func (s settings) texts() map[string]string {
	out := map[string]string{}
	for _, name := range report.QuotaNames() {
		if q, ok := s.hard[limited(name)]; ok {
			out["quota."+name] = q.String()
		}
	}
	if s.size != "" {
		out["defaultSize"] = s.size
	}
	if s.isolation != "" {
		out["isolation"] = s.isolation
	}
	for key, value := range s.labels {
		switch {
		case key == object.LabelEnforce:
			out["security"] = value
		case !systemLabel(key):
			out["labels."+key] = value
		}
	}
	return out
}

// changes returns how two settings differ, sorted by path.
func changes(from, to settings) []revision.Field {
	before, after := from.texts(), to.texts()
	all := maps.Clone(before)
	maps.Copy(all, after)
	var out []revision.Field
	for _, path := range slices.Sorted(maps.Keys(all)) {
		f := revision.Field{Path: path}
		if text, ok := before[path]; ok {
			f.From = text
		}
		if text, ok := after[path]; ok {
			f.To = text
		}
		if f.From != f.To {
			out = append(out, f)
		}
	}
	return out
}

// reportSettings returns settings with what is used of their quota.
func (rd *Reader) reportSettings(ctx context.Context, s settings) (report.PodSettings, error) {
	out := report.PodSettings{OtherQuotas: s.others, DefaultSize: s.size, Isolation: s.isolation, Security: s.labels[object.LabelEnforce]}
	for key, value := range s.labels {
		if !systemLabel(key) {
			if out.Labels == nil {
				out.Labels = map[string]string{}
			}
			out.Labels[key] = value
		}
	}
	var counted corev1.ResourceList // what the cluster has not counted yet
	for _, name := range report.QuotaNames() {
		limit, ok := s.hard[limited(name)]
		if !ok {
			continue
		}
		used, known := s.used[limited(name)]
		if !known && counted == nil {
			var err error
			if counted, err = rd.count(ctx); err != nil && !apierrors.IsForbidden(err) {
				return out, err
			}
		}
		if !known {
			used, known = counted[limited(name)]
		}
		q := report.Quota{Limit: instance.Value(limit)}
		if known {
			q.Used = new(instance.Value(used))
		}
		if out.Quota == nil {
			out.Quota = map[string]report.Quota{}
		}
		out.Quota[name] = q
	}
	return out, nil
}

// count counts what a quota would count in the pod.
func (rd *Reader) count(ctx context.Context) (corev1.ResourceList, error) {
	pods, err := kube.ListAs[corev1.Pod](ctx, rd.kube, object.Pod, rd.Pod, "")
	if err != nil {
		return nil, err
	}
	claims, err := kube.ListAs[corev1.PersistentVolumeClaim](ctx, rd.kube, object.PersistentVolumeClaim, rd.Pod, "")
	if err != nil {
		return nil, err
	}
	pods = slices.DeleteFunc(pods, func(p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	})
	var disks quantity.Quantity
	for _, c := range claims {
		disks.Add(c.Spec.Resources.Requests[corev1.ResourceStorage])
	}
	return corev1.ResourceList{
		limited("cpu"):       instance.Requests(pods, corev1.ResourceCPU),
		limited("memory"):    instance.Requests(pods, corev1.ResourceMemory),
		limited("instances"): *quantity.NewQuantity(int64(len(pods)), quantity.DecimalSI),
		limited("disk"):      disks,
	}, nil
}
