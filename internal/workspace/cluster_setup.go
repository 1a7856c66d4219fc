package workspace

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/platform"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
)

// Setup is what the owner of a cluster changes in it for the users of psc.
type Setup = platform.Setup

// ParseSource reads where the requests of the Gateway come from: a namespace or a range of addresses.
func ParseSource(text string) platform.Source { return platform.ParseSource(text) }

// ClusterLogin is an OpenID Connect issuer with which users sign in.
type ClusterLogin = platform.Login

// ClusterSetup is a setup of a cluster, or its removal, that the API server accepts.
type ClusterSetup struct {
	// Doc says what is written or deleted.
	Doc report.Setup

	kube    *kube.Client
	objects []*unstructured.Unstructured // as in Doc
	found   []*metav1.PartialObjectMetadata
}

// SetupError is the error of a setup that would make psc-platform invalid, or that cannot choose the Gateway for routes.
type SetupError struct {
	// Problems have the paths of psc-platform: "domain", "ports.http".
	Problems []fault.Detail
}

// Error implements error.
func (e *SetupError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Path + ": " + p.Message
	}
	return "ConfigMap " + object.PlatformNamespace + "/" + object.PlatformConfig + ": " + strings.Join(texts, "\n")
}

// SetupDeniedError is the error of a setup that the user may not do.
type SetupDeniedError struct {
	// Rules are the rules of a ClusterRole that would allow it.
	Rules []string
	Err   error
}

// Error implements error.
func (e *SetupDeniedError) Error() string {
	return "you may not set up this cluster: that needs " + strings.Join(e.Rules, ", ")
}

// Unwrap returns an error of the API server.
func (e *SetupDeniedError) Unwrap() error { return e.Err }

