package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/revision"
)

// exit ends every deploy, and decides what its error means for the revision. If nothing was written, the deploy is abandoned,
// else the revision has failed. At the timeout it stays pending. held is the context of lease.Hold, or ctx if it was never our
// turn.
func (d *deploy) exit(ctx, held context.Context, err error) error {
	switch {
	case err == nil || d.phase == done:
	case errors.Is(err, ErrPending):
		err = errors.Join(err, d.unfinished(held))
	case d.phase == waiting:
		err = d.abandon(held, err)
	default:
		err = d.fail(held, err)
	}
	if d.lock == nil {
		return err
	}
	settled := false
	if d.phase >= writing && !lost(err) {
		endErr := d.supersedeOlder(held)
		settled = d.fenced && endErr == nil
		err = errors.Join(err, endErr)
	}
	d.result.Duration = d.Now().Sub(d.begin)
	if cause := context.Cause(held); ctx.Err() == nil && lost(cause) {
		err = cause // it caused the other errors
	}
	if lost(err) {
		return err
	}
	end, cancel := cleanup(ctx)
	defer cancel()
	return errors.Join(err, d.lock.Release(end, settled))
}

// cleanup is a context for the last writes of a deploy, which must happen although it was interrupted.
func cleanup(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
}

// lost reports that nothing more can be written: another client has the right to deploy, or the API server no longer
// accepts our credentials. The next deploy finds everything as it is.
func lost(err error) bool { return errors.Is(err, lease.ErrLost) || apierrors.IsUnauthorized(err) }

// abandon restores the state that the revision had before this deploy was requested: draft if it was never deployed. The
// revision keeps its state if another client has requested or begun its deploy too.
func (d *deploy) abandon(ctx context.Context, err error) error {
	err = causeOf(ctx, err)
	queued := d.result.Revision.State == revision.Waiting || d.result.Revision.State == revision.Pending
	if !queued || !d.ours || apierrors.IsUnauthorized(err) {
		return notBegunError{err}
	}
	to := d.before.State
	if to != revision.Ready && to != revision.Failed {
		to = revision.Draft
	}
	end, cancel := cleanup(ctx)
	defer cancel()
	restore := func(by string) (revision.Revision, error) {
		return d.Store.MarkOnce(end, d.result.Revision, to, func(r *revision.Revision) {
			r.DeployedBy, r.Started, r.Finished = by, d.before.Started, d.before.Finished
			r.Reason, r.TakesBack = d.before.Reason, d.before.TakesBack
		})
	}
	r, markErr := restore(d.before.DeployedBy)
	if apierrors.IsForbidden(markErr) { // psc cluster setup --enforce-audit: nobody writes the name of another user
		r, markErr = restore(d.User)
	}
	if errors.Is(markErr, store.ErrMoved) {
		return notBegunError{err}
	}
	d.result.Revision = r
	return errors.Join(notBegunError{err}, markErr)
}

// notBegunError is an ErrNotBegun with the text of its cause.
type notBegunError struct{ cause error }

func (e notBegunError) Error() string   { return e.cause.Error() }
func (e notBegunError) Unwrap() []error { return []error{ErrNotBegun, e.cause} }

// fail records that the revision failed and why. If the right to deploy is lost, or the server does not answer, the revision
// keeps its state.
func (d *deploy) fail(ctx context.Context, err error) error {
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	heldErr := d.lock.Held(soon)
	err = causeOf(ctx, err)
	if heldErr != nil || lost(err) {
		return err
	}
	reason := err.Error()
	if ctx.Err() != nil && !errors.Is(err, ErrSuperseded) {
		reason = fmt.Sprintf("%v by %s", err, d.User)
	}
	end, stop := cleanup(ctx)
	defer stop()
	r, markErr := d.finish(end, d.result.Revision, revision.Failed, reason)
	if errors.As(markErr, new(*revision.MoveError)) { // another client has recorded its end
		markErr = nil
	}
	d.result.Revision = r
	return errors.Join(fmt.Errorf("%w: %w", ErrFailed, err), markErr)
}

// unfinished records why the revision was not ready at the timeout. The next deploy, or the next reader that finds out how it ended,
// replaces the reason.
func (d *deploy) unfinished(ctx context.Context) error {
	reasons := unready(d.result.Statuses)
	if len(reasons) == 0 || ctx.Err() != nil {
		return nil
	}
	r, err := d.mark(ctx, d.result.Revision, revision.Pending, func(r *revision.Revision) {
		r.Reason = fmt.Sprintf("not ready after %s: %s", d.opts.Timeout, strings.Join(fitting(reasons), "; "))
	})
	if errors.As(err, new(*revision.MoveError)) { // another client has recorded its end
		return nil
	}
	d.result.Revision = r
	return err
}

// causeOf returns the cause of the end of ctx, if it has ended, else err.
func causeOf(ctx context.Context, err error) error {
	var newer *lease.SupersededError
	switch {
	case errors.As(context.Cause(ctx), &newer):
		return fmt.Errorf("%w by r%d", ErrSuperseded, newer.By)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// supersedeOlder ends the older revisions whose deploys were killed or left pending, and the one whose deploy was killed last. A
// revision of which nothing was written, and which ours does not include, becomes a draft again.
func (d *deploy) supersedeOlder(ctx context.Context) error {
	end, cancel := cleanup(ctx)
	defer cancel()
	number := d.result.Revision.Number
	path := d.history.Path(number)
	for _, old := range d.history.All {
		var err error
		switch {
		case old.Number == number || old.Number > number && old.Number != d.lock.Killed():
		case old.State == revision.Waiting && !path[old.Number]:
			_, err = d.Store.MarkOnce(end, old, revision.Draft, nil)
		case old.State == revision.Waiting || old.State == revision.Pending:
			reason := fmt.Sprintf("%v by r%d", ErrSuperseded, number)
			if path[old.Number] {
				reason += ", which includes it"
			}
			if old.Reason != "" {
				reason = old.Reason + "; " + reason
			}
			_, err = d.finish(end, old, revision.Failed, reason)
		}
		if err != nil && !errors.Is(err, store.ErrMoved) && !errors.As(err, new(*revision.MoveError)) {
			return err
		}
	}
	return nil
}
