package cli

import (
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

func newPod(a *app) *cobra.Command {
	return noun("pod", "Pods: the workspaces of teams", newPodList(a), newPodShow(a), newPodUse(a), newPodDelete(a))
}

// namespace returns the namespace of the pod. One that is not a pod is an error, like one that does not exist.
func (w *workspace) namespace(ctx context.Context) (*unstructured.Unstructured, error) {
	o, err := w.kube.Get(ctx, object.Namespace, "", w.pod)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fault.New(fault.Failed, "context %s has no pod %q", w.kube.Context, w.pod).
			WithHint("psc pod list, or psc new-pod %s", w.pod)
	case err != nil:
		return nil, err
	case o.GetLabels()[object.LabelPod] == "":
		return nil, fault.New(fault.Failed, "namespace %q is not a pod of psc: it has no label %s", w.pod, object.LabelPod).
			WithHint("psc pod list")
	}
	return o, nil
}

func newPodList(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the pods of the cluster",
		Example: "  psc pod list",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			items, err := client.ListMeta(cmd.Context(), object.Namespace, "", object.LabelPod)
			if err != nil {
				if apierrors.IsForbidden(err) {
					return fault.New(fault.Denied, "you may not list the pods of this cluster: %w", err).WithHint("psc pod use NAME works without")
				}
				return err
			}
			pods := []podDocument{}
			names := make([]string, 0, len(items))
			for i := range items {
				pods = append(pods, a.podOf(client, &items[i].ObjectMeta))
				names = append(names, "pod/"+items[i].Name)
			}
			slices.SortFunc(pods, func(a, b podDocument) int { return cmp.Compare(a.Name, b.Name) })
			return a.view.Answer(list[podDocument]{pods}, names, func(out io.Writer) {
				if len(pods) == 0 {
					a.view.Say("Context %s has no pods. Make one with: psc new-pod NAME", client.Context)
					return
				}
				rows := make([][]string, 0, len(pods))
				for _, p := range pods {
					current := ""
					if p.Current {
						current = "current"
					}
					rows = append(rows, []string{p.Name, a.view.Ago(p.Created), current})
				}
				a.view.Table(out, []string{"POD", "CREATED", ""}, rows)
			})
		},
	}
}

func (a *app) podOf(client *kube.Client, m *metav1.ObjectMeta) podDocument {
	return podDocument{
		Name: m.Name, Context: client.Context, Created: m.CreationTimestamp.UTC(),
		Current: m.Name == a.settings.CurrentPod(client.Context),
	}
}
