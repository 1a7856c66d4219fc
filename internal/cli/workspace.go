package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/internal/config"
	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// app is what commands share: the world, and what was chosen by flag, environment and settings file.
type app struct {
	Env
	settings *config.Settings
	view     *view.View

	work                *workspace // once it was opened
	stdinRead           bool
	kubeconfig          string
	yes, quiet, verbose bool
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// connect opens the chosen context. It does not dial.
func (a *app) connect() (*kube.Client, error) {
	o := kube.Options{Kubeconfig: a.kubeconfig, Context: a.settings.Context(), UserAgent: "psc/" + a.Version}
	if a.verbose {
		o.Trace = a.trace
	}
	return kube.Connect(o)
}

func (a *app) trace(r kube.Request) {
	answer := fmt.Sprint(r.Status)
	if r.Err != nil {
		answer = "no answer"
	}
	fmt.Fprintf(a.Err, "%s %s %s %dms\n", r.Method, r.Path, answer, r.Duration.Milliseconds())
}

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

// named says that the pod is missing where the API server only speaks of a namespace.
func (w *workspace) named(err error) error {
	if apierrors.IsNotFound(err) {
		return fault.New(fault.Failed, "context %s has no pod %q: %w", w.kube.Context, w.pod, err).
			WithHint("psc pod list, or psc new-pod %s", w.pod)
	}
	return err
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

// invalid turns what is wrong with resources into the error that people and scripts get.
func invalid(err error) error {
	var problems pod.Problems
	if errors.As(err, &problems) {
		details := make([]fault.Detail, 0, len(problems))
		for _, p := range problems {
			details = append(details, fault.Detail(p))
		}
		return &fault.Error{Code: fault.Usage, Err: err, Details: details}
	}
	var ref *pod.RefError
	if errors.As(err, &ref) {
		e := fault.New(fault.Usage, "%w", err)
		if errors.Is(err, pod.ErrExists) {
			return e.WithHint("psc %s set %s changes it", ref.Ref.Kind.Word(), ref.Ref.Name)
		}
		return e.WithHint("psc %s list", ref.Ref.Kind.Word())
	}
	return err
}

// runID tells this run from others of the same person: user@host/run, for the lock.
func (a *app) runID(user string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s@%s/%d-%x", user, host, os.Getpid(), a.Now().UnixNano()&0xffffff)
}

// defaultTimeout is how long a deploy may take to become ready.
const defaultTimeout = 10 * time.Minute
