// Package store keeps the revisions of a pod as immutable ConfigMaps in its namespace, and the content that they refer to.
//
//	Append: head + change -> next number -> Create -- another client was faster --> again on the new head
//	Mark:   revision + state -> annotations, if no other client has moved it
//
// Creating the ConfigMap is the lock of the numbering: the API server gives each number to one client only.
package store

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	goruntime "runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// What a revision's record is made of. The annotations may change, the data may not.
const (

	// keyEdits holds the change as a value. It is data, not an annotation, so that lists stay small.
	keyEdits = "change.json"
	// keyPacked holds all data of a large record, compressed.
	keyPacked = "data.json.gz"
)

const (
	// packAbove is from how many bytes on a record is compressed; smaller ones can be read with kubectl.
	packAbove = 256 << 10
	// maxBytes is how much a record may hold: the API server takes 1 MiB with everything around it.
	maxBytes = 900 << 10
	// maxUnpacked is more than any record holds. It keeps a forged one from filling the memory.
	maxUnpacked = 64 << 20
)

// ErrNoRevision is returned for a number that the pod does not have.
var ErrNoRevision = errors.New("no such revision")

// ErrMoved is wrapped by the error for a record that somebody else has written meanwhile.
var ErrMoved = errors.New("somebody else has moved it meanwhile")

// ErrDamaged is wrapped by the error for a record that cannot be read.
var ErrDamaged = errors.New("damaged")

// Store keeps the revisions of one pod.
type Store struct {
	kube *kube.Client
	pod  string
	now  func() time.Time
	// staged is the content that is written with the first revision that refers to it.
	staged map[string]runtime.Object
	// decoded is what is in the records that were read, by the UIDs of their objects: it never changes.
	decoded sync.Map
	// verified is the content that Verify has seen: many revisions refer to the same.
	verified sync.Map
}

// Open returns the store of a pod. It does not dial.
func Open(client *kube.Client, pod string, now func() time.Time) *Store {
	return &Store{kube: client, pod: pod, now: now}
}

// List returns the records of all revisions without their specs, newest first. A record that cannot be read is there
// as Damaged.
func (s *Store) List(ctx context.Context) ([]revision.Revision, error) {
	items, err := s.kube.ListMeta(ctx, object.ConfigMap, s.pod, object.LabelRevision)
	if err != nil {
		return nil, err
	}
	out := make([]revision.Revision, 0, len(items))
	for i := range items {
		out = append(out, record(&items[i].ObjectMeta))
	}
	slices.SortFunc(out, func(a, b revision.Revision) int { return cmp.Compare(b.Number, a.Number) })
	return out, nil
}

// Get returns one revision with its spec. The error wraps ErrNoRevision when there is none; a record that cannot be
// read is an error that says why.
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
		r := record(&cm.ObjectMeta)
		r.Edits, r.Spec = before.Edits, before.Spec
		return r, nil
	}
	r, err := decode(cm)
	if err == nil {
		s.decoded.Store(cm.UID, r)
	}
	return r, err
}

