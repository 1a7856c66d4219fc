package store

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	goruntime "runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

func recordName(number int) string { return fmt.Sprintf("psc-rev-%08d", number) }

// encode returns the record of a revision, and the base that the record needs, or nil. on is the base of the revision that r
// was made from, or nil.
func encode(podName string, r revision.Revision, on *base) (*corev1.ConfigMap, *base, error) {
	immutable := true
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name:      recordName(r.Number),
			Namespace: podName,
			Labels:    map[string]string{object.LabelRevision: strconv.Itoa(r.Number)},
			Annotations: map[string]string{
				object.AnnotationAuthor:    r.Author,
				object.AnnotationWrittenBy: cmp.Or(r.WrittenBy, r.Author),
				object.AnnotationCreated:   r.Created.Format(time.RFC3339),
				object.AnnotationChange:    r.Change,
				object.AnnotationParent:    strconv.Itoa(r.Parent),
			},
		},
		Immutable: &immutable,
	}
	if r.Before != nil {
		cm.Annotations[object.AnnotationBefore] = linkText(r.Before)
	}
	if r.Restores != 0 {
		cm.Annotations[object.AnnotationRestores] = strconv.Itoa(r.Restores)
	}
	for _, number := range r.Replaces {
		cm.Annotations[object.AnnotationReplaces] = strings.TrimPrefix(fmt.Sprintf("%s,%d", cm.Annotations[object.AnnotationReplaces], number), ",")
	}
	if len(r.Restarts) > 0 {
		cm.Annotations[object.AnnotationRestarts] = strings.Join(r.Restarts, ",")
	}
	for key, value := range stateAnnotations(r) {
		if text, ok := value.(string); ok {
			cm.Annotations[key] = text
		}
	}
	data, err := dataOf(r)
	if err != nil {
		return nil, nil, err
	}
	r.Content = contentHash(data)
	cm.Annotations[object.AnnotationContent], cm.Annotations[object.AnnotationSeal] = r.Content, sealOf(r, data)
	on, err = fill(cm, data, on)
	if err != nil {
		return nil, nil, fmt.Errorf("revision %d cannot be stored: %w", r.Number, err)
	}
	return cm, on, nil
}

// stateAnnotations returns the annotations that change while a revision is deployed. nil removes one.
func stateAnnotations(r revision.Revision) map[string]any {
	return map[string]any{
		object.AnnotationState:      string(r.State),
		object.AnnotationMessage:    orNil(r.Message),
		object.AnnotationDeployedBy: orNil(r.DeployedBy),
		object.AnnotationStarted:    timeOrNil(r.Started),
		object.AnnotationFinished:   timeOrNil(r.Finished),
		object.AnnotationReason:     orNil(r.Reason),
		object.AnnotationTakesBack:  orNil(strings.Join(r.TakesBack, "\n")),
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

// record reads a revision without its spec from the metadata of its record. The revision is Damaged, with the reason, if the
// metadata is invalid.
func record(m *metav1.ObjectMeta) revision.Revision {
	a := annotations{of: m.Annotations}
	r := revision.Revision{
		State:      revision.State(a.of[object.AnnotationState]),
		Author:     a.of[object.AnnotationAuthor],
		Message:    a.of[object.AnnotationMessage],
		Change:     a.of[object.AnnotationChange],
		DeployedBy: a.of[object.AnnotationDeployedBy],
		Reason:     a.of[object.AnnotationReason],
		Kept:       a.of[object.AnnotationKeep] != "",
		Version:    m.ResourceVersion,
		Content:    a.of[object.AnnotationContent],
		Seal:       a.of[object.AnnotationSeal],
		Created:    m.CreationTimestamp.UTC(),
		Parent:     a.number(object.AnnotationParent, a.of[object.AnnotationParent]),
		Restores:   a.number(object.AnnotationRestores, a.of[object.AnnotationRestores]),
		Before:     a.link(object.AnnotationBefore),
		Skips:      a.link(object.AnnotationSkips),
		Started:    a.moment(object.AnnotationStarted),
		Finished:   a.moment(object.AnnotationFinished),
	}
	if writer := a.of[object.AnnotationWrittenBy]; writer != r.Author {
		r.WrittenBy = writer
	}
	if created := a.moment(object.AnnotationCreated); created != nil {
		r.Created = *created
	}
	if _, err := fmt.Sscanf(m.Name, "psc-rev-%08d", &r.Number); err != nil {
		a.errs = append(a.errs, fmt.Errorf("its name %q has no number", m.Name))
	}
	for text := range strings.SplitSeq(a.of[object.AnnotationReplaces], ",") {
		if text != "" {
			r.Replaces = append(r.Replaces, a.number(object.AnnotationReplaces, text))
		}
	}
	if text := a.of[object.AnnotationRestarts]; text != "" {
		r.Restarts = strings.Split(text, ",")
	}
	for line := range strings.Lines(a.of[object.AnnotationTakesBack]) {
		r.TakesBack = append(r.TakesBack, strings.TrimSpace(line))
	}
	if !r.State.Known() {
		a.invalid(object.AnnotationState, string(r.State))
	}
	if err := errors.Join(a.errs...); err != nil {
		r.State, r.Reason = revision.Damaged, fmt.Sprintf("the record %s cannot be read: %v", m.Name, err)
	}
	return r
}

// annotations reads the annotations of a record, and collects what is wrong with them.
type annotations struct {
	of   map[string]string
	errs []error
}

func (a *annotations) invalid(key, text string) {
	a.errs = append(a.errs, fmt.Errorf("%s is %q", key, text))
}

// number reads a number in the annotation key; 0 for an empty text.
func (a *annotations) number(key, text string) int {
	n, err := strconv.Atoi(text)
	if err != nil && text != "" {
		a.invalid(key, text)
	}
	return n
}

func (a *annotations) link(key string) *revision.Link {
	l, err := readLink(a.of[key])
	if err != nil {
		a.invalid(key, a.of[key])
	}
	return l
}

// moment reads a time. It returns nil if there is none.
func (a *annotations) moment(key string) *time.Time {
	if a.of[key] == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, a.of[key])
	if err != nil {
		a.invalid(key, a.of[key])
		return nil
	}
	return &t
}

// decode reads a record whose data were read. The error wraps ErrDamaged, and ErrNewer if the record has its seal.
func decode(m *metav1.ObjectMeta, data map[string]string) (revision.Revision, error) {
	r := record(m)
	if r.State == revision.Damaged {
		return r, fmt.Errorf("%w: %s", ErrDamaged, r.Reason)
	}
	var err error
	if r.Edits, r.Spec, err = decodeData(data); err != nil {
		if r.Seal != "" && r.Seal == sealOf(r, data) {
			return r, fmt.Errorf("revision %d %w: %v", r.Number, ErrNewer, err) //nolint:errorlint // as in damaged
		}
		return r, damaged(r.Number, err)
	}
	r.Restarts = r.Edits.Restarts() // which has a seal
	return r, nil
}

func damaged(number int, err error) error {
	return fmt.Errorf("read revision %d: %w: %v", number, ErrDamaged, err) //nolint:errorlint // pod.Problems are about what someone writes now
}

func decodeData(data map[string]string) (edits pod.Change, spec pod.Spec, err error) {
	if err := json.Unmarshal([]byte(data[keyEdits]), &edits); err != nil {
		return edits, nil, fmt.Errorf("its change: %w", err)
	}
	parts := make(chan pod.Spec, len(data))
	var group errgroup.Group
	group.SetLimit(goruntime.GOMAXPROCS(0))
	for key, text := range data {
		if key == keyEdits {
			continue
		}
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
