// Package store keeps the revisions of a pod as immutable ConfigMaps in its namespace, and the content that they refer to.
//
//	Append: head + change -> next number -> Create -- another client was faster --> retry on the new head
//	Mark:   revision + state -> annotations, if no other client has changed them
//
// Creating the ConfigMap is the lock for its number: the API server creates each name only once.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/revision"
)

// ErrNoRevision is wrapped by the error for a revision that the pod does not have.
var ErrNoRevision = errors.New("no such revision")

// ErrMoved is wrapped by the error for a record that was changed after it was read.
var ErrMoved = errors.New("someone else has changed its state")

// ErrDamaged is wrapped by the error for a record that cannot be read.
var ErrDamaged = errors.New("damaged")

// ErrAltered is wrapped by the error for a record that is not the one that psc wrote. It wraps ErrDamaged.
var ErrAltered error = alteredError{}

type alteredError struct{}

func (alteredError) Error() string { return "was changed by hand, or deleted and created again" }
func (alteredError) Unwrap() error { return ErrDamaged }

// ErrNewer is wrapped by the error for a record that is as psc wrote it, and has something that this version does not know. It
// wraps ErrDamaged.
var ErrNewer error = newerError{}

type newerError struct{}

func (newerError) Error() string { return "was written by a newer psc" }
func (newerError) Unwrap() error { return ErrDamaged }

// Store stores the revisions of one pod. Use it for one request or command: it remembers all specs that it has decoded, so its
// memory grows. It is safe for concurrent use.
type Store struct {
	kube *kube.Client
	pod  string
	now  func() time.Time
	// decoded has the revisions that were read, by the UIDs of their records. It saves decoding the data, which never changes.
	// The record itself is read each time.
	decoded sync.Map
	// bases has the bases that were read, by name, and basedOn has the name of the base of each record that was read, by number.
	bases, basedOn sync.Map
	// sealed has the seals that records must have, as of the last List.
	sealed atomic.Pointer[map[int]string]
}

// Open returns the store of a pod. It does not dial.
func Open(client *kube.Client, pod string, now func() time.Time) *Store {
	return &Store{kube: client, pod: pod, now: now}
}

// List returns the records of all revisions without their specs, newest first. A record that cannot be read is a Damaged
// revision.
func (s *Store) List(ctx context.Context) ([]revision.Revision, error) {
	items, err := s.kube.ListMeta(ctx, object.ConfigMap, s.pod, object.LabelRevision)
	if err != nil {
		return nil, err
	}
	out := make([]revision.Revision, 0, len(items))
	for i := range items {
		out = append(out, record(&items[i].ObjectMeta))
	}
	seals := revision.Seals(out)
	s.sealed.Store(&seals)
	slices.SortFunc(out, func(a, b revision.Revision) int { return cmp.Compare(b.Number, a.Number) })
	return out, nil
}

// Get returns one revision with its spec, and for 0 the empty one. The error wraps ErrNoRevision if there is none, ErrDamaged if
// its record cannot be read, and ErrAltered if the record is not the one that psc wrote: then the revision is as it is now.
func (s *Store) Get(ctx context.Context, number int) (revision.Revision, error) {
	if number == 0 {
		return revision.Revision{}, nil
	}
	cm, err := s.read(ctx, number)
	if err != nil {
		return revision.Revision{}, err
	}
	if known, ok := s.decoded.Load(cm.UID); ok {
		before, _ := known.(revision.Revision)
		if r := record(&cm.ObjectMeta); r.State != revision.Damaged {
			r.Edits, r.Spec = before.Edits, before.Spec
			return r, nil
		}
	}
	r, data, err := s.decode(ctx, cm)
	if err == nil {
		err = s.unaltered(r, cm.Annotations[object.AnnotationAccepted], data)
	}
	if err == nil {
		s.decoded.Store(cm.UID, r)
	}
	return r, err
}

// Full returns r, which List has returned, with its spec. It is Get, except that it does not read a record again that Get has
// returned in the same version.
func (s *Store) Full(ctx context.Context, r revision.Revision) (revision.Revision, error) {
	for _, known := range s.decoded.Range {
		if full, _ := known.(revision.Revision); full.Number == r.Number && full.Version == r.Version {
			return full, nil
		}
	}
	return s.Get(ctx, r.Number)
}

// data returns the data of a record. The error wraps ErrDamaged if they, or their base, are damaged or missing.
func (s *Store) data(ctx context.Context, cm *corev1.ConfigMap) (map[string]string, error) {
	number := record(&cm.ObjectMeta).Number
	data, d, err := unfill(cm)
	if err != nil {
		return nil, damaged(number, err)
	}
	if d == nil {
		return data, nil
	}
	b, err := s.base(ctx, d.Base)
	if err != nil {
		return nil, fmt.Errorf("read revision %d: %w", number, err)
	}
	s.basedOn.Store(number, d.Base)
	return d.on(b), nil
}