// Refs returns the resources of a revision, in the order of pod.Spec.Refs, without decoding them. The errors are those of
// Get.
func (s *Store) Refs(ctx context.Context, number int) ([]pod.Ref, error) {
	if number == 0 {
		return nil, nil
	}
	cm, err := s.read(ctx, number)
	if err != nil {
		return nil, err
	}
	data, err := unpacked(cm)
	var refs []pod.Ref
	for _, kind := range pod.Kinds() {
		for _, key := range slices.Sorted(maps.Keys(data)) {
			if name, ok := strings.CutPrefix(key, kind.Word()+"."); ok && key != keyEdits {
				refs = append(refs, pod.Ref{Kind: kind, Name: strings.TrimSuffix(name, ".yaml")})
			}
		}
	}
	return refs, err
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

// Next makes a revision out of from, the one that it was made to, from what the pod's records say now.
type Next func() (r, from revision.Revision, err error)

// Append creates the revision that next makes, on behalf of author. When somebody else took its number meanwhile, next is
// asked again. An error of next ends it. What the revision refers to is written before it.
func (s *Store) Append(ctx context.Context, author string, next Next) (revision.Revision, error) {
	for {
		r, from, err := next()
		if err != nil {
			return revision.Revision{}, err
		}
		if err := s.write(ctx, from.Spec, r.Spec); err != nil {
			return revision.Revision{}, err
		}
		r.Author, r.Created = cmp.Or(r.Author, author), s.now().UTC().Truncate(time.Second)
		made, err := s.create(ctx, r)
		if !apierrors.IsAlreadyExists(err) {
			return made, err
		}
		if there, err := s.Get(ctx, r.Number); err == nil && same(there, r) {
			return there, nil // it is our own: only the answer was lost
		}
	}
}

// same says whether two records are one: who made it, of what, and when.
func same(a, b revision.Revision) bool {
	return a.Author == b.Author && a.Created.Equal(b.Created) && a.Parent == b.Parent && a.Restores == b.Restores &&
		a.Change == b.Change && a.Message == b.Message && len(revision.Diff(a.Spec, b.Spec)) == 0
}

func (s *Store) create(ctx context.Context, r revision.Revision) (revision.Revision, error) {
	cm, err := encode(s.pod, r)
	if err != nil {
		return r, err
	}
	made, err := s.kube.Create(ctx, cm, object.ConfigMap, s.pod)
	if err != nil {
		return r, err
	}
	r.Version = made.GetResourceVersion()
	return r, nil
}

// Mark moves a revision to a state and stores what note changes beside it. When the record was changed meanwhile it is
// read again; a move that is then no longer possible is a *revision.MoveError.
func (s *Store) Mark(ctx context.Context, r revision.Revision, to revision.State, note func(*revision.Revision)) (revision.Revision, error) {
	for {
		next, err := s.MarkOnce(ctx, r, to, note)
		if !errors.Is(err, ErrMoved) {
			return next, err
		}
		now, err := s.Get(ctx, r.Number)
		if err != nil {
			return r, err
		}
		now.Message = cmp.Or(r.Message, now.Message)
		r = now
	}
}

// MarkOnce is Mark for a move that only makes sense from the state that was read: the error wraps ErrMoved when it is not in that any more.
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
		// The move may be our own, and its answer was lost.
		if now, readErr := s.Get(ctx, r.Number); readErr == nil && maps.Equal(stateAnnotations(now), stateAnnotations(next)) {
			return now, nil
		}
		return r, fmt.Errorf("revision %d: %w: %w", r.Number, ErrMoved, err)
	}
	if err != nil {
		return r, err
	}
	next.Version = version
	return next, nil
}

func recordName(number int) string { return fmt.Sprintf("psc-rev-%08d", number) }

func encode(podName string, r revision.Revision) (*corev1.ConfigMap, error) {
	immutable := true
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name:      recordName(r.Number),
			Namespace: podName,
			Labels:    map[string]string{object.LabelRevision: strconv.Itoa(r.Number)},
			Annotations: map[string]string{
				object.AnnotationAuthor:  r.Author,
				object.AnnotationCreated: r.Created.Format(time.RFC3339),
				object.AnnotationChange:  r.Change,
				object.AnnotationParent:  strconv.Itoa(r.Parent),
			},
		},
		Immutable: &immutable,
		Data:      map[string]string{},
	}
	if r.Restores != 0 {
		cm.Annotations[object.AnnotationRestores] = strconv.Itoa(r.Restores)
	}
	for _, number := range r.Replaces {
		cm.Annotations[object.AnnotationReplaces] = strings.TrimPrefix(fmt.Sprintf("%s,%d", cm.Annotations[object.AnnotationReplaces], number), ",")
	}
	for key, value := range stateAnnotations(r) {
		if text, ok := value.(string); ok {
			cm.Annotations[key] = text
		}
	}
	edits, err := json.Marshal(r.Edits)
	if err != nil {
		return nil, fmt.Errorf("write the change of revision %d: %w", r.Number, err)
	}
	cm.Data[keyEdits] = string(edits)
	size := len(edits)
	for _, ref := range r.Spec.Refs() {
		text, err := pod.Encode(pod.Record(ref.Name, r.Spec[ref]))
		if err != nil {
			return nil, fmt.Errorf("write %s of revision %d: %w", ref, r.Number, err)
		}
		cm.Data[fmt.Sprintf("%s.%s.yaml", ref.Kind.Word(), ref.Name)] = string(text)
		size += len(text)
	}
	if size <= packAbove {
		return cm, nil
	}
	packed, err := pack(cm.Data)
	if err != nil {
		return nil, fmt.Errorf("compress revision %d: %w", r.Number, err)
	}
	if len(packed) > maxBytes {
		return nil, fmt.Errorf("revision %d would hold %d KiB, %d KiB compressed: at most %d KiB fit into one",
			r.Number, size>>10, len(packed)>>10, maxBytes>>10)
	}
	cm.Data, cm.BinaryData = nil, map[string][]byte{keyPacked: packed}
	return cm, nil
}

func pack(data map[string]string) ([]byte, error) {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	err := errors.Join(json.NewEncoder(w).Encode(data), w.Close())
	return out.Bytes(), err
}

