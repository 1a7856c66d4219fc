package cli

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/revision"
)

// pruneDocument is the answer of prune for scripts.
type pruneDocument struct {
	Revisions []int    `json:"revisions"`
	Content   []string `json:"content"`
}

func newRevisionPrune(a *app) *cobra.Command {
	var (
		most   int
		also   []int
		grace  time.Duration
		dryRun bool
	)
	cmd := &cobra.Command{
		Use:   "prune --keep N",
		Short: "Remove old revisions, and the files and secret values that only they had",
		Long: "Remove all but the newest revisions. The live one, those that wait, those that are being deployed and the last one\n" +
			"that was ready stay in any case, and so does everything that is mounted.",
		Example: "  psc revision prune --keep 50 --keep-revision 7\n  psc revision prune --keep 50 --dry-run",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if most < 1 {
				return fault.New(fault.Usage, "--keep must be 1 or more").WithHint("%s", cmd.UseLine())
			}
			w, h, err := a.openHistory(cmd.Context())
			if err != nil {
				return err
			}
			for _, number := range also {
				if _, ok := h.Find(number); !ok {
					return fault.New(fault.Usage, "--keep-revision: there is no r%d", number).WithHint("psc revision list")
				}
			}
			kept := append(h.kept(most), also...)
			pruned, err := w.store.Prune(cmd.Context(), dryRun, grace, func(r revision.Revision) bool {
				return r.Number > h.Tip() || slices.Contains(kept, r.Number)
			})
			if err != nil {
				return err
			}
			doc := pruneDocument{Revisions: []int{}, Content: append([]string{}, pruned.Content...)}
			for _, r := range pruned.Revisions {
				doc.Revisions = append(doc.Revisions, r.Number)
			}
			return a.view.Answer(doc, append(slices.Clone(pruned.Content), revisionRefs(pruned.Revisions...)...), func(out io.Writer) {
				verb := "Removed"
				if dryRun {
					verb = "Would remove"
				}
				fmt.Fprintf(out, "%s %s and %s that nothing else needs\n", verb, count(len(doc.Revisions), "revision"), count(len(doc.Content), "object"))
			})
		},
	}
	cmd.Flags().IntVar(&most, "keep", 0, "how many of the newest revisions stay, `N`")
	cmd.Flags().IntSliceVar(&also, "keep-revision", nil, "`REVISION` that stays too, to roll back to")
	cmd.Flags().DurationVar(&grace, "grace", time.Hour, "`TIME` that unused files and values stay: a change may be about to refer to them")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "show what would go, remove nothing")
	return cmd
}

// kept are the numbers of the revisions that stay: the newest, and those that something still depends on.
func (h history) kept(newest int) []int {
	var out []int
	lastReady := false
	for i, r := range h.All {
		last := r.State == revision.Ready && r.Number < h.Live && !lastReady
		lastReady = lastReady || last
		if i < newest || last || r.Live || r.State == revision.Waiting || r.State == revision.Pending {
			out = append(out, r.Number)
		}
	}
	for _, r := range h.Drafts() {
		out = append(out, r.Number)
	}
	return out
}
