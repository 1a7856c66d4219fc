// Package lease is the right to deploy to a pod: the Kubernetes Lease psc-deploy in the pod's namespace.
//
//	Open -- Lock(Claim) --> Lock -- Hold --> context for all writes -- Release
//
// The Lease names the holder, the revision that it deploys, the live revision, and the revision that is to supersede
// the deploy. A holder renews it every 5 s. Another client can take a Lease that was not renewed for LostAfter, so a deploy
// that was killed does not block others for long.
package lease

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

const (
	// LostAfter is the time without a renewal of the Lease after which its holder counts as dead. The observer measures it on
	// its own clock: the clocks of two machines are never compared.
	LostAfter = 20 * time.Second
	// renewEvery is how often a holder renews the Lease.
	renewEvery = 5 * time.Second
	// stopAfter is the time after the last renewal at which a holder stops writing. It is shorter than LostAfter, so that the
	// holder has stopped before another client begins.
	stopAfter = 15 * time.Second
	// pollEvery is how often a waiting client reads the Lease.
	pollEvery = time.Second
)

// ErrLost is the cause with which the context of Hold ends if another client has the right to deploy.
var ErrLost = errors.New("the right to deploy was lost")

// SupersededError is the cause with which the context of Hold ends if another client wants to deploy a newer revision
// instead.
type SupersededError struct{ By int }

// Error implements error.
func (e *SupersededError) Error() string { return fmt.Sprintf("superseded by r%d", e.By) }

// HeldError names the holder that was still deploying after Claim.Wait.
type HeldError struct{ Holder }

// Error implements error.
func (e *HeldError) Error() string { return e.ID + " is deploying" }

// Holder is the client that is deploying.
type Holder struct {
	// ID is user@host/run; empty if no client is deploying.
	ID string
	// Since is when it began, on its own clock.
	Since time.Time
	// Target is the number of the revision that it deploys.
	Target int
	// Next is the number of the revision that is to supersede it; 0 for none.
	Next int
	// Renewed changes with every renewal. A holder for which it has not changed for LostAfter on the observer's clock is dead.
	Renewed string
}

// Lease is the right to deploy to one pod, and what has to be known besides the records: they may be removed. It is safe for
// concurrent use.
type Lease struct {
	kube *kube.Client
	pod  string
	now  func() time.Time
	// known is what State has read, for the next Lock; nil if there is none.
	known atomic.Pointer[coordinationv1.Lease]
}

// Open returns the Lease of a pod. It does not dial.
func Open(client *kube.Client, pod string, now func() time.Time) *Lease {
	return &Lease{kube: client, pod: pod, now: now}
}

// State is what the Lease says about a pod. A number is 0 if the Lease does not have it.
type State struct {
	// Live is the number of the live revision, and Newest is the newest number that was used.
	Live, Newest int
	// Limit is how many revisions the history keeps.
	Limit  int
	Holder Holder
}

// State reads the Lease. It is the zero State if there is none yet.
func (l *Lease) State(ctx context.Context) (State, error) {
	o, err := l.read(ctx)
	if err != nil || o == nil {
		return State{}, err
	}
	l.known.Store(o)
	return State{live(o), number(o, object.AnnotationNewest), number(o, object.AnnotationLimit), holder(o)}, nil
}

// SetNewest records the newest number that was used, and SetLimit how many revisions the history keeps. Both create the Lease
// if needed.
func (l *Lease) SetNewest(ctx context.Context, number int) error {
	return l.set(ctx, object.AnnotationNewest, number)
}

// SetLimit is described at SetNewest.
func (l *Lease) SetLimit(ctx context.Context, limit int) error {
	return l.set(ctx, object.AnnotationLimit, limit)
}

func (l *Lease) set(ctx context.Context, key string, value int) error {
	for {
		_, err := l.kube.Annotate(ctx, object.Lease, l.pod, object.DeployLease, "", map[string]any{key: strconv.Itoa(value)})
		if !apierrors.IsNotFound(err) {
			return err
		}
		o := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: object.DeployLease, Namespace: l.pod}}
		annotate(o, key, value)
		if _, err = l.kube.Create(ctx, o, object.Lease, l.pod); !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

// read returns nil if there is no Lease yet.
func (l *Lease) read(ctx context.Context) (*coordinationv1.Lease, error) {
	o, err := l.kube.Get(ctx, object.Lease, l.pod, object.DeployLease)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return kube.As[coordinationv1.Lease](o)
}

// update replaces the Lease, if it still has the version of o.
func (l *Lease) update(ctx context.Context, o *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	made, err := l.kube.Update(ctx, o, object.Lease, l.pod)
	if err != nil {
		return nil, err
	}
	return kube.As[coordinationv1.Lease](made)
}

func annotate(o *coordinationv1.Lease, key string, number int) {
	if o.Annotations == nil {
		o.Annotations = map[string]string{}
	}
	o.Annotations[key] = strconv.Itoa(number)
}

func number(o *coordinationv1.Lease, key string) int {
	n, _ := strconv.Atoi(o.Annotations[key])
	return n
}

func live(o *coordinationv1.Lease) int { return number(o, object.AnnotationLive) }

func holder(o *coordinationv1.Lease) Holder {
	var h Holder
	if o.Spec.HolderIdentity != nil {
		h.ID = *o.Spec.HolderIdentity
	}
	if o.Spec.AcquireTime != nil {
		h.Since = o.Spec.AcquireTime.Time
	}
	if o.Spec.RenewTime != nil { // the version of the Lease also changes when another client notes something in it
		h.Renewed = fmt.Sprintf("%s at %s", h.ID, o.Spec.RenewTime.Format(metav1.RFC3339Micro))
	}
	h.Target, h.Next = number(o, object.AnnotationTarget), number(o, object.AnnotationNext)
	return h
}
