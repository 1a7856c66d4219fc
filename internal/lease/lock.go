package lease

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/pkg/object"
)

// Lock is the right to deploy. Hold keeps it, and Release releases it.
type Lock struct {
	from *Lease
	id   string
	stop context.CancelFunc
	done chan struct{}

	mu    sync.Mutex // guards lease and the requests that change it
	lease *coordinationv1.Lease

	renewed atomic.Pointer[time.Time] // when the last renewal that arrived was sent
}

// Hold keeps the right by renewing the Lease until Release. The returned context ends with one of these causes:
//   - ErrLost, if the right is lost: the caller must write nothing more,
//   - the error of the API server, if it no longer accepts our credentials: the caller must write nothing more,
//   - a *SupersededError, if another client asked us to stop: the caller must only record that.
//
// The context does not end because the server does not answer: other clients cannot take the right then either.
func (l *Lock) Hold(ctx context.Context) context.Context {
	held, end := context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop, l.done = stop, make(chan struct{})
	go l.renew(renewing, end)
	return held
}

func (l *Lock) renew(ctx context.Context, end context.CancelCauseFunc) {
	defer close(l.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(renewEvery):
		}
		begin := time.Now()
		attempt, cancel := context.WithTimeout(ctx, stopAfter)
		err := l.update(attempt, func(o *coordinationv1.Lease) {
			now := metav1.NewMicroTime(l.from.now())
			o.Spec.RenewTime = &now
		})
		cancel()
		switch {
		case err == nil:
			l.renewed.Store(&begin)
			if next := l.next(); next > 0 {
				end(&SupersededError{By: next})
				return
			}
		case ctx.Err() != nil:
			return
		case apierrors.IsUnauthorized(err): // the right is still ours, but we cannot use it
			end(err)
			return
		case errors.Is(err, ErrLost):
			end(err)
			return
		case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsForbidden(err) && l.overdue():
			end(fmt.Errorf("%w: %w", ErrLost, err))
			return
		}
	}
}

// Held returns when the right is known to be ours. Usually it returns at once. It waits if there was no renewal for stopAfter:
// the server does not answer, or this process was paused, and another client may have taken over. The error is the cause of
// ctx if ctx ends.
func (l *Lock) Held(ctx context.Context) error {
	for l.overdue() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pollEvery / 10):
		}
	}
	return nil
}

func (l *Lock) overdue() bool { return time.Since(*l.renewed.Load()) >= stopAfter }

// update changes the Lease. The error wraps ErrLost, or is a conflict, if another client has taken it.
func (l *Lock) update(ctx context.Context, change func(*coordinationv1.Lease)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for current := l.lease.DeepCopy(); ; {
		change(current)
		made, err := l.from.update(ctx, current)
		if err == nil {
			l.lease = made
		}
		if !apierrors.IsConflict(err) {
			return err
		}
		// The Lease still names us if our own write succeeded and the answer was lost, or if another client has only noted
		// something in it.
		now, readErr := l.from.read(ctx)
		if readErr != nil {
			return readErr
		}
		if now == nil || holder(now).ID != l.id {
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		current = now
	}
}

// SetLive records the revision that the cluster is to run from now on.
func (l *Lock) SetLive(ctx context.Context, number int) error {
	return l.update(ctx, func(o *coordinationv1.Lease) { annotate(o, object.AnnotationLive, number) })
}

// Live returns the number of the live revision, as of the last renewal.
func (l *Lock) Live() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return live(l.lease)
}

// Killed returns the number of the revision whose deploy did not release the right; 0 for none. A request of that deploy may still
// be under way. The number is kept until a holder releases the right with settled.
func (l *Lock) Killed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, _ := strconv.Atoi(l.lease.Annotations[object.AnnotationKilled])
	return n
}

// Times returns how often the right was taken. It is a new number for each Lock.
func (l *Lock) Times() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(*l.lease.Spec.LeaseTransitions)
}

// next returns the number of the revision that is to supersede ours, or 0, as of the last renewal.
func (l *Lock) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return holder(l.lease).Next
}

// Release releases the right to deploy. settled means that nothing can come of the killed deploy anymore: see Killed. Release
// returns nil if another client has taken over the right.
func (l *Lock) Release(ctx context.Context, settled bool) error {
	l.stop()
	<-l.done
	err := l.update(ctx, func(o *coordinationv1.Lease) {
		o.Spec.HolderIdentity, o.Spec.AcquireTime, o.Spec.RenewTime = nil, nil, nil
		delete(o.Annotations, object.AnnotationTarget)
		delete(o.Annotations, object.AnnotationNext)
		if settled {
			delete(o.Annotations, object.AnnotationKilled)
		}
	})
	if apierrors.IsConflict(err) {
		return nil // it is not ours anymore: a first attempt succeeded, or another client has taken over
	}
	return err
}
