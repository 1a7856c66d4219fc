package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
)

func newRevisionPrune(s *session) *cobra.Command {
	var p workspace.Prune
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove old revisions, and content that only they use",
		Long: "Remove all but the newest revisions. psc always keeps the live revision, waiting drafts, revisions whose deploy has not\n" +
			"ended, the last one that was ready, those of psc revision keep, and all content that is mounted.",
		Example: "  psc revision prune --keep 50 --keep-revision 7\n  psc revision prune --keep 50 --dry-run",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.Newest < 1 && cmd.Flags().Changed("keep") {
				return fault.New(fault.Usage, "--keep must be 1 or more").WithHint("%s", cmd.UseLine())
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			doc, err := w.Prune(cmd.Context(), p)
			if err != nil {
				return err
			}
			verb := "Removed"
			if p.DryRun {
				verb = "Would remove"
			}
			if doc.Unseen != "" {
				s.view.Say("%ss stay, also those that nothing uses: you may not list them", doc.Unseen)
			}
			return s.view.Line(doc, doc.Refs(), "%s %s and %s", verb,
				pod.Count(len(doc.Revisions), "revision"), pod.Count(len(doc.Content), "object"))
		},
	}
	cmd.Flags().IntVar(&p.Newest, "keep", 0, "keep the `N` newest revisions (default the limit of the pod)")
	cmd.Flags().IntSliceVar(&p.Also, "keep-revision", nil, "another `REVISION` to keep")
	cmd.Flags().DurationVar(&p.Grace, "grace", time.Hour, "`TIME` to keep unused files and values: a running change may need them")
	cmd.Flags().BoolVar(&p.DryRun, "dry-run", false, "show what would be removed")
	return cmd
}
