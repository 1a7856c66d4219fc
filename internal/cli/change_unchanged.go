package cli

import (
	"cmp"
	"context"
	"errors"
	"io"
)

// errUnchanged ends a change that changes nothing.
var errUnchanged = errors.New("nothing changes")

// unchanged says that a change changes nothing, which is no error.
func (a *app) unchanged(err error) (bool, error) {
	if !errors.Is(err, errUnchanged) {
		return false, err
	}
	return true, a.view.Answer(struct{}{}, nil, func(io.Writer) { a.view.Say("Nothing changes: it is like that already") })
}

// mended writes files that are missing in the pod when they are given again, which changes nothing else.
func (a *app) mended(ctx context.Context, w *workspace, err error) error {
	if !errors.Is(err, errUnchanged) {
		return err
	}
	spec, readErr := w.headSpec(ctx)
	if readErr != nil {
		return readErr
	}
	mended, mendErr := w.store.Mend(ctx, spec)
	if mended && mendErr == nil {
		a.view.Say("What was missing of its content is in the pod again")
	}
	return cmp.Or(mendErr, err)
}
