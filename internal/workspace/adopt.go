package workspace

import (
	"context"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// Reserved reports whether a namespace belongs to Kubernetes, which reserves the prefix, or to psc. It cannot become a pod.
// https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
func Reserved(namespace string) bool {
	return strings.HasPrefix(namespace, "kube-") || namespace == object.PlatformNamespace
}

// Adopt makes an existing namespace a pod, and returns what is in it. It sets one label and leaves everything else alone. A dry run
// writes nothing. The error is a *PodError if the namespace is not one to adopt.
func (rd *Reader) Adopt(ctx context.Context, dryRun bool) (report.Pod, report.Extent, error) {
	doc := report.Pod{Name: rd.Pod, Context: rd.Context}
	refuse := func(why error) (report.Pod, report.Extent, error) {
		return doc, report.Extent{}, &PodError{Pod: rd.Pod, Context: rd.Context, Err: why}
	}
	if err := CheckName(rd.Pod); err != nil {
		return doc, report.Extent{}, err
	}
	if Reserved(rd.Pod) {
		return refuse(ErrReserved)
	}
	o, err := rd.kube.Get(ctx, object.Namespace, "", rd.Pod)
	switch {
	case apierrors.IsNotFound(err):
		all, _ := rd.Namespaces(ctx) // not everybody may list them
		return doc, report.Extent{}, &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNoNamespace, Nearest: pod.Nearest(rd.Pod, all)}
	case err != nil:
		return doc, report.Extent{}, err
	case o.GetDeletionTimestamp() != nil:
		return refuse(ErrPodGoing)
	case o.GetLabels()[object.LabelPod] != "":
		return refuse(ErrIsPod)
	}
	doc.Created = o.GetCreationTimestamp().UTC()
	extent, err := rd.extent(ctx)
	if err == nil {
		_, err = rd.kube.Label(ctx, rd.Pod, map[string]any{object.LabelPod: rd.Pod}, dryRun)
	}
	return doc, extent, err
}
