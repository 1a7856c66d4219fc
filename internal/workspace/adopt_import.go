package workspace

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/convert"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
)

// Found is what a namespace has that can become a part of its pod.
type Found struct {
	convert.Result
	// Takes are the objects that psc did not create and that a deploy has to take over: "Deployment web".
	Takes []string
	// Unread are the kinds that could not be listed.
	Unread []string
}

// Existing converts the objects of the namespace that psc did not create. It changes nothing.
func (rd *Reader) Existing(ctx context.Context) (Found, error) {
	metas, unread, err := rd.kube.All(ctx, rd.Pod)
	if err != nil {
		return Found{}, err
	}
	found := Found{Unread: unread}
	var objects []convert.Object
	there := map[string]bool{}
	read, releases := map[schema.GroupKind]bool{}, map[string]bool{}
	for _, meta := range metas {
		kind := meta.GroupVersionKind()
		if meta.Labels["owner"] == "helm" && kind.Kind == object.Secret.Kind {
			releases[meta.Labels["name"]] = true
		}
		if !others(meta) {
			continue
		}
		there[kind.Kind+" "+meta.Name] = true
		if !convert.Knows(kind.Group, kind.Kind) {
			objects = append(objects, convert.Object{Tree: map[string]any{
				"apiVersion": kind.GroupVersion().String(), "kind": kind.Kind, "metadata": map[string]any{"name": meta.Name},
			}})
			continue
		}
		if read[kind.GroupKind()] {
			continue
		}
		read[kind.GroupKind()] = true
		items, err := rd.foreign(ctx, kind)
		if kube.Unseen(err) {
			found.Unread = append(found.Unread, kind.Kind)
			continue
		}
		if err != nil {
			return Found{}, err
		}
		objects = append(objects, items...)
	}
	if found.Result, err = convert.Kubernetes(objects, convert.Options{Live: true}); err == nil {
		found.Takes = rd.takes(found.Spec, there)
	}
	for _, name := range slices.Sorted(maps.Keys(releases)) {
		found.Left = append(found.Left, convert.Left{
			Object: "Helm release " + name, Do: "do not upgrade or uninstall it after the deploy: it would change and delete objects of the pod",
		})
	}
	return found, err
}

// foreign reads the objects of a kind that psc did not create and that follow from no other object.
func (rd *Reader) foreign(ctx context.Context, kind kube.Kind) ([]convert.Object, error) {
	items, err := rd.kube.List(ctx, kind, rd.Pod, "")
	if err != nil {
		return nil, fmt.Errorf("read each %s: %w", kind.Kind, err)
	}
	var out []convert.Object
	for _, o := range items {
		o.SetGroupVersionKind(kind)
		meta, err := kube.As[metav1.PartialObjectMetadata](&o)
		if err != nil {
			return nil, err
		}
		if others(*meta) {
			out = append(out, convert.Object{Tree: o.Object})
		}
	}
	return out, nil
}

// others reports whether psc did not create an object, and it follows from no other object.
func others(o metav1.PartialObjectMetadata) bool {
	return !automatic(o) && o.Labels[object.LabelPod] == "" && o.Labels[object.LabelRevision] == "" && o.Labels["owner"] != "helm"
}

// takes returns the existing objects that have the names of those of a spec, sorted.
func (rd *Reader) takes(spec pod.Spec, there map[string]bool) []string {
	var out []string
	add := func(kind, name string) {
		if there[kind+" "+name] {
			out = append(out, kind+" "+name)
		}
	}
	for name := range spec.Routes() {
		add(object.HTTPRoute.Kind, name)
	}
	rest := maps.Clone(spec)
	maps.DeleteFunc(rest, func(ref pod.Ref, _ pod.Resource) bool { return ref.Kind == pod.KindRoute }) // they need a Gateway
	objects, _ := render.Objects(rd.Pod, rest, render.Cluster{})
	for _, o := range objects {
		add(o.GetKind(), o.GetName())
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return out
}
