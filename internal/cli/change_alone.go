package cli

import (
	"context"
	"errors"

	"github.com/pscdev/psc/pkg/revision"
)

// changeAlone deploys a change on top of what is live. The drafts that wait are put on top of it afterwards.
func (a *app) changeAlone(ctx context.Context, w *workspace, user string, change making, f *changeFlags) error {
	var base revision.Revision
	make := func(number int, from revision.Revision) (revision.Revision, error) {
		base = from
		return w.next(number, from, change, f.message)
	}
	r, err := a.alone(ctx, w, user, false, make)
	if errors.Is(err, errUnchanged) && base.Number != 0 && base.State != revision.Ready {
		return a.deploy(ctx, w, user, base, nil, &f.deployFlags) // it is what was asked for, and does not run yet
	}
	if done, err := a.unchanged(a.mended(ctx, w, err)); done {
		return err
	}
	if err != nil {
		return invalid(w.named(err))
	}
	return a.deploy(ctx, w, user, r, a.again(w, make), &f.deployFlags)
}
