package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// revisionFlags are the flags of every command that makes a revision and may deploy it.
type revisionFlags struct {
	dryRun, exitCode bool
	deployFlags
}

func (f *revisionFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.message, "message", "m", "", "what to say of it in the history, `TEXT`")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would change, write nothing")
	flags.BoolVar(&f.exitCode, "exit-code", false, "with --dry-run: exit with 3 when something would change")
	f.deployFlags.add(cmd)
}

// changeFlags are the flags of every command that changes the spec.
type changeFlags struct {
	deploy bool
	revisionFlags
}

func (f *changeFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.deploy, "deploy", false, "deploy this change at once, without the drafts that wait")
	f.revisionFlags.add(cmd)
}

// change makes a revision out of edits, and shows or deploys it as the flags say.
func (a *app) change(ctx context.Context, f *changeFlags, edits ...pod.Edit) error {
	return a.changeBy(ctx, f, func(pod.Spec) pod.Change { return pod.Change{Edits: edits} })
}

// making is what makes the change, out of the revision that it is made to.
type making func(now revision.Revision) (pod.Change, error)

// changeBy is change for what depends on the spec that is changed.
func (a *app) changeBy(ctx context.Context, f *changeFlags, change func(pod.Spec) pod.Change) error {
	return a.changeOn(ctx, f, func(now revision.Revision) (pod.Change, error) { return change(now.Spec), nil })
}

// changeOn is change for what depends on the revision that is changed.
func (a *app) changeOn(ctx context.Context, f *changeFlags, change making) error {
	if err := f.check(); err != nil {
		return err
	}
	w, err := a.open()
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.dryRun(ctx, w, change, f)
	}
	user, err := w.kube.Whoami(ctx)
	if err != nil {
		return err
	}
	if f.deploy {
		return a.changeAlone(ctx, w, user.Name, change, f)
	}
	r, err := a.draft(ctx, w, user.Name, func(number int, tip revision.Revision) (revision.Revision, error) {
		return w.next(number, tip, change, f.message)
	})
	if done, err := a.unchanged(a.mended(ctx, w, err)); done {
		return err
	}
	if err != nil {
		return invalid(w.named(err))
	}
	return a.showDraft(r)
}

// next makes the revision of a change to from.
func (w *workspace) next(number int, from revision.Revision, make making, message string) (revision.Revision, error) {
	change, err := make(from)
	if err != nil {
		return from, err
	}
	spec, err := pod.Apply(from.Spec, change)
	if err == nil {
		err = render.Check(w.pod, spec)
	}
	if err != nil {
		return from, invalid(err)
	}
	r := revision.Next(number, from, spec, change)
	r.Message = message
	if r.Change == "" {
		return from, errUnchanged
	}
	return r, nil
}

func (a *app) showDraft(r revision.Revision) error {
	err := a.view.Answer(r, revisionRefs(r), func(out io.Writer) {
		fmt.Fprintf(out, "%s  %s   %s\n", r.Name(), view.State(r.State), r.Change)
	})
	a.view.Say("Deploy with: psc deploy")
	return err
}

// dryRun shows what the change would make of the newest revision, or with --deploy of the live one.
func (a *app) dryRun(ctx context.Context, w *workspace, change making, f *changeFlags) error {
	from, err := w.ground(ctx, f.deploy)
	if err != nil {
		return err
	}
	r, err := w.next(from.Number+1, from, change, "")
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	return a.showDiff(ctx, w, diffDocument{From: from.Number, To: r.Number}, from.Spec, r.Spec, f.exitCode)
}
