package lease

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

// Claim asks for the right to deploy.
type Claim struct {
	// ID is user@host/run.
	ID string
	// Target is the number of the revision to deploy.
	Target int
	// Wait is how long to wait while another client deploys.
	Wait time.Duration
	// Supersede asks a holder that deploys an older revision to stop. The holder records how its deploy ended and
	// releases the Lease.
	Supersede bool
	// Waiting is called with the current holder, and again with each new one.
	Waiting func(Holder)
}

// Lock waits for the right to deploy. The error is a *HeldError if another client still has it after c.Wait, and the cause of
// ctx if ctx ends.
func (l *Lease) Lock(ctx context.Context, c Claim) (_ *Lock, err error) {
	if c.Supersede {
		defer func() {
			if err != nil {
				l.withdraw(ctx, c)
			}
		}()
	}
	var (
		begin     = time.Now()
		seen      observation
		announced string
	)
	for known := l.known.Swap(nil); ; known = nil {
		o, err := known, error(nil)
		if o == nil || holder(o).ID != "" { // else the API server refuses to update it if it has changed since
			o, err = l.read(ctx)
		}
		if err != nil {
			return nil, err
		}
		// The Lease names us if we have taken it and the answer was lost.
		if o == nil || holder(o).ID == "" || holder(o).ID == c.ID || seen.dead(o) {
			lock, err := l.take(ctx, o, c)
			if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || o != nil && apierrors.IsNotFound(err) {
				continue // another client was faster
			}
			return lock, err
		}
		h := holder(o)
		if time.Since(begin) >= c.Wait {
			return nil, &HeldError{h}
		}
		if c.Supersede && h.Target < c.Target && h.Next < c.Target {
			annotate(o, object.AnnotationNext, c.Target)
			if _, err := l.update(ctx, o); err != nil && !apierrors.IsConflict(err) {
				return nil, err
			}
			continue
		}
		if h.ID != announced {
			announced = h.ID
			c.Waiting(h)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(min(pollEvery, c.Wait-time.Since(begin))):
		}
	}
}

// observation is the renewal of the Lease that was read last, and when it was first read, on our clock.
type observation struct {
	renewed string
	since   time.Time
}

// dead remembers the renewal of the Lease, and reports whether it has been the same for LostAfter.
func (s *observation) dead(o *coordinationv1.Lease) bool {
	if renewed := holder(o).Renewed; renewed != s.renewed || s.since.IsZero() {
		s.renewed, s.since = renewed, time.Now()
	}
	return time.Since(s.since) >= LostAfter
}

// take makes us the holder of a Lease that is free, or whose holder is dead.
func (l *Lease) take(ctx context.Context, old *coordinationv1.Lease, c Claim) (*Lock, error) {
	asked, now := time.Now(), metav1.NewMicroTime(l.now())
	seconds := int32(LostAfter / time.Second)
	transitions := int32(1)
	o := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: object.DeployLease, Namespace: l.pod}}
	if old != nil {
		o = old.DeepCopy()
		if o.Spec.LeaseTransitions != nil {
			transitions = *o.Spec.LeaseTransitions + 1
		}
	}
	if dead := holder(o); dead.ID != "" && dead.ID != c.ID {
		annotate(o, object.AnnotationKilled, dead.Target)
	}
	o.Spec.HolderIdentity, o.Spec.LeaseDurationSeconds = &c.ID, &seconds
	o.Spec.AcquireTime, o.Spec.RenewTime, o.Spec.LeaseTransitions = &now, &now, &transitions
	annotate(o, object.AnnotationTarget, c.Target)
	annotate(o, object.AnnotationNewest, max(number(o, object.AnnotationNewest), c.Target))
	delete(o.Annotations, object.AnnotationNext)
	write := l.kube.Update
	if old == nil {
		write = l.kube.Create
	}
	made, err := write(ctx, o, object.Lease, l.pod)
	if err != nil {
		return nil, err
	}
	taken, err := kube.As[coordinationv1.Lease](made)
	if err != nil {
		return nil, err
	}
	lock := &Lock{from: l, id: c.ID, lease: taken}
	lock.renewed.Store(&asked)
	return lock, nil
}

// withdraw withdraws the request to supersede the holder, because the caller no longer waits. It has no effect if the holder
// has stopped already.
func (l *Lease) withdraw(ctx context.Context, c Claim) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for {
		o, err := l.read(end)
		if err != nil || o == nil || holder(o).Next != c.Target {
			return
		}
		delete(o.Annotations, object.AnnotationNext)
		if _, err := l.update(end, o); !apierrors.IsConflict(err) {
			return
		}
	}
}
