package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/revision"
)

// leave gives up before anything was written: the revision becomes again what it was before it was asked for, a draft
// where it was never deployed. One that somebody else has asked for, or has taken up meanwhile, stays theirs.
func (d *deploy) leave(ctx context.Context, result Result, cause error) (Result, error) {
	cause = why(ctx, cause)
	if result.Revision.State != revision.Waiting && result.Revision.State != revision.Pending || !d.ours || apierrors.IsUnauthorized(cause) {
		return result, notBegun{cause}
	}
	to := d.before.State
	if to != revision.Ready && to != revision.Failed {
		to = revision.Draft
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	r, err := d.Store.MarkOnce(end, result.Revision, to, func(r *revision.Revision) {
		r.DeployedBy, r.Started, r.Finished, r.Reason = d.before.DeployedBy, d.before.Started, d.before.Finished, d.before.Reason
	})
	if errors.Is(err, store.ErrMoved) {
		return result, notBegun{cause}
	}
	result.Revision = r
	return result, errors.Join(notBegun{cause}, err)
}

// why is what has ended ctx, or else cause.
func why(ctx context.Context, cause error) error {
	var newer *lease.SupersededError
	switch {
	case errors.As(context.Cause(ctx), &newer):
		return fmt.Errorf("%w by r%d", ErrSuperseded, newer.By)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return cause
}

// gone says that nothing more can be written: the lease and the state are somebody else's by now, or the API server does
// not know us any more. Whoever deploys next finds everything as it is.
func gone(err error) bool { return errors.Is(err, lease.ErrLost) || apierrors.IsUnauthorized(err) }

// fail writes down that a revision failed and why, if that can be: when the right to deploy was lost, or the server is away,
// the revision stays what it is.
func (d *deploy) fail(ctx context.Context, result Result, cause error) (Result, error) {
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	held := d.lock.Held(soon)
	cause = why(ctx, cause)
	reason := cause.Error()
	if ctx.Err() != nil && !errors.Is(cause, ErrSuperseded) {
		reason = fmt.Sprintf("%v by %s", cause, d.User)
	}
	if held != nil || gone(cause) {
		return result, cause
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	r, err := d.finish(end, result.Revision, revision.Failed, reason)
	if errors.As(err, new(*revision.MoveError)) { // somebody else has ended it
		err = nil
	}
	result.Revision = r
	return result, errors.Join(fmt.Errorf("%w: %w", ErrFailed, cause), err)
}

func (o *Rollout) finish(ctx context.Context, r revision.Revision, to revision.State, reason string) (revision.Revision, error) {
	now := o.Now()
	return o.Store.Mark(ctx, r, to, func(r *revision.Revision) { r.Finished, r.Reason = &now, reason })
}
