package platform

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// NeedsCPULimit reports whether a quota of a namespace refuses instances without a CPU limit, and no LimitRange sets one. Without
// the right to read them, it reports false.
func NeedsCPULimit(ctx context.Context, client *kube.Client, namespace string) (bool, error) {
	quotas, err := list[corev1.ResourceQuota](ctx, client, object.ResourceQuota, namespace)
	limited := false
	for _, q := range quotas {
		_, limits := q.Spec.Hard[corev1.ResourceLimitsCPU]
		limited = limited || limits
	}
	if err != nil || !limited {
		return false, err
	}
	ranges, err := list[corev1.LimitRange](ctx, client, object.LimitRange, namespace)
	for _, r := range ranges {
		for _, item := range r.Spec.Limits {
			// The API server takes the maximum for the default if there is no other one.
			if _, sets := item.Default[corev1.ResourceCPU]; sets && item.Type == corev1.LimitTypeContainer {
				return false, nil
			}
		}
	}
	return true, err
}

// list lists the objects of a kind in a namespace; none if the user may not.
func list[T any](ctx context.Context, client *kube.Client, kind kube.Kind, namespace string) ([]*T, error) {
	out, err := kube.ListAs[T](ctx, client, kind, namespace, "")
	if apierrors.IsForbidden(err) {
		err = nil
	}
	return out, err
}
