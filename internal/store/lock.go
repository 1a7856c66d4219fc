package store

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

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

const (

	// renewEvery is how often a holder gives a sign of life.
	renewEvery = 5 * time.Second
	// LostAfter is how long the lease must not have been seen to change before the holder is given up for dead. It is
	// measured on the watcher's own clock: those of two machines are never compared.
	LostAfter = 20 * time.Second
	// stopAfter is how long a holder that cannot renew goes on until it has renewed. It is shorter than LostAfter, so that
	// it has stopped before anybody else begins.
	stopAfter = 15 * time.Second
	// lookEvery is how often whoever waits looks.
	lookEvery = time.Second
)

// Holder is who deploys at the moment.
type Holder struct {
	// ID is user@host/run; empty when nobody deploys.
	ID string
	// Since is when they began, on their clock.
	Since time.Time
	// Target is the number of the revision that they deploy.
	Target int
	// Next is the number of the revision that they are asked to give way to; 0 for none.
	Next int
	// Version changes with each sign of life. When it has not for LostAfter on the clock of who looks, they are dead.
	Version string
}

// HeldError says who went on deploying for longer than we were ready to wait.
type HeldError struct{ Holder }

// Error implements error.
func (e *HeldError) Error() string { return e.ID + " is deploying" }

// Live returns the number of the revision that the cluster was last told to run, 0 for none, and who deploys at the
// moment.
func (s *Store) Live(ctx context.Context) (int, Holder, error) {
	lease, err := s.lease(ctx)
	if err != nil || lease == nil {
		return 0, Holder{}, err
	}
	return live(lease), holder(lease), nil
}

// SupersededError is the cause of the end of the context of Hold when somebody has asked to give way to a newer revision.
type SupersededError struct{ By int }

// Error implements error.
func (e *SupersededError) Error() string { return fmt.Sprintf("superseded by r%d", e.By) }

// ErrLost is the cause of the end of the context of Hold.
var ErrLost = errors.New("the right to deploy was lost")

// Lock is the right to deploy. It has to be held with Hold, and given back with Release.
type Lock struct {
	store *Store
	id    string
	stop  context.CancelFunc
	done  chan struct{}

	mu    sync.Mutex // guards lease and the requests that change it
	lease *coordinationv1.Lease

	renewed atomic.Pointer[time.Time] // when the last sign of life was sent that arrived
}

// Held returns when the right is known to be ours. That is at once, unless no sign of life has arrived for a while: the
// server does not answer, or we were paused and somebody else may have taken over. The error is why ctx ended.
func (l *Lock) Held(ctx context.Context) error {
	for l.silent() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery / 10):
		}
	}
	return nil
}

func (l *Lock) silent() bool { return time.Since(*l.renewed.Load()) >= stopAfter }

// Claim is how the right to deploy is asked for.
type Claim struct {
	// ID is user@host/run.
	ID string
	// Target is the number of the revision to be deployed.
	Target int
	// Wait is how long to wait while somebody else deploys.
	Wait time.Duration
	// Supersede asks whoever deploys an older revision to give way. They write down how it ended, and go.
	Supersede bool
	// Waiting is told whose turn it is, whenever that changes.
	Waiting func(Holder)
}

// Lock waits for the right to deploy. When the wait is over it is a *HeldError.
func (s *Store) Lock(ctx context.Context, c Claim) (_ *Lock, err error) {
	if c.Supersede {
		defer func() {
			if err != nil {
				s.askNoMore(ctx, c)
			}
		}()
	}
	begin := time.Now()
	var (
		seen     string    // the version of the lease that was last seen
		since    time.Time // when it was first seen, on our clock
		announce string
	)
	for {
		lease, err := s.lease(ctx)
		if err != nil {
			return nil, err
		}
		// Our own name is in it when we took it and the answer was lost.
		free := lease == nil || holder(lease).ID == "" || holder(lease).ID == c.ID
		if !free {
			if lease.ResourceVersion != seen {
				seen, since = lease.ResourceVersion, time.Now()
			}
			free = time.Since(since) >= LostAfter
		}
		if free {
			asked := time.Now()
			taken, err := s.take(ctx, lease, c)
			if err == nil {
				lock := &Lock{store: s, id: c.ID, lease: taken}
				lock.renewed.Store(&asked)
				return lock, nil
			}
			if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
				return nil, err
			}
			continue // somebody was faster: look again
		}
		h := holder(lease)
		if time.Since(begin) >= c.Wait {
			return nil, &HeldError{h}
		}
		if c.Supersede && h.Target < c.Target && h.Next < c.Target {
			annotate(lease, object.AnnotationNext, c.Target)
			if _, err := s.kube.Update(ctx, lease, object.Lease, s.pod); err != nil && !apierrors.IsConflict(err) {
				return nil, err
			}
			continue
		}
		if h.ID != announce {
			announce = h.ID
			c.Waiting(h)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(min(lookEvery, c.Wait-time.Since(begin))):
		}
	}
}

// askNoMore is for who has asked a holder to give way and waits no longer. It is too late when they have done so.
func (s *Store) askNoMore(ctx context.Context, c Claim) {
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for {
		lease, err := s.lease(end)
		if err != nil || lease == nil || holder(lease).Next != c.Target {
			return
		}
		delete(lease.Annotations, object.AnnotationNext)
		if _, err := s.kube.Update(end, lease, object.Lease, s.pod); !apierrors.IsConflict(err) {
			return
		}
	}
}

func (s *Store) lease(ctx context.Context) (*coordinationv1.Lease, error) {
	o, err := s.kube.Get(ctx, object.Lease, s.pod, object.DeployLease)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return kube.As[coordinationv1.Lease](o)
}

