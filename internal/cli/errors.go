package cli

import (
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// invalid turns what is wrong with resources into the error that people and scripts get.
func invalid(err error) error {
	var problems pod.Problems
	if errors.As(err, &problems) {
		details := make([]fault.Detail, 0, len(problems))
		for _, p := range problems {
			details = append(details, fault.Detail(p))
		}
		return &fault.Error{Code: fault.Usage, Err: err, Details: details}
	}
	var ref *pod.RefError
	if errors.As(err, &ref) {
		e := fault.New(fault.Usage, "%w", err)
		if errors.Is(err, pod.ErrExists) {
			return e.WithHint("psc %s set %s changes it", ref.Ref.Kind.Word(), ref.Ref.Name)
		}
		return e.WithHint("psc %s list", ref.Ref.Kind.Word())
	}
	return err
}

// named says that the pod is missing where the API server only speaks of a namespace.
func (w *workspace) named(err error) error {
	if apierrors.IsNotFound(err) {
		return fault.New(fault.Failed, "context %s has no pod %q: %w", w.kube.Context, w.pod, err).
			WithHint("psc pod list, or psc new-pod %s", w.pod)
	}
	return err
}

// conflict is the error of clashes, with each as a detail.
func conflict(clashes revision.Clashes) *fault.Error {
	e := fault.New(fault.Conflict, "%w", clashes)
	for _, c := range clashes {
		e.Details = append(e.Details, fault.Detail{Path: c.Path, Message: c.Message()})
	}
	return e
}
