package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/report"
)

func newGet(s *session) *cobra.Command {
	var (
		selector string
		watch    bool
	)
	cmd := &cobra.Command{
		Use:   "get KIND [NAME...]",
		Short: "List the Kubernetes objects of the pod",
		Long:  "List Kubernetes objects in the namespace of the pod. KIND is a name that kubectl accepts. -o wide adds columns.",
		Example: "  psc get pods\n  psc get deploy,svc\n  psc get httproute web -o yaml\n" +
			"  psc get pods -l psc.dev/app=web -o wide\n  psc get pods --watch",
		Args:              cobra.ArbitraryArgs,
		Annotations:       map[string]string{wideOutput: "-o wide adds columns"},
		ValidArgsFunction: s.complete(func([]string) []string { return kubernetesKinds() }),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || slices.Contains(strings.Split(args[0], ","), "") {
				return fault.New(fault.Usage, "KIND is missing").WithHint("psc get pods")
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			find := func(ctx context.Context, show func([]report.Objects, bool, string) error) (pods bool, err error) {
				found, err := w.Find(ctx, args[0], args[1:], selector, !s.view.Document())
				if err != nil {
					return false, err
				}
				pods = slices.ContainsFunc(found, func(f report.Objects) bool { return f.Kind.Kind == "Pod" })
				return pods, show(found, one(args), "No objects found in pod "+w.Pod)
			}
			if watch {
				changes := func(ctx context.Context, show func(context.Context) error, away func(error)) error {
					return w.FollowObjects(ctx, args[0], selector, show, away)
				}
				return s.watch(cmd.Context(), changes, func(ctx context.Context, live *view.Live) error {
					_, err := find(ctx, live.Objects)
					return err
				})
			}
			pods, err := find(cmd.Context(), s.view.Objects)
			if err != nil {
				return err
			}
			if !s.view.Document() && pods {
				s.view.Say("Kubernetes calls an instance of an app a pod. For the pods of psc: psc pod list")
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&selector, "selector", "l", "", "label `SELECTOR`, as in kubectl")
	watchFlag(cmd, &watch)
	return cmd
}

// wideOutput is the annotation of a command that has -o wide.
const wideOutput = "wide"

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
