package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/pkg/object"
)

// Apply makes an object what o says, and takes its fields over from other field managers. It returns the metadata that the
// object then has.
func (c *Client) Apply(ctx context.Context, o *unstructured.Unstructured) (*metav1.PartialObjectMetadata, error) {
	return c.apply(ctx, o, object.Manager)
}

// ApplyNothing removes the fields of an object that only one field manager owns. kind has the version in which it owns them.
func (c *Client) ApplyNothing(ctx context.Context, kind Kind, namespace, name, manager string) (*metav1.PartialObjectMetadata, error) {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return c.apply(ctx, o, manager)
}

func (c *Client) apply(ctx context.Context, o *unstructured.Unstructured, manager string) (*metav1.PartialObjectMetadata, error) {
	data, err := o.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	force := true
	return c.patch(ctx, o.GroupVersionKind(), o.GetNamespace(), o.GetName(), types.ApplyPatchType, data,
		metav1.PatchOptions{FieldManager: manager, Force: &force, FieldValidation: metav1.FieldValidationStrict})
}

// Patch changes an object with a JSON patch. The operations must include a test that fails when the patch arrives a second
// time: see apierrors.IsInvalid.
func (c *Client) Patch(ctx context.Context, kind Kind, namespace, name string, operations any) (*metav1.PartialObjectMetadata, error) {
	data, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", kind.Kind, name, err)
	}
	return c.patch(ctx, kind, namespace, name, types.JSONPatchType, data, metav1.PatchOptions{FieldManager: object.Manager})
}

// Scale sets the number of instances of an object, without becoming the owner of that field.
func (c *Client) Scale(ctx context.Context, kind Kind, namespace, name string, instances int64) error {
	data := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, instances)
	_, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(kind, namespace).Patch(ctx, name, types.MergePatchType, data, metav1.PatchOptions{FieldManager: object.Manager}, "scale")
	})
	return c.wrap(err, "scale %s %s", kind.Kind, name)
}

func (c *Client) patch(ctx context.Context, kind Kind, namespace, name string, how types.PatchType, data []byte, o metav1.PatchOptions) (*metav1.PartialObjectMetadata, error) {
	made, err := retry(ctx, c, func() (*metav1.PartialObjectMetadata, error) {
		return c.metadata.Resource(resource(kind)).Namespace(namespace).Patch(ctx, name, how, data, o)
	})
	if err != nil {
		return nil, c.wrap(err, "write %s %s", kind.Kind, name)
	}
	made.SetGroupVersionKind(kind)
	return made, nil
}

// DryApply is Apply as a dry run. It returns the object as it would be.
func (c *Client) DryApply(ctx context.Context, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	made, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(o.GroupVersionKind(), o.GetNamespace()).Apply(ctx, o.GetName(), o,
			metav1.ApplyOptions{FieldManager: object.Manager, Force: true, DryRun: []string{metav1.DryRunAll}})
	})
	return made, c.wrap(err, "write %s %s", o.GetKind(), o.GetName())
}

// DryCreate is Create as a dry run.
func (c *Client) DryCreate(ctx context.Context, o *unstructured.Unstructured) error {
	_, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(o.GroupVersionKind(), o.GetNamespace()).Create(ctx, o,
			metav1.CreateOptions{FieldManager: object.Manager, DryRun: []string{metav1.DryRunAll}})
	})
	return c.wrap(err, "create %s %s", o.GetKind(), cmp.Or(o.GetName(), o.GetGenerateName()))
}

// DryUpdate is Update as a dry run.
func (c *Client) DryUpdate(ctx context.Context, o *unstructured.Unstructured) error {
	_, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(o.GroupVersionKind(), o.GetNamespace()).Update(ctx, o,
			metav1.UpdateOptions{FieldManager: object.Manager, DryRun: []string{metav1.DryRunAll}})
	})
	return c.wrap(err, "update %s %s", o.GetKind(), o.GetName())
}

// DryDelete is Delete as a dry run.
func (c *Client) DryDelete(ctx context.Context, kind Kind, namespace, name string) error {
	err := c.delete(ctx, kind, namespace, name, metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return c.wrap(err, "delete %s %s", kind.Kind, name)
}
