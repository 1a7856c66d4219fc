package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// podDocument is a pod for scripts.
type podDocument struct {
	Name    string    `json:"name"`
	Context string    `json:"context"`
	Current bool      `json:"current,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Live    int       `json:"live,omitempty"`
	Drafts  int       `json:"drafts,omitempty"`
	Apps    []string  `json:"apps,omitempty"`
	Members []member  `json:"members,omitempty"`
}

type member struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

func newNewPod(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "new-pod NAME",
		Aliases: []string{"new-project"},
		Short:   "Make a pod, a workspace of its own, and use it from now on",
		Example: "  psc new-pod shop",
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := a.newPod(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			return a.view.Answer(doc, []string{"pod/" + doc.Name}, func(out io.Writer) {
				fmt.Fprintf(out, "Pod %s is ready. It is now your pod in this context.\n", doc.Name)
				a.view.Say("Next: psc app create NAME --image IMAGE --port PORT")
			})
		},
	}
}

func (a *app) newPod(ctx context.Context, client *kube.Client, name string) (podDocument, error) {
	doc := podDocument{Name: name, Context: client.Context, Current: true}
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return doc, fault.New(fault.Usage, "%q cannot be the name of a pod: %s", name, problems[0])
	}
	user, err := client.Whoami(ctx)
	if err != nil {
		return doc, err
	}
	run := a.runID(user.Name)
	made, err := client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		object.LabelPod: name, object.LabelManagedBy: object.Manager, object.LabelEnforce: "baseline",
	}, Annotations: map[string]string{object.AnnotationMadeBy: run}}}, object.Namespace, "")
	if apierrors.IsAlreadyExists(err) {
		if there, readErr := client.Get(ctx, object.Namespace, "", name); readErr == nil && there.GetAnnotations()[object.AnnotationMadeBy] == run {
			made, err = there, nil // it is our own: only the answer was lost
		}
	}
	switch {
	case apierrors.IsAlreadyExists(err):
		return doc, fault.New(fault.Usage, "context %s already has a namespace %q", client.Context, name).
			WithHint("psc pod use %s, when it is a pod of yours", name)
	case apierrors.IsForbidden(err):
		return doc, fault.New(fault.Denied, "%w", err).WithHint("ask an admin of the cluster to make the pod for you")
	case err != nil:
		return doc, err
	}
	doc.Created = made.GetCreationTimestamp().UTC()
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: object.AdminBinding, Labels: map[string]string{object.LabelManagedBy: object.Manager}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user.Name}},
	}
	if _, err := client.Create(ctx, binding, object.RoleBinding, name); err != nil && !apierrors.IsAlreadyExists(err) {
		a.view.Warn("you were not made an admin of the pod: %v", err)
	}
	return doc, a.settings.UsePod(client.Context, name)
}
