// Package lease is the right to deploy to a pod: the Kubernetes Lease psc-deploy in the pod's namespace.
//
//	Open -- Lock(Claim) --> Lock -- Hold --> context for all writes -- Release
//
// The Lease names the holder, the revision that it deploys, the live revision, and the revision that is to supersede
// the deploy. A holder renews it every 5 s. A Lease that has not changed for LostAfter is free to be taken, so a deploy
// that was killed blocks nobody for long.
package lease

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
)

const (
	// LostAfter is how long the Lease must not have been seen to change before its holder counts as dead. It is measured
	// on the observer's own clock: the clocks of two machines are never compared.
	LostAfter = 20 * time.Second
	// renewEvery is how often a holder renews the Lease.
	renewEvery = 5 * time.Second
	// stopAfter is how long a holder goes on after its last renewal. It is shorter than LostAfter, so that the holder has
	// stopped before another client begins.
	stopAfter = 15 * time.Second
	// pollEvery is how often a waiting client reads the Lease.
	pollEvery = time.Second
)

// ErrLost is the cause of the end of Hold's context when another client has the right to deploy.
var ErrLost = errors.New("the right to deploy was lost")

// SupersededError is the cause of the end of Hold's context when another client asked for a newer revision to be deployed
// instead.
type SupersededError struct{ By int }

// Error implements error.
func (e *SupersededError) Error() string { return fmt.Sprintf("superseded by r%d", e.By) }

// HeldError names the holder that was still deploying when Claim.Wait had passed.
type HeldError struct{ Holder }

// Error implements error.
func (e *HeldError) Error() string { return e.ID + " is deploying" }

// Holder is the client that deploys at the moment.
type Holder struct {
	// ID is user@host/run; empty when nobody deploys.
	ID string
	// Since is when it began, on its own clock.
	Since time.Time
	// Target is the number of the revision that it deploys.
	Target int
	// Next is the number of the revision that is to supersede it; 0 for none.
	Next int
	// Version changes with every renewal. A holder whose version has not changed for LostAfter on the observer's clock is
	// dead.
	Version string
}

// Lease is the right to deploy to one pod. It keeps no state and is safe for concurrent use.
type Lease struct {
	kube *kube.Client
	pod  string
	now  func() time.Time
}

// Open returns the Lease of a pod. It does not dial.
func Open(client *kube.Client, pod string, now func() time.Time) *Lease {
	return &Lease{kube: client, pod: pod, now: now}
}

// Live returns the number of the live revision, which is 0 for none, and who deploys at the moment.
func (l *Lease) Live(ctx context.Context) (int, Holder, error) {
	o, err := l.read(ctx)
	if err != nil || o == nil {
		return 0, Holder{}, err
	}
	return live(o), holder(o), nil
}

// read returns nil when there is no Lease yet.
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

// update replaces the Lease, if it still is in the version that o was read in.
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

func live(o *coordinationv1.Lease) int {
	n, _ := strconv.Atoi(o.Annotations[object.AnnotationLive])
	return n
}

func holder(o *coordinationv1.Lease) Holder {
	h := Holder{Version: o.ResourceVersion}
	if o.Spec.HolderIdentity != nil {
		h.ID = *o.Spec.HolderIdentity
	}
	if o.Spec.AcquireTime != nil {
		h.Since = o.Spec.AcquireTime.Time
	}
	h.Target, _ = strconv.Atoi(o.Annotations[object.AnnotationTarget])
	h.Next, _ = strconv.Atoi(o.Annotations[object.AnnotationNext])
	return h
}
