package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	segment "k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/pscdev/psc/pkg/object"
)

// Kind is a kind of objects, such as {apps v1 Deployment}.
type Kind = schema.GroupVersionKind

// resource is the API resource of a kind. psc knows the few kinds that have no regular plural, so no discovery is
// needed.
func resource(kind Kind) schema.GroupVersionResource {
	switch kind {
	case object.Gateway: // the guess is "gatewaies"
		return kind.GroupVersion().WithResource("gateways")
	case object.InstanceMetrics:
		return kind.GroupVersion().WithResource("pods")
	}
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return plural
}

func (c *Client) in(kind Kind, namespace string) dynamic.ResourceInterface {
	if namespace == "" {
		return c.dynamic.Resource(resource(kind))
	}
	return c.dynamic.Resource(resource(kind)).Namespace(namespace)
}

// User is a user as the API server names them.
type User struct {
	Name   string
	Groups []string
}

// Whoami asks the API server for the current user.
func (c *Client) Whoami(ctx context.Context) (User, error) {
	review := &unstructured.Unstructured{Object: map[string]any{}}
	review.SetGroupVersionKind(Kind{Group: "authentication.k8s.io", Version: "v1", Kind: "SelfSubjectReview"})
	answer, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(review.GroupVersionKind(), "").Create(ctx, review, metav1.CreateOptions{})
	})
	if err != nil {
		return User{}, c.wrap(err, "ask the cluster who you are")
	}
	name, _, _ := unstructured.NestedString(answer.Object, "status", "userInfo", "username")
	groups, _, _ := unstructured.NestedStringSlice(answer.Object, "status", "userInfo", "groups")
	return User{Name: name, Groups: groups}, nil
}

// Can reports whether the current user may do something to all objects of a kind.
func (c *Client) Can(ctx context.Context, verb string, kind Kind, namespace string) (bool, error) {
	review := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"resourceAttributes": map[string]any{
		"verb": verb, "group": kind.Group, "resource": resource(kind).Resource, "namespace": namespace,
	}}}}
	review.SetGroupVersionKind(Kind{Group: "authorization.k8s.io", Version: "v1", Kind: "SelfSubjectAccessReview"})
	answer, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(review.GroupVersionKind(), "").Create(ctx, review, metav1.CreateOptions{})
	})
	if err != nil {
		return false, c.wrap(err, "ask the cluster what you may do")
	}
	can, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed")
	return can, nil
}

// impossible returns the answer for a name that no object can have, such as "a/b", or nil. Clients refuse to ask the API server.
func impossible(of schema.GroupResource, name string) error {
	if name != "" && len(segment.IsPathSegmentName(name)) == 0 {
		return nil
	}
	return apierrors.NewNotFound(of, name)
}

// Get reads one object. Here and below, namespace is empty for kinds that are not namespaced.
func (c *Client) Get(ctx context.Context, kind Kind, namespace, name string) (*unstructured.Unstructured, error) {
	if err := impossible(resource(kind).GroupResource(), name); err != nil {
		return nil, c.wrap(err, "read %s %s", kind.Kind, name)
	}
	o, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(kind, namespace).Get(ctx, name, metav1.GetOptions{})
	})
	return o, c.wrap(err, "read %s %s", kind.Kind, name)
}

// GetMeta is Get for metadata only.
func (c *Client) GetMeta(ctx context.Context, kind Kind, namespace, name string) (*metav1.PartialObjectMetadata, error) {
	o, err := retry(ctx, c, func() (*metav1.PartialObjectMetadata, error) {
		return c.metadata.Resource(resource(kind)).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	})
	if err != nil {
		return nil, c.wrap(err, "read %s %s", kind.Kind, name)
	}
	o.SetGroupVersionKind(kind)
	return o, nil
}

