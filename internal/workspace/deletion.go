package workspace

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
)

// Deletion is the deletion of a pod. It does not affect a pod that is created under the same name later.
type Deletion struct {
	// Extent is what the pod has. It is empty if the user may not list anything.
	Extent report.Extent

	pod       *Reader
	namespace *unstructured.Unstructured
}

// Deletion prepares the deletion of the pod.
func (rd *Reader) Deletion(ctx context.Context) (Deletion, error) {
	o, err := rd.namespace(ctx)
	if err != nil {
		return Deletion{}, err
	}
	extent, err := rd.extent(ctx)
	return Deletion{extent, rd, o}, err
}

// extent lists what is in the pod: apps, routes, jobs and disks, and what was not created by psc.
func (rd *Reader) extent(ctx context.Context) (report.Extent, error) {
	objects, unread, err := rd.kube.All(ctx, rd.Pod)
	if err != nil {
		return report.Extent{}, err
	}
	out := report.Extent{Unread: unread}
	sizes, err := rd.sizes(ctx)
	if err != nil && !apierrors.IsForbidden(err) {
		return out, err
	}
	add := func(to *[]string, text string) {
		if text != "" && !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	for _, o := range objects {
		size := ""
		if o.GroupVersionKind().GroupKind() == object.PersistentVolumeClaim.GroupKind() && sizes[o.Name] != "" {
			size = " (" + sizes[o.Name] + ")"
		}
		switch labels := o.Labels; {
		case labels[object.LabelPod] != "":
			add(&out.Apps, labels[object.LabelApp])
			add(&out.Routes, labels[object.LabelRoute])
			add(&out.Jobs, labels[object.LabelJob])
			if labels[object.LabelDisk] != "" {
				add(&out.Disks, labels[object.LabelDisk]+size)
			}
		case labels[object.LabelRevision] != "":
			out.Revisions++
		case labels["owner"] == "helm" && o.Kind == object.Secret.Kind: // https://helm.sh/docs/topics/kubernetes_apis/
			add(&out.Others, "Helm release "+labels["name"])
		case !automatic(o):
			add(&out.Others, o.Kind+" "+o.Name+size)
		}
	}
	return out, nil
}

// sizes returns the sizes of all claims, by name.
func (rd *Reader) sizes(ctx context.Context) (map[string]string, error) {
	claims, err := kube.ListAs[corev1.PersistentVolumeClaim](ctx, rd.kube, object.PersistentVolumeClaim, rd.Pod, "")
	sizes := map[string]string{}
	for _, claim := range claims {
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		sizes[claim.Name] = size.String()
	}
	return sizes, err
}

// automatic reports whether nobody created an object: psc keeps it, Kubernetes makes it in every namespace, or it follows from
// another object.
func automatic(o metav1.PartialObjectMetadata) bool {
	switch o.Kind {
	case "Event", "Endpoints":
		return true
	case object.ServiceAccount.Kind:
		return o.Name == "default"
	case object.ConfigMap.Kind:
		return o.Name == "kube-root-ca.crt" || o.Labels[object.LabelConfig] != ""
	case object.Secret.Kind:
		return o.Labels[object.LabelSecret] != "" || o.Labels[object.LabelRegistry] != ""
	case object.Lease.Kind:
		return o.Name == object.DeployLease
	case object.Role.Kind, object.RoleBinding.Kind, object.ResourceQuota.Kind, object.LimitRange.Kind, object.NetworkPolicy.Kind, object.Job.Kind:
		return o.Labels[object.LabelManagedBy] == object.Manager
	}
	return len(o.OwnerReferences) > 0
}

// Begin starts to delete the pod with everything in it. It does not wait: see Wait.
func (d Deletion) Begin(ctx context.Context) error {
	return d.pod.kube.Delete(ctx, object.Namespace, "", d.pod.Pod, d.namespace.GetUID())
}

// Wait waits until everything is deleted. It calls stopping with the number of instances that are still there, at the beginning
// and whenever it changes. It returns nil if the user may not see that.
func (d Deletion) Wait(ctx context.Context, stopping func(instances int)) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- d.pod.kube.WaitGone(waiting, object.Namespace, "", d.pod.Pod, d.namespace.GetUID()) }()
	for last := -1; ; {
		if pods, err := d.pod.kube.ListMeta(waiting, object.Pod, d.pod.Pod, ""); err == nil && len(pods) != last {
			last = len(pods)
			stopping(last)
		}
		select {
		case err := <-done:
			if apierrors.IsForbidden(err) {
				return nil
			}
			return err
		case <-time.After(time.Second):
		}
	}
}
