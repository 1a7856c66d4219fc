package kube

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/pscdev/psc/pkg/object"
)

// Precondition is what a write expects. The API server refuses a write whose expectation is wrong: see apierrors.IsConflict.
// The zero Precondition expects that there is no object.
type Precondition struct {
	// UID and Version are those of the object: its metadata.uid and metadata.resourceVersion.
	UID     types.UID
	Version string
}

// never is a version that no object has. A write with this version can only create an object: the API server compares
// versions if an object exists.
const never = "1"

// Apply makes an object what o says, and takes its fields over from other field managers. It returns the metadata that the
// object then has. The error is also a conflict if the object was written and the answer was lost.
func (c *Client) Apply(ctx context.Context, o *unstructured.Unstructured, p Precondition) (*metav1.PartialObjectMetadata, error) {
	return c.apply(ctx, o, p, object.Manager)
}

// ApplyNothing removes the fields of an object that only one field manager owns. kind has the version in which it owns them.
func (c *Client) ApplyNothing(ctx context.Context, kind Kind, namespace, name string, p Precondition, manager string) (*metav1.PartialObjectMetadata, error) {
	o := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{}}}
	o.SetGroupVersionKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return c.apply(ctx, o, p, manager)
}

func (c *Client) apply(ctx context.Context, o *unstructured.Unstructured, p Precondition, manager string) (*metav1.PartialObjectMetadata, error) {
	data, err := p.of(o).MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", o.GetKind(), o.GetName(), err)
	}
	force := true
	return c.patch(ctx, o.GroupVersionKind(), o.GetNamespace(), o.GetName(), types.ApplyPatchType, data,
		metav1.PatchOptions{FieldManager: manager, Force: &force, FieldValidation: metav1.FieldValidationStrict})
}

// of returns a copy of an object with the precondition. The copy shares everything but the metadata.
func (p Precondition) of(o *unstructured.Unstructured) *unstructured.Unstructured {
	out := &unstructured.Unstructured{Object: maps.Clone(o.Object)}
	if metadata, ok := o.Object["metadata"].(map[string]any); ok {
		out.Object["metadata"] = maps.Clone(metadata)
	}
	out.SetUID(p.UID)
	out.SetResourceVersion(cmp.Or(p.Version, never))
	return out
}

// Put is Apply for an object in any version, or for none.
func (c *Client) Put(ctx context.Context, o *unstructured.Unstructured) error {
	_, err := retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(o.GroupVersionKind(), o.GetNamespace()).Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: object.Manager, Force: true})
	})
	return c.wrap(err, "write %s %s", o.GetKind(), o.GetName())
}

// Patch changes an object with a JSON patch. The operations must replace metadata.resourceVersion, so that the patch is a
// conflict when it arrives a second time.
func (c *Client) Patch(ctx context.Context, kind Kind, namespace, name string, operations any) (*metav1.PartialObjectMetadata, error) {
	data, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", kind.Kind, name, err)
	}
	return c.patch(ctx, kind, namespace, name, types.JSONPatchType, data, metav1.PatchOptions{FieldManager: object.Manager})
}

// AnnotateTemplate sets an annotation of the instances that a workload starts, or removes it if the value is empty. It fails if the
// workload has another version: see apierrors.IsConflict and Update.
func (c *Client) AnnotateTemplate(ctx context.Context, kind Kind, namespace, name, version, key, value string) (*metav1.PartialObjectMetadata, error) {
	var set any = value
	if value == "" {
		set = nil
	}
	data, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": version},
		"spec":     map[string]any{"template": map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: set}}}},
	})
	if err != nil {
		return nil, fmt.Errorf("write %s %s: %w", kind.Kind, name, err)
	}
	return c.patch(ctx, kind, namespace, name, types.MergePatchType, data, metav1.PatchOptions{FieldManager: object.Manager})
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

// AddEphemeral adds an ephemeral container to an instance. It cannot be removed again.
func (c *Client) AddEphemeral(ctx context.Context, namespace, instance string, container corev1.EphemeralContainer) error {
	data, err := json.Marshal(map[string]any{"spec": map[string]any{"ephemeralContainers": []corev1.EphemeralContainer{container}}})
	if err != nil {
		return err
	}
	_, err = retry(ctx, c, func() (*unstructured.Unstructured, error) {
		return c.in(object.Pod, namespace).
			Patch(ctx, instance, types.StrategicMergePatchType, data, metav1.PatchOptions{FieldManager: object.Manager}, "ephemeralcontainers")
	})
	return c.wrap(err, "add a container to instance %s", instance)
}

// Label sets labels of a namespace, or removes those that are nil. It returns the warnings of the API server, which names the
// instances that a new Pod Security level would refuse. As a dry run it writes nothing.
func (c *Client) Label(ctx context.Context, namespace string, labels map[string]any, dryRun bool) (warnings []string, err error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
	if err != nil {
		return nil, err
	}
	gvr := resource(object.Namespace)
	client, err := c.rest(gvr.GroupVersion())
	if err != nil {
		return nil, err
	}
	request := func() (rest.Result, error) {
		r := client.Patch(types.MergePatchType).Resource(gvr.Resource).Name(namespace).Param("fieldManager", object.Manager)
		if dryRun {
			r = r.Param("dryRun", metav1.DryRunAll)
		}
		result := r.Body(patch).Do(ctx)
		return result, result.Error()
	}
	result, err := retry(ctx, c, request)
	for _, w := range result.Warnings() {
		warnings = append(warnings, w.Text)
	}
	return warnings, c.wrap(err, "label Namespace %s", namespace)
}
