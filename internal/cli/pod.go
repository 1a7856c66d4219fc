package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

func newPod(s *session) *cobra.Command {
	c := noun("pod", "Manage pods: the workspaces of teams", newPodList(s), newPodShow(s), newPodUse(s), newPodSet(s), newPodAdopt(s), newPodDelete(s))
	c.Long = "A pod is the workspace of a team: a namespace with its apps, its routes and its history. What Kubernetes calls a pod is an instance " +
		"of an app here: psc get pods lists them."
	return c
}

func newNewPod(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "new-pod NAME",
		Aliases: []string{"new-project"},
		Short:   "Create a pod, the workspace of a team, and make it the current one",
		Example: "  psc new-pod shop",
		Args:    exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open(args[0])
			if err != nil {
				return err
			}
			doc, err := w.Create(cmd.Context())
			if err != nil {
				return err
			}
			err = s.settings.UsePod(w.Context, w.Pod)
			if errors.Is(err, config.ErrNoFolder) { // nothing else can be the current one
				return s.view.Line(doc, []string{doc.Ref()}, "Pod %s is ready. Choose it with --pod or PSC_POD: %v.", doc.Name, config.ErrNoFolder)
			}
			if err != nil {
				return err
			}
			doc.Current = true
			if err := s.view.Line(doc, []string{doc.Ref()}, "Pod %s is ready. It is now your pod in this context.", doc.Name); err != nil {
				return err
			}
			if doc.Isolation == report.IsolationOff {
				s.view.Say("Instances of other pods can reach it: pods of this cluster are not isolated (psc cluster info)")
			}
			s.view.Next("psc app create NAME --image IMAGE --port PORT --route --deploy")
			return nil
		},
	}
}

func newPodList(s *session) *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the pods of the cluster",
		Example: "  psc pod list",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cluster, err := s.connect()
			if err != nil {
				return err
			}
			l := list[report.Pod]{
				read: func(ctx context.Context) ([]report.Pod, error) {
					pods, err := cluster.Pods(ctx)
					for i := range pods {
						pods[i].Current = pods[i].Name == s.settings.CurrentPod(cluster.Context)
					}
					return pods, err
				},
				empty: fmt.Sprintf("Context %s has no pods", cluster.Context), next: "psc new-pod NAME", table: view.Pods,
			}
			return l.show(cmd.Context(), s, watch, cluster.Follow)
		},
	}
	watchFlag(cmd, &watch)
	return cmd
}

func newPodShow(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "show [NAME]",
		Short:             "Show a pod: its live revision, apps, members, quota and settings",
		Example:           "  psc pod show",
		Args:              between(0, "NAME"),
		ValidArgsFunction: s.complete(s.podNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open(args...)
			if err != nil {
				return err
			}
			doc, err := w.Describe(cmd.Context())
			if err != nil {
				return err
			}
			doc.Current = w.Pod == s.settings.CurrentPod(w.Context)
			return s.view.Pod(doc)
		},
	}
}

func newPodUse(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Make a pod the current one of this context",
		Example:           "  psc pod use shop",
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(s.podNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open(args[0])
			if err != nil {
				return err
			}
			if err := w.Exists(cmd.Context()); err != nil {
				return err
			}
			if err := s.settings.UsePod(w.Context, w.Pod); err != nil {
				return err
			}
			doc := report.Pod{Name: w.Pod, Context: w.Context, Current: true}
			return s.view.Line(doc, []string{doc.Ref()}, "Pod %s is now your pod in context %s", w.Pod, w.Context)
		},
	}
}

func newPodDelete(s *session) *cobra.Command {
	var (
		noWait  bool
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a pod with everything in it, including its history",
		Example:           "  psc pod delete shop",
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(s.podNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.deletePod(cmd.Context(), args[0], noWait, timeout)
		},
	}
	cmd.Flags().BoolVar(&noWait, "no-wait", false, "return when the deletion has begun")
	waitFlag(cmd.Flags(), &noWait)
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "`TIME` to wait until everything is deleted")
	return cmd
}

// deletePod deletes a pod, and waits until everything is deleted unless noWait is set.
func (s *session) deletePod(ctx context.Context, name string, noWait bool, timeout time.Duration) error {
	w, err := s.open(name)
	if err != nil {
		return err
	}
	deletion, err := w.Deletion(ctx)
	if err != nil {
		return err
	}
	s.view.Say("Pod %s on %s, with everything in it:", w.Pod, w.Context)
	s.view.Extent(deletion.Extent)
	if err := s.confirm(fmt.Sprintf("Deleting pod %s on %s with everything in it", w.Pod, w.Context), w.Pod); err != nil {
		return err
	}
	if err := deletion.Begin(ctx); err != nil {
		return err
	}
	if s.settings.CurrentPod(w.Context) == w.Pod {
		if err := s.settings.UsePod(w.Context, ""); err != nil {
			return err
		}
	}
	if !noWait {
		waiting, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := deletion.Wait(waiting, func(instances int) {
			s.view.Say("Deleting pod %s: %s left", w.Pod, pod.Count(instances, "instance"))
		}); err != nil {
			if waiting.Err() == context.DeadlineExceeded {
				return fault.New(fault.Pending, "pod %s is still being deleted after %s", w.Pod, timeout)
			}
			return err
		}
	}
	doc := report.Pod{Name: w.Pod, Context: w.Context}
	return s.view.Line(doc, []string{doc.Ref()}, "Pod %s is deleted", w.Pod)
}
