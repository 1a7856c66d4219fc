package workspace

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/platform"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// CheckName returns a *PodError if a string cannot be the name of a pod, or nil.
func CheckName(name string) error {
	if problem := pod.NameProblem(name); problem != "" {
		return &PodError{Pod: name, Err: ErrPodName, Cause: errors.New(problem)}
	}
	return nil
}

// Create creates the pod, and makes the user its admin.
func (w *Workspace) Create(ctx context.Context) (report.Pod, error) {
	doc := report.Pod{Name: w.Pod, Context: w.Context}
	if err := CheckName(w.Pod); err != nil {
		return doc, err
	}
	user, err := w.User(ctx)
	if err != nil {
		return doc, err
	}
	run := w.holder(user.User)
	made, err := w.kube.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.Pod, Labels: map[string]string{
		object.LabelPod: w.Pod, object.LabelManagedBy: object.Manager, object.LabelEnforce: "baseline",
	}, Annotations: map[string]string{object.AnnotationMadeBy: run}}}, object.Namespace, "")
	if apierrors.IsAlreadyExists(err) {
		there, readErr := w.kube.Get(ctx, object.Namespace, "", w.Pod)
		switch {
		case readErr == nil && there.GetAnnotations()[object.AnnotationMadeBy] == run:
			made, err = there, nil // this run created it, and the answer was lost
		case readErr == nil && there.GetDeletionTimestamp() != nil:
			return doc, &PodError{Pod: w.Pod, Context: w.Context, Err: ErrPodGoing}
		}
	}
	switch {
	case apierrors.IsAlreadyExists(err):
		return doc, &PodError{Pod: w.Pod, Context: w.Context, Err: ErrPodExists}
	case apierrors.IsForbidden(err):
		return doc, &PodError{Pod: w.Pod, Context: w.Context, Err: ErrCreatePod, Cause: err}
	case err != nil:
		return doc, err
	}
	doc.Created = made.GetCreationTimestamp().UTC()
	// The command that needs a right beyond the role names it.
	if _, err := w.Members().Grant(ctx, report.Member{Name: user.User, Kind: report.MemberUser, Role: RoleAdmin}); err != nil {
		w.tell(Note{NotAdmin: err})
	}
	doc.Isolation, err = w.isolate(ctx)
	return doc, err
}

// isolate isolates a new pod if psc knows where the requests of the Gateway come from.
func (w *Workspace) isolate(ctx context.Context) (string, error) {
	sources, err := platform.Sources(ctx, w.kube)
	if err != nil || len(sources) == 0 {
		return report.IsolationOff, err
	}
	for begin := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err = w.kube.Put(ctx, platform.Isolation(w.Pod, sources))
		if !apierrors.IsForbidden(err) || time.Since(begin) > 2*time.Second { // the API server may not know yet that the user is an admin of the pod
			break
		}
	}
	if apierrors.IsForbidden(err) {
		w.tell(Note{NotIsolated: err})
		return report.IsolationOff, nil
	}
	return report.IsolationOn, err
}

// Exists returns nil if the pod exists, or if the user may not read its namespace. The error is a *PodError if there is no such
// pod, or if it is being deleted.
func (rd *Reader) Exists(ctx context.Context) error {
	o, err := rd.namespace(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return nil
	case err == nil && o.GetDeletionTimestamp() != nil:
		return &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrPodGoing}
	}
	return err
}

// Describe returns the live revision of the pod, its apps and its members.
func (rd *Reader) Describe(ctx context.Context) (report.Pod, error) {
	o, err := rd.namespace(ctx)
	if err != nil {
		return report.Pod{}, err
	}
	doc := report.Pod{Name: rd.Pod, Context: rd.Context, Created: o.GetCreationTimestamp().UTC()}
	h, err := rd.history(ctx)
	if err != nil {
		return doc, err
	}
	doc.Live, doc.Drafts = h.Live, len(h.Drafts())
	live, err := rd.look(ctx, h.Live)
	if err != nil {
		return doc, err
	}
	doc.Apps = live.Spec.Names(pod.KindApp)
	if doc.Members, err = rd.Members().List(ctx); err != nil && !apierrors.IsForbidden(err) { // the rest needs no permission for it
		return doc, err
	}
	s, err := rd.settings(ctx, o)
	if err != nil && !apierrors.IsForbidden(err) {
		return doc, err
	}
	doc.PodSettings, err = rd.reportSettings(ctx, s)
	return doc, err
}

// Check returns the error of a pod that does not exist or is not a pod: a *PodError. A user without the right to see the
// namespace gets none.
func (rd *Reader) Check(ctx context.Context) error {
	if _, err := rd.namespace(ctx); !apierrors.IsForbidden(err) {
		return err
	}
	return nil
}

// namespace returns the namespace of the pod. The error is a *PodError when it does not exist or is not a pod.
func (rd *Reader) namespace(ctx context.Context) (*unstructured.Unstructured, error) {
	o, err := rd.kube.Get(ctx, object.Namespace, "", rd.Pod)
	switch {
	case apierrors.IsNotFound(err):
		e := &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNoPod}
		if all, err := rd.Pods(ctx); err == nil { // not everybody may list them
			names := make([]string, len(all))
			for i, p := range all {
				names[i] = p.Name
			}
			e.Nearest = pod.Nearest(rd.Pod, names)
		}
		return nil, e
	case err != nil:
		return nil, err
	case o.GetLabels()[object.LabelPod] == "":
		return nil, &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNotPod}
	}
	return o, nil
}

// named turns the API server's error for a namespace that is missing, or is being deleted, into a *PodError.
func (rd *Reader) named(err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrNoPod, Cause: err}
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &PodError{Pod: rd.Pod, Context: rd.Context, Err: ErrPodGoing}
	}
	return err
}

// denied reports whether the API server refused a request because of a missing permission.
func denied(err error) bool { return fault.Of(err).Code == fault.Denied }
