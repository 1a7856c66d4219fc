package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/report"
)

func newGet(s *session) *cobra.Command {
	var selector string
	cmd := &cobra.Command{
		Use:   "get KIND [NAME...]",
		Short: "List the Kubernetes objects of the pod",
		Long:  "List Kubernetes objects in the namespace of the pod. KIND is a name that kubectl accepts.",
		Example: "  psc get pods\n  psc get deploy,svc\n  psc get httproute web -o yaml\n" +
			"  psc get pods -l psc.dev/app=web",
		ValidArgsFunction: s.complete(func([]string) []string { return kubernetesKinds() }),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains(strings.Split(args[0], ","), "") {
				return fault.New(fault.Usage, "KIND is missing").WithHint("psc get pods")
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			found, err := w.Find(cmd.Context(), args[0], args[1:], selector, !s.view.Document())
			if err != nil {
				return err
			}
			if err := s.view.Objects(found, one(args), "No objects found in pod "+w.Pod); err != nil {
				return err
			}
			if !s.view.Document() && slices.ContainsFunc(found, func(f report.Objects) bool { return f.Kind.Kind == "Pod" }) {
				s.view.Say("Kubernetes calls an instance of an app a pod. For the pods of psc: psc pod list")
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "label `SELECTOR`, as in kubectl")
	return cmd
}

// one reports whether the arguments name exactly one object: KIND NAME or KIND/NAME.
func one(args []string) bool {
	return !strings.Contains(args[0], ",") && (len(args) == 2 || strings.Contains(args[0], "/"))
}

// kubernetesKinds returns the kinds of objects that pods usually have, as kubectl takes them.
func kubernetesKinds() []string {
	return []string{
		"pods", "deployments", "replicasets", "services", "httproutes", "ingresses", "configmaps", "secrets", "persistentvolumeclaims",
		"horizontalpodautoscalers", "poddisruptionbudgets", "serviceaccounts", "rolebindings", "networkpolicies", "events", "jobs", "cronjobs",
	}
}
