package cli

import (
	"context"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// workspace is a pod that a command works in.
type workspace struct {
	kube  *kube.Client
	store *store.Store
	pod   string
}

// open opens the chosen pod of the chosen context. It does not dial.
func (a *app) open() (*workspace, error) {
	if a.work != nil {
		return a.work, nil
	}
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	name := a.settings.Pod(client.Context)
	if name == "" {
		return nil, fault.New(fault.Usage, "no pod is chosen in context %s", client.Context).
			WithHint("psc pod use NAME, psc new-pod NAME, or --pod NAME")
	}
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
		return nil, fault.New(fault.Usage, "%q is not the name of a pod: %s", name, problems[0]).WithHint("psc pod list")
	}
	a.work = a.openPod(client, name)
	return a.work, nil
}

func (a *app) openPod(client *kube.Client, name string) *workspace {
	return &workspace{kube: client, store: store.Open(client, name, a.Now), pod: name}
}

// openHistory is open for a command that begins with the history.
func (a *app) openHistory(ctx context.Context) (*workspace, history, error) {
	w, err := a.open()
	if err != nil {
		return nil, history{}, err
	}
	h, err := w.history(ctx)
	return w, h, err
}

// history is what a pod's records tell, and who deploys.
type history struct {
	revision.History
	holder store.Holder
}

// history lists the revisions and what is live. An empty history is looked at twice: the pod may not exist.
func (w *workspace) history(ctx context.Context) (history, error) {
	var (
		live   int
		holder store.Holder
		all    []revision.Revision
	)
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		live, holder, err = w.store.Live(reading)
		if apierrors.IsForbidden(err) { // who may only look at things may not see Leases: the records tell enough
			return nil
		}
		return err
	})
	group.Go(func() (err error) {
		all, err = w.store.List(reading)
		return err
	})
	if err := group.Wait(); err != nil {
		return history{}, w.named(err)
	}
	h := history{revision.NewHistory(all, live), holder}
	if _, known := h.Find(live); live != 0 && !known { // it was made between the two answers
		all, err := w.store.List(ctx)
		if err != nil {
			return h, w.named(err)
		}
		h.History = revision.NewHistory(all, live)
	}
	if len(h.All) == 0 {
		if _, err := w.namespace(ctx); err != nil {
			return h, err
		}
	}
	return h, nil
}

// ground is the revision that a change is made to: the newest with all drafts that wait, or for one that is deployed
// alone what runs or is about to.
func (w *workspace) ground(ctx context.Context, alone bool) (revision.Revision, error) {
	h, err := w.history(ctx)
	if err != nil {
		return revision.Revision{}, err
	}
	if alone {
		return w.store.Get(ctx, h.Base())
	}
	return w.store.Get(ctx, h.Tip())
}

// headSpec returns the newest spec of the pod.
func (w *workspace) headSpec(ctx context.Context) (pod.Spec, error) {
	r, err := w.ground(ctx, false)
	return r.Spec, err
}

// spec is headSpec with the content of its files.
func (w *workspace) spec(ctx context.Context) (pod.Spec, error) {
	spec, err := w.headSpec(ctx)
	if err != nil {
		return nil, err
	}
	return w.store.Fill(ctx, spec)
}
