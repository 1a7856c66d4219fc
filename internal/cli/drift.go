package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// drift is an object that is not as the live revision says.
type drift struct {
	Kind   string       `json:"kind"`
	Name   string       `json:"name"`
	Reason string       `json:"reason"`
	Fields []driftField `json:"fields,omitempty"`
}

type driftField struct {
	Path   string      `json:"path"`
	Change plan.Change `json:"change"`
	By     string      `json:"by,omitempty"`
	At     time.Time   `json:"at,omitzero"`
}

// driftDocument is the answer of diff --live for scripts.
type driftDocument struct {
	Live  int     `json:"live"`
	Drift []drift `json:"drift"`
}

// drifted compares what the live spec renders to with what is there.
func (w *workspace) drifted(ctx context.Context, spec pod.Spec, cluster render.Cluster) ([]drift, error) {
	objects, err := render.Objects(w.pod, spec, cluster)
	if err != nil {
		return []drift{{Kind: "pod", Name: w.pod, Reason: err.Error()}}, nil
	}
	run := &rollout.Rollout{Kube: w.kube, Pod: w.pod}
	steps, err := run.Compare(ctx, objects)
	if err != nil {
		return nil, err
	}
	var out []drift
	for _, s := range plan.Writes(steps) {
		d := drift{Kind: s.Kind.Kind, Name: s.Name, Reason: s.Reason}
		if s.Action == plan.Create && s.UID == "" {
			d.Reason = "missing"
		}
		for _, f := range s.Fields {
			d.Fields = append(d.Fields, driftField(f))
		}
		out = append(out, d)
	}
	return out, nil
}

// diffLive shows what is not as the live revision says: what, by whom and when.
func (a *app) diffLive(ctx context.Context, w *workspace, exitCode bool) error {
	live, err := w.live(ctx)
	if err != nil {
		return err
	}
	cluster, err := w.cluster(ctx, live.Spec)
	if err != nil {
		return err
	}
	doc := driftDocument{Live: live.Number, Drift: []drift{}}
	found, err := w.drifted(ctx, live.Spec, cluster)
	if err != nil {
		return err
	}
	doc.Drift = append(doc.Drift, found...)
	names := make([]string, 0, len(found))
	for _, d := range found {
		names = append(names, d.Kind+"/"+d.Name)
	}
	err = a.view.Answer(doc, names, func(out io.Writer) { a.showDrift(out, doc) })
	if err == nil && exitCode && len(found) > 0 {
		return &fault.Error{Code: fault.Differences, Err: fmt.Errorf("%s", count(len(found), "difference")), Silent: true}
	}
	return err
}

// live is the revision that the cluster was last told to run.
func (w *workspace) live(ctx context.Context) (revision.Revision, error) {
	h, err := w.history(ctx)
	if err == nil && h.Live == 0 {
		err = fault.New(fault.Usage, "nothing was deployed to pod %s yet", w.pod).WithHint("psc deploy")
	}
	if err != nil {
		return revision.Revision{}, err
	}
	return w.revision(ctx, h.Live)
}

// redeploy deploys what is live again, which puts right what was changed by hand.
func (a *app) redeploy(ctx context.Context, w *workspace, f *deployFlags) error {
	r, err := w.live(ctx)
	if err != nil {
		return err
	}
	user, err := w.kube.Whoami(ctx)
	if err != nil {
		return err
	}
	return a.deploy(ctx, w, user.Name, r, nil, f)
}

func (a *app) showDrift(out io.Writer, doc driftDocument) {
	if len(doc.Drift) == 0 {
		fmt.Fprintf(out, "Everything is as r%d says\n", doc.Live)
		return
	}
	for _, d := range doc.Drift {
		fmt.Fprintf(out, "%s %s: %s\n", d.Kind, d.Name, d.Reason)
		for _, f := range d.Fields {
			who := ""
			if f.By != "" {
				who = fmt.Sprintf(" by %s, %s", f.By, a.view.Ago(f.At))
			}
			fmt.Fprintf(out, "  %s  %s%s\n", f.Path, view.Drift(f.Change), who)
		}
	}
	a.view.Say("Put it right with: psc deploy --redeploy")
}
