package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

func newPodShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "show [NAME]",
		Short:   "Show a pod: what is live, its apps and members",
		Example: "  psc pod show",
		Args:    between(0, "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.openNamed(args)
			if err != nil {
				return err
			}
			doc, err := a.podShow(cmd.Context(), w)
			if err != nil {
				return err
			}
			return a.view.Answer(doc, []string{"pod/" + doc.Name}, func(out io.Writer) { a.showPod(out, doc) })
		},
	}
}

// openNamed opens the pod that is named, or else the current one.
func (a *app) openNamed(args []string) (*workspace, error) {
	if len(args) == 0 {
		return a.open()
	}
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	return a.openPod(client, args[0]), nil
}

func (a *app) podShow(ctx context.Context, w *workspace) (podDocument, error) {
	o, err := w.namespace(ctx)
	if err != nil {
		return podDocument{}, err
	}
	doc := podDocument{
		Name: w.pod, Context: w.kube.Context, Created: o.GetCreationTimestamp().UTC(),
		Current: w.pod == a.settings.CurrentPod(w.kube.Context),
	}
	h, err := w.history(ctx)
	if err != nil {
		return doc, err
	}
	doc.Live, doc.Drafts = h.Live, len(h.Drafts())
	live, err := w.store.Get(ctx, h.Live)
	if err != nil {
		return doc, err
	}
	doc.Apps = live.Spec.Names(pod.KindApp)
	if doc.Members, err = w.members(ctx); apierrors.IsForbidden(err) {
		err = nil // who may not see the members sees the rest
	}
	return doc, err
}

func (a *app) showPod(out io.Writer, doc podDocument) {
	live := "nothing was deployed yet"
	if doc.Live != 0 {
		live = fmt.Sprintf("r%d", doc.Live)
	}
	facts := [][2]string{
		{"pod", fmt.Sprintf("%s on %s", doc.Name, doc.Context)},
		{"created", a.view.Ago(doc.Created)},
		{"live", live},
	}
	if doc.Drafts > 0 {
		facts = append(facts, [2]string{"waiting", count(doc.Drafts, "draft")})
	}
	for _, app := range doc.Apps {
		facts = append(facts, [2]string{"app", app})
	}
	for _, m := range doc.Members {
		facts = append(facts, [2]string{m.Role, m.Name})
	}
	a.view.Facts(out, facts...)
}

// members are the people and groups that were given a role in a pod.
func (w *workspace) members(ctx context.Context) ([]member, error) {
	items, err := w.kube.List(ctx, object.RoleBinding, w.pod, object.LabelManagedBy+"="+object.Manager)
	if err != nil {
		return nil, err
	}
	var out []member
	for i := range items {
		binding, err := kube.As[rbacv1.RoleBinding](&items[i])
		if err != nil {
			return nil, err
		}
		for _, s := range binding.Subjects {
			out = append(out, member{Name: s.Name, Role: binding.RoleRef.Name})
		}
	}
	return out, nil
}
