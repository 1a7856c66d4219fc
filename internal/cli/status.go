package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/revision"
)

// statusDocument is the answer of status for scripts.
type statusDocument struct {
	Pod     string              `json:"pod"`
	Context string              `json:"context"`
	Live    *revision.Revision  `json:"live,omitempty"`
	Head    *revision.Revision  `json:"head,omitempty"`
	Drafts  []revision.Revision `json:"drafts"`
	Apps    []appStatus         `json:"apps"`
	Routes  []routeStatus       `json:"routes"`
	// Drift is what is not as the live revision says.
	Drift []drift `json:"drift,omitempty"`
}

func newStatus(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show what is live, how it fares, and what waits",
		Example: "  psc status\n  psc status -o jsonpath={.live.state}",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			doc, h, err := a.status(cmd.Context(), w)
			if err != nil {
				return err
			}
			return a.view.Answer(doc, []string{"pod/" + w.pod}, func(out io.Writer) { a.showStatus(out, doc, h) })
		},
	}
}

func (a *app) status(ctx context.Context, w *workspace) (statusDocument, history, error) {
	doc := statusDocument{Pod: w.pod, Context: w.kube.Context, Drafts: []revision.Revision{}}
	h, err := w.history(ctx)
	if err != nil {
		return doc, h, err
	}
	live, cluster, err := w.running(ctx, h)
	if err != nil {
		return doc, h, err
	}
	var statuses []rollout.Status
	var found []drift
	spec := live.Spec
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		live, statuses, err = a.fares(both, w, h, live, cluster)
		return err
	})
	if h.Live != 0 {
		group.Go(func() (err error) {
			found, err = w.drifted(both, spec, cluster)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return doc, h, err
	}
	doc.Apps, doc.Routes = appStatuses(statuses, live), routeStatuses(statuses, live)
	doc.Drafts = append(doc.Drafts, h.Drafts()...)
	if head, ok := h.Find(h.Tip()); ok {
		doc.Head = &head
	}
	if live.Number != 0 {
		doc.Live = &live
		if live.State.Done() { // else it is on its way
			doc.Drift = found
		}
	}
	return doc, h, nil
}

func (a *app) showStatus(out io.Writer, doc statusDocument, h history) {
	live := "nothing was deployed yet"
	reason := ""
	if doc.Live != nil {
		live = fmt.Sprintf("%s %s, deployed %s by %s: %s", doc.Live.Name(), view.State(doc.Live.State),
			a.view.Ago(*cmp.Or(doc.Live.Started, &doc.Live.Created)), doc.Live.DeployedBy, doc.Live.Title())
		reason = doc.Live.Reason
	}
	deploying := ""
	if h.holder.ID != "" {
		deploying = fmt.Sprintf("%s deploys r%d since %s", h.holder.ID, h.holder.Target, a.view.Ago(h.holder.Since))
	}
	a.view.Facts(out,
		[2]string{"pod", fmt.Sprintf("%s on %s", doc.Pod, doc.Context)},
		[2]string{"live", live}, [2]string{"reason", reason}, [2]string{"now", deploying})
	if len(doc.Apps) > 0 {
		fmt.Fprintln(out)
		a.appTable(out, doc.Apps)
	}
	if len(doc.Routes) > 0 {
		fmt.Fprintln(out)
		a.routeTable(out, doc.Routes)
	}
	if len(doc.Drafts) > 0 {
		fmt.Fprintf(out, "\n%s:\n", count(len(doc.Drafts), "waiting draft"))
		a.view.Revisions(out, doc.Drafts)
		a.view.Say("See what a deploy would change with: psc diff")
	}
	if len(doc.Drift) > 0 {
		fmt.Fprintf(out, "\nnot as %s says:\n", doc.Live.Name())
		for _, d := range doc.Drift {
			fmt.Fprintf(out, "  %s %s: %s\n", d.Kind, d.Name, d.Reason)
		}
		a.view.Say("See what and by whom with: psc diff --live; put it right with: psc deploy --redeploy")
	}
}
