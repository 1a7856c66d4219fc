package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

func newRevisionDiscard(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "discard [REVISION...]",
		Short: "Drop drafts that wait",
		Long: "Drop the drafts that are named, or else all of your own. The history keeps them, marked. Those above them are made\n" +
			"again without them.",
		Example: "  psc revision discard\n  psc revision discard 12 14",
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			user, err := w.kube.Whoami(cmd.Context())
			if err != nil {
				return err
			}
			dropped, err := a.dropDrafts(cmd.Context(), w, args, user.Name)
			if err != nil {
				return err
			}
			return a.view.Answer(list[revision.Revision]{dropped}, revisionRefs(dropped...), func(out io.Writer) {
				for _, r := range dropped {
					fmt.Fprintf(out, "%s  discarded   %s (%s)\n", r.Name(), r.Title(), r.Author)
				}
			})
		},
	}
}

// dropDrafts discards drafts after it has seen that those that stay can do without them.
func (a *app) dropDrafts(ctx context.Context, w *workspace, args []string, user string) ([]revision.Revision, error) {
	h, err := w.history(ctx)
	if err != nil {
		return nil, err
	}
	drop, err := chosenDrafts(h, args, user)
	if err != nil {
		return nil, err
	}
	base, err := w.store.Get(ctx, h.Base())
	if err != nil {
		return nil, err
	}
	top := base.Spec
	for _, d := range h.Drafts() {
		if slices.ContainsFunc(drop, func(r revision.Revision) bool { return r.Number == d.Number }) {
			continue
		}
		full, err := w.store.Get(ctx, d.Number)
		if err != nil {
			return nil, err
		}
		if top, err = pod.Apply(top, full.Edits); err != nil {
			return nil, fault.New(fault.Conflict, "draft %s of %s needs what would be discarded: %w", d.Name(), d.Author, err).
				WithHint("psc revision discard with %d too", d.Number)
		}
	}
	for i, r := range drop {
		if err := w.discard(ctx, r, "by "+user); err != nil {
			return nil, err
		}
		drop[i].State, drop[i].Reason = revision.Discarded, "by "+user
	}
	return drop, a.restack(ctx, w)
}

// chosenDrafts are the drafts that are named, or all of the user's own.
func chosenDrafts(h history, args []string, user string) ([]revision.Revision, error) {
	var out []revision.Revision
	waiting := h.Drafts()
	for _, arg := range args {
		number, err := parseRevision(arg)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(waiting, func(r revision.Revision) bool { return r.Number == number })
		if i < 0 {
			return nil, fault.New(fault.Usage, "r%d is not a draft that waits", number).WithHint("psc status lists them")
		}
		out = append(out, waiting[i])
	}
	if len(args) > 0 {
		return out, nil
	}
	for _, r := range waiting {
		if r.Author == user {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.Usage, "no draft of yours (%s) waits", user).WithHint("name those of others by their numbers")
	}
	return out, nil
}
