package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

func newRevisionKeep(s *session) *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "keep [REVISION... | REVISION-...]",
		Short: "Keep revisions when the history becomes long, or set its length",
		Long: fmt.Sprintf("Keep the named revisions when the history becomes long; REVISION- keeps one no longer. The history of a pod has at most\n"+
			"%d revisions, or as many as --limit says, besides those that are kept and those that the pod needs: the live revision,\n"+
			"waiting drafts, and the last one that was ready. A change removes the oldest of the others.", revision.DefaultLimit),
		Example:           "  psc revision keep 12\n  psc revision keep 12-\n  psc revision keep --limit 1000",
		ValidArgsFunction: s.complete(s.revisionNames),
		RunE: func(cmd *cobra.Command, args []string) error {
			limited := cmd.Flags().Changed("limit")
			switch {
			case limited && limit < 1:
				return fault.New(fault.Usage, "--limit must be 1 or more").WithHint("%s", cmd.UseLine())
			case limited == (len(args) > 0):
				return fault.New(fault.Usage, "give either revisions or --limit").WithHint("%s", cmd.UseLine())
			}
			keep, release, err := parseKept(args)
			if err != nil {
				return err
			}
			w, err := s.open()
			if err != nil {
				return err
			}
			if limited {
				excess, err := w.SetLimit(cmd.Context(), limit)
				if err != nil {
					return err
				}
				return s.view.Limit(report.History{Items: []revision.Revision{}, Limit: limit}, excess)
			}
			kept, err := w.Keep(cmd.Context(), keep, true)
			if err != nil {
				return err
			}
			released, err := w.Keep(cmd.Context(), release, false)
			if err != nil {
				return err
			}
			return s.view.Kept(append(kept, released...))
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 0, "keep the `N` newest revisions")
	return cmd
}

// parseKept reads revisions to keep, as in 12, and not to keep, as in 12-.
func parseKept(args []string) (keep, release []int, err error) {
	for _, arg := range args {
		text, off := strings.CutSuffix(arg, "-")
		number, err := parseRevision(text)
		if err != nil {
			return nil, nil, err
		}
		if off {
			release = append(release, number)
		} else {
			keep = append(keep, number)
		}
	}
	return keep, release, nil
}