func unpack(packed []byte) (map[string]string, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var data map[string]string
	return data, json.NewDecoder(io.LimitReader(r, maxUnpacked)).Decode(&data)
}

// stateAnnotations are those that change while a revision is deployed. nil removes.
func stateAnnotations(r revision.Revision) map[string]any {
	return map[string]any{
		object.AnnotationState:      string(r.State),
		object.AnnotationMessage:    orNil(r.Message),
		object.AnnotationDeployedBy: orNil(r.DeployedBy),
		object.AnnotationStarted:    timeOrNil(r.Started),
		object.AnnotationFinished:   timeOrNil(r.Finished),
		object.AnnotationReason:     orNil(r.Reason),
	}
}

func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func timeOrNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}

// record reads what the metadata tells. What cannot be read makes it Damaged, with the reason.
func record(m *metav1.ObjectMeta) revision.Revision {
	a := m.Annotations
	r := revision.Revision{
		State:      revision.State(a[object.AnnotationState]),
		Author:     a[object.AnnotationAuthor],
		Message:    a[object.AnnotationMessage],
		Change:     a[object.AnnotationChange],
		DeployedBy: a[object.AnnotationDeployedBy],
		Reason:     a[object.AnnotationReason],
		Version:    m.ResourceVersion,
	}
	var errs []error
	number := func(name, text string) int {
		n, err := strconv.Atoi(text)
		if err != nil && text != "" {
			errs = append(errs, fmt.Errorf("%s is %q", name, text))
		}
		return n
	}
	moment := func(key string) *time.Time {
		if a[key] == "" {
			return nil
		}
		t, err := time.Parse(time.RFC3339, a[key])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s is %q", key, a[key]))
			return nil
		}
		return &t
	}
	if _, err := fmt.Sscanf(m.Name, "psc-rev-%08d", &r.Number); err != nil {
		errs = append(errs, fmt.Errorf("its name %q has no number", m.Name))
	}
	r.Parent, r.Restores = number(object.AnnotationParent, a[object.AnnotationParent]), number(object.AnnotationRestores, a[object.AnnotationRestores])
	for text := range strings.SplitSeq(a[object.AnnotationReplaces], ",") {
		if text != "" {
			r.Replaces = append(r.Replaces, number(object.AnnotationReplaces, text))
		}
	}
	r.Started, r.Finished = moment(object.AnnotationStarted), moment(object.AnnotationFinished)
	if created := moment(object.AnnotationCreated); created != nil {
		r.Created = *created
	} else {
		r.Created = m.CreationTimestamp.UTC()
	}
	if !r.State.Known() {
		errs = append(errs, fmt.Errorf("%s is %q", object.AnnotationState, a[object.AnnotationState]))
	}
	if err := errors.Join(errs...); err != nil {
		r.State, r.Reason = revision.Damaged, fmt.Sprintf("the record %s cannot be read: %v", m.Name, err)
	}
	return r
}

// decode reads a record. The error wraps ErrDamaged.
func decode(cm *corev1.ConfigMap) (revision.Revision, error) {
	r := record(&cm.ObjectMeta)
	if r.State == revision.Damaged {
		return r, fmt.Errorf("%w: %s", ErrDamaged, r.Reason)
	}
	var err error
	if r.Edits, r.Spec, err = decodeData(cm); err != nil {
		return r, fmt.Errorf("read revision %d: %w: %w", r.Number, ErrDamaged, err)
	}
	return r, nil
}

// unpacked is the data of a record.
func unpacked(cm *corev1.ConfigMap) (map[string]string, error) {
	if packed, ok := cm.BinaryData[keyPacked]; ok {
		return unpack(packed)
	}
	return maps.Clone(cm.Data), nil
}

func decodeData(cm *corev1.ConfigMap) (edits pod.Change, spec pod.Spec, err error) {
	data, err := unpacked(cm)
	if err != nil {
		return edits, nil, err
	}
	if err := json.Unmarshal([]byte(data[keyEdits]), &edits); err != nil {
		return edits, nil, fmt.Errorf("its change: %w", err)
	}
	delete(data, keyEdits)
	parts := make(chan pod.Spec, len(data))
	var group errgroup.Group
	group.SetLimit(goruntime.GOMAXPROCS(0))
	for key, text := range data {
		group.Go(func() error {
			part, err := pod.Decode([]byte(text))
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			parts <- part
			return nil
		})
	}
	err = group.Wait()
	close(parts)
	spec = make(pod.Spec, len(data))
	for part := range parts {
		maps.Copy(spec, part)
	}
	return edits, spec, err
}