// take writes us into a lease that is free, or whose holder is lost.
func (s *Store) take(ctx context.Context, old *coordinationv1.Lease, c Claim) (*coordinationv1.Lease, error) {
	now := metav1.NewMicroTime(s.now())
	seconds := int32(LostAfter / time.Second)
	transitions := int32(1)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: object.DeployLease, Namespace: s.pod}}
	if old != nil {
		lease = old.DeepCopy()
		if lease.Spec.LeaseTransitions != nil {
			transitions = *lease.Spec.LeaseTransitions + 1
		}
	}
	lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds = &c.ID, &seconds
	lease.Spec.AcquireTime, lease.Spec.RenewTime, lease.Spec.LeaseTransitions = &now, &now, &transitions
	annotate(lease, object.AnnotationTarget, c.Target)
	delete(lease.Annotations, object.AnnotationNext)
	write := s.kube.Update
	if old == nil {
		write = s.kube.Create
	}
	o, err := write(ctx, lease, object.Lease, s.pod)
	if err != nil {
		return nil, err
	}
	return kube.As[coordinationv1.Lease](o)
}

// Hold keeps the right by giving signs of life until Release. The context that it returns ends when the right is lost, or
// nobody knows us any more: with it must end all writing; or when somebody asks to give way, and what is then left to do is
// to say so. A server that does not answer is waited for: nobody else can take the right there either.
func (l *Lock) Hold(ctx context.Context) context.Context {
	held, lost := context.WithCancelCause(ctx)
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop, l.done = stop, make(chan struct{})
	go l.renew(renewing, lost)
	return held
}

func (l *Lock) renew(ctx context.Context, lost context.CancelCauseFunc) {
	defer close(l.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(renewEvery):
		}
		begin := time.Now()
		attempt, cancel := context.WithTimeout(ctx, stopAfter)
		err := l.update(attempt, func(lease *coordinationv1.Lease) {
			now := metav1.NewMicroTime(l.store.now())
			lease.Spec.RenewTime = &now
		})
		cancel()
		switch {
		case err == nil:
			l.renewed.Store(&begin)
			if next := l.next(); next > 0 {
				lost(&SupersededError{By: next})
				return
			}
		case ctx.Err() != nil:
			return
		case apierrors.IsUnauthorized(err): // it is ours, and we can do nothing with it
			lost(err)
			return
		case errors.Is(err, ErrLost):
			lost(err)
			return
		case apierrors.IsConflict(err), apierrors.IsNotFound(err), apierrors.IsForbidden(err) && l.silent():
			lost(fmt.Errorf("%w: %w", ErrLost, err))
			return
		}
	}
}

// update changes the lease. A conflict means that somebody else has taken it.
func (l *Lock) update(ctx context.Context, change func(*coordinationv1.Lease)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.lease.DeepCopy()
	change(next)
	o, err := l.store.kube.Update(ctx, next, object.Lease, l.store.pod)
	if apierrors.IsConflict(err) {
		// Our own write may have been taken and its answer lost: then the lease still names us.
		current, readErr := l.store.lease(ctx)
		if readErr != nil {
			return readErr
		}
		if current == nil || holder(current).ID != l.id {
			return fmt.Errorf("%w: %w", ErrLost, err)
		}
		change(current)
		o, err = l.store.kube.Update(ctx, current, object.Lease, l.store.pod)
	}
	if err != nil {
		return err
	}
	l.lease, err = kube.As[coordinationv1.Lease](o)
	return err
}

// SetLive writes down which revision the cluster is told to run from now on.
func (l *Lock) SetLive(ctx context.Context, number int) error {
	return l.update(ctx, func(lease *coordinationv1.Lease) { annotate(lease, object.AnnotationLive, number) })
}

// Live returns the number of the revision that the cluster was last told to run, as of the moment the right was taken.
func (l *Lock) Live() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return live(l.lease)
}

// next is the revision that somebody has asked to give way to, as of the last sign of life.
func (l *Lock) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return holder(l.lease).Next
}

// Release gives the right to deploy back.
func (l *Lock) Release(ctx context.Context) error {
	l.stop()
	<-l.done
	err := l.update(ctx, func(lease *coordinationv1.Lease) {
		lease.Spec.HolderIdentity, lease.Spec.AcquireTime, lease.Spec.RenewTime = nil, nil, nil
		delete(lease.Annotations, object.AnnotationTarget)
		delete(lease.Annotations, object.AnnotationNext)
	})
	if apierrors.IsConflict(err) {
		return nil // it is not ours any more: the answer of a first attempt was lost, or somebody has taken over
	}
	return err
}

func annotate(lease *coordinationv1.Lease, key string, number int) {
	if lease.Annotations == nil {
		lease.Annotations = map[string]string{}
	}
	lease.Annotations[key] = strconv.Itoa(number)
}

func live(lease *coordinationv1.Lease) int {
	n, _ := strconv.Atoi(lease.Annotations[object.AnnotationLive])
	return n
}

func holder(lease *coordinationv1.Lease) Holder {
	h := Holder{Version: lease.ResourceVersion}
	if lease.Spec.HolderIdentity != nil {
		h.ID = *lease.Spec.HolderIdentity
	}
	if lease.Spec.AcquireTime != nil {
		h.Since = lease.Spec.AcquireTime.Time
	}
	h.Target, _ = strconv.Atoi(lease.Annotations[object.AnnotationTarget])
	h.Next, _ = strconv.Atoi(lease.Annotations[object.AnnotationNext])
	return h
}
