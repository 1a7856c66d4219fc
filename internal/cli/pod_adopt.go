package cli

import (
	"github.com/spf13/cobra"
)

func newPodAdopt(s *session) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "adopt NAMESPACE",
		Short: "Make an existing namespace a pod",
		Long: "Make an existing namespace a pod, and list what is in it. Nothing in it changes, and no deploy changes what psc did not\n" +
			"create. Members and settings stay as they are too: see psc member and psc pod set.",
		Example: "  psc pod adopt shop --dry-run    lists what is in it\n" +
			"  psc pod adopt shop",
		Args: exactly("NAMESPACE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open(args[0])
			if err != nil {
				return err
			}
			doc, extent, err := w.Adopt(cmd.Context(), dryRun)
			if err != nil {
				return err
			}
			s.view.Say("Namespace %s on %s, with what is in it:", w.Pod, w.Context)
			s.view.Extent(extent)
			if dryRun {
				return s.view.Line(doc, []string{doc.Ref()}, "Namespace %s can become a pod", w.Pod)
			}
			if err := s.view.Line(doc, []string{doc.Ref()}, "Namespace %s is a pod now", w.Pod); err != nil {
				return err
			}
			s.view.Next("psc pod use %s", w.Pod)
			return nil
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "list what is in the namespace without writing anything")
	return cmd
}
