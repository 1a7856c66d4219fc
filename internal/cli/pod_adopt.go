package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
)

func newPodAdopt(s *session) *cobra.Command {
	var (
		o       options
		imports bool
	)
	cmd := &cobra.Command{
		Use:   "adopt NAMESPACE",
		Short: "Make an existing namespace a pod",
		Long: "Make an existing namespace a pod, and list what is in it. Nothing in it changes, and no deploy changes what psc did not\n" +
			"create. Members and settings stay as they are too: see psc member and psc pod set.\n\n" +
			"With --import, the first draft has what psc can take in: Deployments, Services, Ingresses, HTTPRoutes, CronJobs, ConfigMaps,\n" +
			"Secrets, claims and autoscalers. psc lists what it left out or expresses in another way. psc deploy --take-over then updates the\n" +
			"Deployments and Services in place: new instances start before the old ones stop.",
		Example: "  psc pod adopt shop --dry-run    lists what is in it\n" +
			"  psc pod adopt shop\n" +
			"  psc pod adopt shop --import --dry-run",
		Args:              exactly("NAMESPACE"),
		ValidArgsFunction: s.complete(func([]string) []string { return s.names("namespaces") }),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open(args[0])
			if err != nil {
				return err
			}
			doc, extent, err := w.Adopt(cmd.Context(), o.DryRun)
			if again := imports && errors.Is(err, workspace.ErrIsPod); err != nil && !again {
				return err
			} else if !again {
				s.view.Say("Namespace %s on %s, with what is in it:", w.Pod, w.Context)
				s.view.Extent(extent)
			}
			text := "Namespace %s is a pod now"
			if o.DryRun {
				text = "Namespace %s can become a pod"
			}
			if imports {
				if err == nil {
					s.view.Say(text, w.Pod)
				}
				return s.adoptImport(cmd, w, &o)
			}
			if err := s.view.Line(doc, []string{doc.Ref()}, text, w.Pod); err != nil || o.DryRun {
				return err
			}
			s.view.Next("psc pod use %s, or psc pod adopt %s --import takes in what runs there", w.Pod, w.Pod)
			return nil
		},
	}
	cmd.Flags().BoolVar(&imports, "import", false, "make a first draft of what is in the namespace")
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "list what is in the namespace without writing anything")
	o.addNoPin(cmd.Flags())
	return cmd
}

// adoptImport makes a draft of what the namespace has.
func (s *session) adoptImport(cmd *cobra.Command, w *workspace.Workspace, o *options) error {
	found, err := w.Existing(cmd.Context())
	if err != nil {
		return err
	}
	for _, kind := range found.Unread {
		s.view.Warn("%s objects could not be listed, and are left out", kind)
	}
	s.view.LeftOut(found.Left)
	if len(found.Spec) == 0 {
		return s.view.Nothing("Nothing in it can be taken in")
	}
	words := make([]string, 0, len(found.Spec))
	for _, ref := range found.Spec.Refs() {
		words = append(words, ref.String())
	}
	s.view.Say("Taken in: %s", strings.Join(view.FirstNames(words), ", "))
	next := fmt.Sprintf("psc pod use %s, psc diff, then psc deploy", w.Pod)
	if len(found.Takes) > 0 {
		s.view.Say("A deploy has to take over: %s", strings.Join(view.FirstNames(found.Takes), ", "))
		next += " --take-over"
	}
	if o.DryRun {
		return nil
	}
	out, err := w.Import(cmd.Context(), found.Spec, found.Values, o.Options)
	switch {
	case err != nil:
		return err
	case out.Unchanged:
		return s.unchanged("")
	}
	keepNames(w, out.Revision.Spec)
	if err := s.view.Draft(out.Revision, found.Left); err != nil {
		return err
	}
	s.nextAfter(out.Revision.Spec, next)
	return nil
}
