package cli

import (
	"context"
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// onlyMine is the revision with the user's own drafts alone: one that is there already when no draft of somebody else
// stands below them, or else a new one.
func (a *app) onlyMine(ctx context.Context, w *workspace, h history, user string) (revision.Revision, func(context.Context, revision.Revision) (revision.Revision, error), error) {
	mine := func(h history) []revision.Revision {
		var out []revision.Revision
		for _, d := range h.Drafts() {
			if d.Author == user {
				out = append(out, d)
			}
		}
		return out
	}
	own := mine(h)
	if len(own) == 0 {
		return revision.Revision{}, nil, fault.New(fault.Usage, "no draft of yours (%s) waits in pod %s", user, w.pod).WithHint("psc status")
	}
	if last := own[len(own)-1].Number; len(h.Brings(last)) == len(own) && h.Follows(last, h.Live) {
		r, err := w.revision(ctx, last)
		return r, nil, err
	}
	make := func(number int, from revision.Revision) (revision.Revision, error) {
		return w.merged(ctx, own, number, from)
	}
	r, err := a.alone(ctx, w, user, false, make)
	return r, a.again(w, make), err
}

// merged is one revision with the changes of several drafts.
func (w *workspace) merged(ctx context.Context, drafts []revision.Revision, number int, from revision.Revision) (revision.Revision, error) {
	var (
		edits    pod.Change
		messages []string
		replaces []int
	)
	for _, d := range drafts {
		full, err := w.store.Get(ctx, d.Number)
		if err != nil {
			return full, err
		}
		edits.Edits = append(edits.Edits, full.Edits.Edits...)
		replaces = append(replaces, d.Number)
		if full.Message != "" {
			messages = append(messages, full.Message)
		}
	}
	spec, err := pod.Apply(from.Spec, edits)
	if err != nil {
		return from, fault.New(fault.Conflict, "your drafts cannot be deployed without those of others: %w", err).WithHint("psc deploy --all")
	}
	r := revision.Next(number, from, spec, edits)
	r.Message, r.Replaces = strings.Join(messages, "; "), replaces
	if r.Change == "" {
		return r, errUnchanged
	}
	return r, nil
}