// List reads all objects of a kind with a label selector. The error for a kind that the cluster does not have is an *AbsentError.
func (c *Client) List(ctx context.Context, kind Kind, namespace, selector string) ([]unstructured.Unstructured, error) {
	list, err := retry(ctx, c, func() (*unstructured.UnstructuredList, error) {
		return c.in(kind, namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	})
	if err != nil {
		return nil, c.wrapList(err, "list", kind)
	}
	return list.Items, nil
}

// ListAs is List for objects of a Go type: see As.
func ListAs[T any](ctx context.Context, c *Client, kind Kind, namespace, selector string) ([]*T, error) {
	items, err := c.List(ctx, kind, namespace, selector)
	if err != nil {
		return nil, err
	}
	out := make([]*T, len(items))
	for i := range items {
		if out[i], err = As[T](&items[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ListMeta is List for metadata only.
func (c *Client) ListMeta(ctx context.Context, kind Kind, namespace, selector string) ([]metav1.PartialObjectMetadata, error) {
	list, err := retry(ctx, c, func() (*metav1.PartialObjectMetadataList, error) {
		return c.metadata.Resource(resource(kind)).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	})
	if err != nil {
		return nil, c.wrapList(err, "list", kind)
	}
	for i := range list.Items {
		list.Items[i].SetGroupVersionKind(kind) // the items of a list have none
	}
	return list.Items, nil
}

// Create creates an object that must not exist yet: see apierrors.IsAlreadyExists. The error is the same if the object was
// created and the answer was lost. So a caller that is not the only one to create it has to check who created it.
func (c *Client) Create(ctx context.Context, o runtime.Object, kind Kind, namespace string) (*unstructured.Unstructured, error) {
	u, err := Unstructured(o, kind)
	if err != nil {
		return nil, err
	}
	made, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(kind, namespace).Create(ctx, u, metav1.CreateOptions{FieldManager: object.Manager})
	})
	return made, c.wrap(err, "create %s %s", kind.Kind, u.GetName())
}

// Update replaces an object if it was not changed since it was read: see apierrors.IsConflict. The error is the same if the
// object was replaced and the answer was lost.
func (c *Client) Update(ctx context.Context, o runtime.Object, kind Kind, namespace string) (*unstructured.Unstructured, error) {
	u, err := Unstructured(o, kind)
	if err != nil {
		return nil, err
	}
	made, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(kind, namespace).Update(ctx, u, metav1.UpdateOptions{FieldManager: object.Manager})
	})
	return made, c.wrap(err, "update %s %s", kind.Kind, u.GetName())
}

// Annotate sets annotations of an object, or removes those that are nil. With a version it fails if the object has another
// version: see apierrors.IsConflict and Update. It returns the new version.
func (c *Client) Annotate(ctx context.Context, kind Kind, namespace, name, version string, annotations map[string]any) (string, error) {
	metadata := map[string]any{"annotations": annotations}
	if version != "" {
		metadata["resourceVersion"] = version
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return "", err
	}
	o, err := retry(ctx, c, func() (*metav1.PartialObjectMetadata, error) {
		return c.metadata.Resource(resource(kind)).Namespace(namespace).
			Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: object.Manager})
	})
	if err != nil {
		return "", c.wrap(err, "update %s %s", kind.Kind, name)
	}
	return o.ResourceVersion, nil
}

// Delete removes an object, and in the background the objects that it owns. With a uid it removes only that object, not a
// recreated one of the same name. An object that does not exist is no error.
func (c *Client) Delete(ctx context.Context, kind Kind, namespace, name string, uid types.UID) error {
	background := metav1.DeletePropagationBackground
	options := metav1.DeleteOptions{PropagationPolicy: &background}
	if uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	err := c.delete(ctx, kind, namespace, name, options)
	if apierrors.IsNotFound(err) || uid != "" && apierrors.IsConflict(err) {
		return nil
	}
	return c.wrap(err, "delete %s %s", kind.Kind, name)
}

func (c *Client) delete(ctx context.Context, kind Kind, namespace, name string, o metav1.DeleteOptions) error {
	_, err := retry(ctx, c, func() (struct{}, error) { return struct{}{}, c.in(kind, namespace).Delete(ctx, name, o) })
	return err
}

// DeleteVersion is Delete for an object in the version that was read. If the object was changed since, the error is a conflict:
// see apierrors.IsConflict.
func (c *Client) DeleteVersion(ctx context.Context, kind Kind, namespace, name, version string) error {
	background := metav1.DeletePropagationBackground
	err := c.delete(ctx, kind, namespace, name, metav1.DeleteOptions{
		PropagationPolicy: &background, Preconditions: &metav1.Preconditions{ResourceVersion: &version},
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return c.wrap(err, "delete %s %s", kind.Kind, name)
}

// DeleteUnchanged is DeleteVersion, but an object that was changed since is no error.
func (c *Client) DeleteUnchanged(ctx context.Context, kind Kind, namespace, name, version string) error {
	if err := c.DeleteVersion(ctx, kind, namespace, name, version); !apierrors.IsConflict(err) {
		return err
	}
	return nil
}

// WaitGone waits until an object no longer exists: the one with the uid, or with an empty uid any of that name.
func (c *Client) WaitGone(ctx context.Context, kind Kind, namespace, name string, uid types.UID) error {
	for {
		o, err := c.GetMeta(ctx, kind, namespace, name)
		switch {
		case apierrors.IsNotFound(err), err == nil && uid != "" && o.UID != uid:
			return nil
		case err != nil && c.retryLimit(err) == 0:
			return fmt.Errorf("wait for the deletion of %s %s: %w", kind.Kind, name, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the deletion of %s %s: %w", kind.Kind, name, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Unstructured returns an object of a Go type without its status, as writes need it. It is the opposite of As.
func Unstructured(o runtime.Object, kind Kind) (*unstructured.Unstructured, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", kind.Kind, err)
	}
	u := &unstructured.Unstructured{Object: fields}
	u.SetGroupVersionKind(kind)
	unstructured.RemoveNestedField(u.Object, "status")
	return u, nil
}