// Setup prepares a setup. The API server checks it, and nothing is written: see Write. The error is a *SetupError if the
// configuration would not be valid, and a *SetupDeniedError if rights are missing.
func (c *Cluster) Setup(ctx context.Context, s Setup, login *ClusterLogin) (*ClusterSetup, error) {
	if login != nil {
		authority, err := c.kube.Authority()
		if err != nil {
			return nil, err
		}
		s.SignIn = &platform.SignIn{Server: c.Server, Authority: authority, Login: *login}
	}
	objects, problems, err := s.Objects(ctx, c.kube)
	if err != nil {
		return nil, setupDenied([]error{err})
	}
	if len(problems) > 0 {
		return nil, &SetupError{Problems: problems}
	}
	out := &ClusterSetup{Doc: report.Setup{Context: c.Context}, kube: c.kube}
	var denied []error
	for _, o := range objects {
		step, err := c.setupStep(ctx, o)
		if apierrors.IsForbidden(err) {
			denied = append(denied, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		out.add(step, o, nil)
	}
	return out, setupDenied(denied)
}

// setupStep returns what a setup does with an object. The API server checks it.
func (c *Cluster) setupStep(ctx context.Context, o *unstructured.Unstructured) (report.SetupStep, error) {
	before, err := c.kube.Get(ctx, o.GroupVersionKind(), o.GetNamespace(), o.GetName())
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return "", err
	}
	after, dryErr := c.kube.DryApply(ctx, o)
	switch {
	case apierrors.IsForbidden(dryErr): // it names all rights, and the one above only those to look
		return "", dryErr
	case apierrors.IsForbidden(err):
		return "", err
	case apierrors.IsNotFound(err) && apierrors.IsNotFound(dryErr) && o.GetNamespace() != "": // its namespace is created before
		return report.SetupCreate, nil
	case dryErr != nil:
		return "", dryErr
	case apierrors.IsNotFound(err):
		return report.SetupCreate, nil
	case reflect.DeepEqual(content(before), content(after)):
		return report.SetupUnchanged, nil
	}
	return report.SetupUpdate, nil
}

// content returns an object without what the API server says about it.
func content(o *unstructured.Unstructured) map[string]any {
	o = o.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(o.Object, "status")
	return o.Object
}

// Teardown prepares the removal of everything that a setup has written. Objects that psc did not create stay, and so does the
// namespace if it has anything else in it.
func (c *Cluster) Teardown(ctx context.Context) (*ClusterSetup, error) {
	objects, err := platform.All()
	if err != nil {
		return nil, err
	}
	out := &ClusterSetup{Doc: report.Setup{Context: c.Context}, kube: c.kube}
	var denied []error
	for _, o := range slices.Backward(objects) {
		found, err := c.kube.GetMeta(ctx, o.GroupVersionKind(), o.GetNamespace(), o.GetName())
		step := report.SetupDelete
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
		case found.Labels[object.LabelManagedBy] != object.Manager:
			step = report.SetupKeep
		case o.GroupVersionKind() == object.Namespace:
			var others bool
			if others, err = c.others(ctx, out, o.GetName()); others {
				step = report.SetupKeep
			}
		}
		if err == nil && step == report.SetupDelete {
			err = c.kube.DryDelete(ctx, o.GroupVersionKind(), o.GetNamespace(), o.GetName())
		}
		if apierrors.IsForbidden(err) {
			denied = append(denied, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		out.add(step, o, found)
		if step == report.SetupKeep && o.GroupVersionKind() == object.ConfigMap {
			out.keep(o.GetName()) // the right to read it too
		}
	}
	return out, setupDenied(denied)
}

// keep leaves the objects with a name.
func (s *ClusterSetup) keep(name string) {
	for i := range s.Doc.Objects {
		if s.Doc.Objects[i].Name == name {
			s.Doc.Objects[i].Step = report.SetupKeep
		}
	}
}

// others reports whether a namespace has more in it than Kubernetes puts into each, and than what is about to be deleted.
func (c *Cluster) others(ctx context.Context, removed *ClusterSetup, namespace string) (bool, error) {
	all, unread, err := c.kube.All(ctx, namespace)
	if err != nil || len(unread) > 0 {
		return true, err
	}
	return slices.ContainsFunc(all, func(m metav1.PartialObjectMetadata) bool {
		deleted := slices.ContainsFunc(removed.Doc.Objects, func(o report.SetupObject) bool {
			return o.Step == report.SetupDelete && o.Kind == m.Kind && o.Namespace == namespace && o.Name == m.Name
		})
		ofAll := m.Kind == object.Event.Kind || m.Name == "kube-root-ca.crt" || m.Kind == object.ServiceAccount.Kind && m.Name == "default"
		return !deleted && !ofAll
	}), nil
}

func (s *ClusterSetup) add(step report.SetupStep, o *unstructured.Unstructured, found *metav1.PartialObjectMetadata) {
	s.Doc.Objects = append(s.Doc.Objects, report.SetupObject{
		Step: step, Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName(), Purpose: platform.Purpose(o),
	})
	s.objects, s.found = append(s.objects, o), append(s.found, found)
}

// Count returns how many objects Write writes or deletes.
func (s *ClusterSetup) Count() int {
	n := 0
	for _, o := range s.Doc.Objects {
		if o.Step != report.SetupUnchanged && o.Step != report.SetupKeep {
			n++
		}
	}
	return n
}

// Write writes or deletes the objects. If it is interrupted, the same setup writes the rest.
func (s *ClusterSetup) Write(ctx context.Context) error {
	for i, o := range s.objects {
		var err error
		switch s.Doc.Objects[i].Step {
		case report.SetupCreate, report.SetupUpdate:
			err = s.kube.Put(ctx, o)
		case report.SetupDelete:
			err = s.kube.Delete(ctx, o.GroupVersionKind(), o.GetNamespace(), o.GetName(), s.found[i].UID)
		case report.SetupUnchanged, report.SetupKeep:
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setupDenied returns a *SetupDeniedError with the rights that are missing, or another error as it is.
func setupDenied(all []error) error {
	err := errors.Join(all...)
	if !apierrors.IsForbidden(err) {
		return err
	}
	return &SetupDeniedError{Rules: kube.RulesOf(err), Err: err}
}