// base reads a base once. The error wraps ErrDamaged if it is damaged or missing.
func (s *Store) base(ctx context.Context, name string) (*base, error) {
	if known, ok := s.bases.Load(name); ok {
		b, _ := known.(*base)
		return b, nil
	}
	o, err := s.kube.Get(ctx, object.ConfigMap, s.pod, name)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%w: the ConfigMap %s, which has the rest of it, is missing", ErrDamaged, name)
	}
	if err != nil {
		return nil, err
	}
	cm, err := kube.As[corev1.ConfigMap](o)
	if err != nil {
		return nil, err
	}
	b, err := readBase(cm)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	s.bases.Store(name, b)
	return b, nil
}

// baseOn returns the base of a record that was read, or nil.
func (s *Store) baseOn(number int) *base {
	name, _ := s.basedOn.Load(number)
	known, _ := s.bases.Load(name)
	b, _ := known.(*base)
	return b
}

func (s *Store) read(ctx context.Context, number int) (*corev1.ConfigMap, error) {
	o, err := s.kube.Get(ctx, object.ConfigMap, s.pod, recordName(number))
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%w: %d", ErrNoRevision, number)
	}
	if err != nil {
		return nil, err
	}
	return kube.As[corev1.ConfigMap](o)
}

// Next returns a new revision, and the one that it builds on. Append calls it again if another client was faster, so it must
// read the records of the pod each time.
type Next func() (r, from revision.Revision, err error)

// Append creates the revision that next returns, as written by writer, who is the author too unless next names another one. First it writes the content that the revision refers to.
// References that are not in content must exist, else the error is pod.Problems. content may be nil, and next may add to it. If
// another client has taken the number, Append calls next again. It returns an error of next as it is.
func (s *Store) Append(ctx context.Context, writer string, content *Content, next Next) (revision.Revision, error) {
	for {
		r, from, err := next()
		if err != nil {
			return revision.Revision{}, err
		}
		if err := s.write(ctx, content, from.Spec, r.Spec); err != nil {
			return revision.Revision{}, err
		}
		if r.Author = cmp.Or(r.Author, writer); r.Author != writer {
			r.WrittenBy = writer
		}
		r.Created = s.now().UTC().Truncate(time.Second)
		made, err := s.create(ctx, r, s.baseOn(from.Number))
		if !apierrors.IsAlreadyExists(err) {
			return made, err
		}
		if there, err := s.Get(ctx, r.Number); err == nil && there.Seal == made.Seal {
			return there, nil // we created it, and the answer was lost
		}
	}
}

// create creates the record of a revision, and before it the base that it needs. on is the base of the revision that r was
// made from, or nil. The returned revision has its seal, also with an error of the API server.
func (s *Store) create(ctx context.Context, r revision.Revision, on *base) (revision.Revision, error) {
	cm, needed, err := encode(s.pod, r, on)
	if err != nil {
		return r, err
	}
	r.Content, r.Seal = cm.Annotations[object.AnnotationContent], cm.Annotations[object.AnnotationSeal]
	if needed != nil && needed != on {
		if err := s.ensure(ctx, object.ConfigMap, needed.name, needed.object()); err != nil {
			return r, err
		}
		s.bases.Store(needed.name, needed)
	}
	made, err := s.kube.Create(ctx, cm, object.ConfigMap, s.pod)
	if err != nil {
		return r, err
	}
	if needed != nil {
		s.basedOn.Store(r.Number, needed.name)
	}
	r.Version = made.GetResourceVersion()
	return r, nil
}

// MarkOnce moves a revision to a state, and stores the changes that note makes besides. note may be nil. The error wraps ErrMoved
// if the record was changed after it was read, and is a *revision.MoveError for an impossible move.
func (s *Store) MarkOnce(ctx context.Context, r revision.Revision, to revision.State, note func(*revision.Revision)) (revision.Revision, error) {
	next, err := revision.Move(r, to)
	if err != nil {
		return r, err
	}
	if note != nil {
		note(&next)
	}
	version, err := s.kube.Annotate(ctx, object.ConfigMap, s.pod, recordName(r.Number), r.Version, stateAnnotations(next))
	if apierrors.IsConflict(err) {
		// We may have moved it, and the answer was lost.
		if now, readErr := s.Get(ctx, r.Number); readErr == nil && maps.Equal(stateAnnotations(now), stateAnnotations(next)) {
			return now, nil
		}
		return r, fmt.Errorf("revision %d: %w: %w", r.Number, ErrMoved, err)
	}
	if apierrors.IsNotFound(err) {
		return r, fmt.Errorf("%w: %d", ErrNoRevision, r.Number)
	}
	if err != nil {
		return r, err
	}
	next.Version = version
	return next, nil
}

// Keep marks a revision so that it is not removed when the history becomes long, or removes the mark. The error wraps
// ErrNoRevision if there is none.
func (s *Store) Keep(ctx context.Context, number int, keep bool) error {
	var mark any
	if keep {
		mark = "true"
	}
	_, err := s.kube.Annotate(ctx, object.ConfigMap, s.pod, recordName(number), "", map[string]any{object.AnnotationKeep: mark})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%w: %d", ErrNoRevision, number)
	}
	return err
}
