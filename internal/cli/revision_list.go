package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/revision"
)

func newRevision(a *app) *cobra.Command {
	c := noun("revision", "Revisions: the history of the pod",
		newRevisionList(a), newRevisionShow(a), newRevisionDiff(a), newRevisionWait(a),
		newRevisionDiscard(a), newRevisionPrune(a), newRevisionVerify(a))
	c.Aliases = []string{"rev"}
	return c
}

// revision returns one revision with its spec, or an error that names the way out.
func (w *workspace) revision(ctx context.Context, number int) (revision.Revision, error) {
	r, err := w.store.Get(ctx, number)
	return r, w.missing(err)
}

func (w *workspace) missing(err error) error {
	if errors.Is(err, store.ErrNoRevision) {
		return fault.New(fault.Usage, "pod %s: %w", w.pod, err).WithHint("psc revision list")
	}
	return err
}

func newRevisionList(a *app) *cobra.Command {
	var most int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List what was changed, when and by whom",
		Example: "  psc revision list\n  psc revision list -o json",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, h, err := a.openHistory(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.settle(cmd.Context(), w, &h); err != nil {
				return err
			}
			all := h.All
			if !a.view.Document() && most > 0 && len(all) > most {
				all = all[:most]
			}
			if all == nil {
				all = []revision.Revision{}
			}
			return a.view.Answer(list[revision.Revision]{all}, revisionRefs(all...), func(out io.Writer) {
				if len(all) == 0 {
					a.view.Say("Pod %s has no revisions. Make one with: psc app create NAME --image IMAGE", w.pod)
					return
				}
				a.view.Revisions(out, all)
				if len(all) < len(h.All) {
					a.view.Say("%d older ones: psc revision list --most 0", len(h.All)-len(all))
				}
			})
		},
	}
	cmd.Flags().IntVar(&most, "most", 20, "how many to list at the most; 0 for all")
	return cmd
}

// revisionRefs are revisions as -o name writes them.
func revisionRefs(all ...revision.Revision) []string {
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = fmt.Sprintf("revision/%d", r.Number)
	}
	return names
}

// settle finds out how a deploy ended that nobody waited for.
func (a *app) settle(ctx context.Context, w *workspace, h *history) error {
	now, ok := h.Find(h.Live)
	if !ok || now.State != revision.Pending || h.holder.ID != "" {
		return nil
	}
	live, cluster, err := w.running(ctx, *h)
	if err != nil {
		return err
	}
	settled, _, err := a.fares(ctx, w, *h, live, cluster)
	if err != nil {
		return err
	}
	for i := range h.All {
		if h.All[i].Number == settled.Number {
			h.All[i] = settled
		}
	}
	return nil
}
