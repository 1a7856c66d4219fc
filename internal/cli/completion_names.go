package cli

import (
	"context"
	"fmt"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

func contexts(kubeconfig string) []string {
	raw, err := kube.ReadConfig(kubeconfig)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(raw.Contexts))
	for name := range raw.Contexts {
		names = append(names, name)
	}
	return names
}

func (a *app) podNames(ctx context.Context) []string {
	client, err := a.connect()
	if err != nil {
		return nil
	}
	items, err := client.ListMeta(ctx, object.Namespace, "", object.LabelPod)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(items))
	for _, item := range items {
		names = append(names, item.Name)
	}
	return names
}

func (a *app) resourceNames(ctx context.Context, kind pod.Kind) []string {
	var names []string
	for _, ref := range a.refs(ctx) {
		if ref.Kind == kind {
			names = append(names, ref.Name)
		}
	}
	return names
}

func (a *app) allNames(ctx context.Context) []string {
	var names []string
	for _, ref := range a.refs(ctx) {
		names = append(names, ref.String())
	}
	return names
}

// refs are the newest resources of the pod.
func (a *app) refs(ctx context.Context) []pod.Ref {
	w, err := a.open()
	if err != nil {
		return nil
	}
	h, err := w.history(ctx)
	if err != nil {
		return nil
	}
	refs, err := w.store.Refs(ctx, h.Tip())
	if err != nil {
		return nil
	}
	return refs
}

func (a *app) revisionNames(ctx context.Context) []string {
	w, err := a.open()
	if err != nil {
		return nil
	}
	all, err := w.store.List(ctx)
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(all))
	for _, r := range all {
		names = append(names, fmt.Sprintf("%d\t%s %s", r.Number, r.State, r.Title()))
	}
	return names
}
