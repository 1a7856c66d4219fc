package store

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// The keys of the data of a record. The data never changes. The annotations may change: see pkg/object.
const (
	// keyEdits has the change as a value. It is data and not an annotation, so that lists stay small.
	keyEdits = "change.json"
	// keyPacked has all data of a large record, compressed.
	keyPacked = "data.json.gz"
)

const (
	// packAbove is the size in bytes above which a record is compressed. Smaller ones can be read with kubectl.
	packAbove = 256 << 10
	// maxBytes is the maximum size of the data of a record: the API server accepts objects of 1 MiB.
	maxBytes = 900 << 10
	// maxUnpacked is more bytes than any record has. It prevents that a forged record fills the memory.
	maxUnpacked = 64 << 20
)

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
	for line := range strings.Lines(a[object.AnnotationTakesBack]) {
		r.TakesBack = append(r.TakesBack, strings.TrimSpace(line))
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
		return r, fmt.Errorf("read revision %d: %w: %v", r.Number, ErrDamaged, err) //nolint:errorlint // pod.Problems are about what someone writes now
	}
	return r, nil
}

// unpacked returns the data of a record.
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
