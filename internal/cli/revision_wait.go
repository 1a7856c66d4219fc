package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/revision"
)

func newRevisionWait(a *app) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "wait [REVISION]",
		Short: "Wait until a deploy has ended",
		Long: "Wait for the revision that is named, or else the live one. It exits with 0 when the revision is\n" +
			"ready, 1 when it failed, and 8 when it is still pending at the timeout.",
		Example: "  psc deploy --no-wait && psc revision wait",
		Args:    between(0, "REVISION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			number := 0
			if len(args) > 0 {
				if number, err = parseRevision(args[0]); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			r, err := a.waitFor(ctx, w, number)
			if err != nil {
				if ctx.Err() == context.DeadlineExceeded {
					return fault.New(fault.Pending, "%s is still %s after %s", r.Name(), r.State, timeout).WithHint("psc status")
				}
				return err
			}
			if err := a.view.Answer(r, revisionRefs(r), func(out io.Writer) {
				fmt.Fprintf(out, "%s is %s\n", r.Name(), view.State(r.State))
			}); err != nil {
				return err
			}
			if r.State == revision.Failed {
				return fault.New(fault.Failed, "%s failed: %s", r.Name(), r.Reason)
			}
			return nil
		},
	}
	cmd.Flags().DurationVar(&timeout, "timeout", defaultTimeout, "how long to wait")
	return cmd
}

// lookEvery is how often a deploy is looked at that somebody else runs, or nobody.
const lookEvery = time.Second

// waitFor looks at a revision, or with 0 at the live one, until its deploy has ended.
func (a *app) waitFor(ctx context.Context, w *workspace, number int) (revision.Revision, error) {
	var (
		r     revision.Revision
		seen  string    // the holder's last sign of life
		since time.Time // when it was first seen
	)
	for {
		h, err := w.history(ctx)
		if err != nil {
			return r, err
		}
		if h.holder.Version != seen {
			seen, since = h.holder.Version, time.Now()
		}
		if time.Since(since) >= store.LostAfter { // nobody is there to end it
			h.holder.ID = ""
		}
		if err := a.settle(ctx, w, &h); err != nil {
			return r, err
		}
		if number == 0 {
			number = h.Live
		}
		found, ok := h.Find(number)
		switch {
		case !ok && number == 0:
			return r, fault.New(fault.Usage, "nothing was deployed yet").WithHint("psc deploy")
		case !ok:
			_, err := w.revision(ctx, number)
			return r, err
		case found.State == revision.Draft:
			return found, fault.New(fault.Usage, "r%d is a draft: nobody asked to deploy it", number).WithHint("psc deploy %d", number)
		case found.State == revision.Discarded:
			return found, fault.New(fault.Failed, "r%d was discarded: %s", number, found.Reason)
		case found.State.Done(), found.State == revision.Damaged:
			return found, nil
		}
		r = found
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}
