package store

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// The data of a revision are its change and its resources, as text by key: "app.web.yaml". A record stores them in one of
// three forms, and never changes them:
//
//	readable:   each text under its key. The pod is small.
//	compressed: all texts under keyPacked.
//	delta:      under keyDelta, the texts that differ from those of a base. The pod is large, and a change is small.
//
// A base is a ConfigMap of its own with all resources of one revision, under a name that depends on its content. So a change
// of one variable in a pod of 1,000 apps stores one app, and no record needs another record to be read. Prune removes a base
// that no kept revision refers to.
const (
	// keyEdits has the change as a value. It is data and not an annotation, so that lists stay small.
	keyEdits = "change.json"
	// keyPacked has all data, compressed.
	keyPacked = "data.json.gz"
	// keyDelta has a delta, compressed. Older versions of psc do not know it: they find the record damaged.
	keyDelta = "delta.json.gz"
)

const (
	// readableBelow is the size in bytes up to which data are stored as they are. They can be read with kubectl.
	readableBelow = 2 << 10
	// wholeBelow is the compressed size up to which no base is used. With its metadata, such a record has less than 4 KiB.
	wholeBelow = 2 << 10
	// maxBytes is the maximum size of the data of an object: the API server accepts objects of 1 MiB.
	maxBytes = 900 << 10
	// maxUnpacked is more bytes than any record has. It prevents that a forged record fills the memory.
	maxUnpacked = 64 << 20
)

// base is what the records of a large pod have in common.
type base struct {
	name string
	data map[string]string
	// packed is the compressed data.
	packed []byte
}

// delta is the data of a record as a difference to a base.
type delta struct {
	Base    string            `json:"base"`
	Changed map[string]string `json:"changed"`
	Removed []string          `json:"removed,omitempty"`
}

// dataOf returns the data of a revision.
func dataOf(r revision.Revision) (map[string]string, error) {
	edits, err := json.Marshal(r.Edits)
	if err != nil {
		return nil, fmt.Errorf("write the change of revision %d: %w", r.Number, err)
	}
	data := map[string]string{keyEdits: string(edits)}
	for ref, resource := range r.Spec {
		text, err := pod.Encode(pod.Record(ref.Name, resource))
		if err != nil {
			return nil, fmt.Errorf("write %s of revision %d: %w", ref, r.Number, err)
		}
		data[fmt.Sprintf("%s.%s.yaml", ref.Kind.Word(), ref.Name)] = string(text)
	}
	return data, nil
}

// fill stores data in a record, in the form that takes the fewest bytes. on is the base of the revision that the record's
// revision was made from, or nil. fill returns the base that the record needs, or nil.
func fill(cm *corev1.ConfigMap, data map[string]string, on *base) (*base, error) {
	if size(data) <= readableBelow {
		cm.Data = data
		return nil, nil
	}
	packed, err := pack(data)
	if err != nil {
		return nil, err
	}
	key := keyPacked
	if len(packed) <= wholeBelow {
		on = nil
	} else if packed, on, err = difference(data, on); err == nil {
		key = keyDelta
	}
	if err == nil && (len(packed) > maxBytes || on != nil && len(on.packed) > maxBytes) {
		whole := len(packed)
		if on != nil {
			whole = max(whole, len(on.packed))
		}
		err = fmt.Errorf("it has %d KiB, %d KiB compressed, and at most %d KiB fit into one record: move long texts into files of configs, or apps into another pod",
			size(data)>>10, whole>>10, maxBytes>>10)
	}
	cm.BinaryData = map[string][]byte{key: packed}
	return on, err
}

// difference returns data as a compressed delta, and its base: on, or a new one if there is none, or if deltas have become so
// large that a new one costs less. With n resources that differ in D bytes, a base of B bytes has paid off once n times D is
// twice B: then the sum of the deltas so far, each larger by one resource than the one before, has reached B.
func difference(data map[string]string, on *base) ([]byte, *base, error) {
	if on != nil {
		d := deltaOf(data, on)
		packed, err := pack(d)
		if err != nil || len(packed)*(len(d.Changed)-1+len(d.Removed)) < 2*len(on.packed) { // the change is no resource
			return packed, on, err
		}
	}
	fresh, err := baseOf(data)
	if err != nil {
		return nil, nil, err
	}
	packed, err := pack(deltaOf(data, fresh))
	return packed, fresh, err
}

func deltaOf(data map[string]string, on *base) delta {
	d := delta{Base: on.name, Changed: map[string]string{}}
	for key, text := range data {
		if there, ok := on.data[key]; !ok || there != text {
			d.Changed[key] = text
		}
	}
	for _, key := range slices.Sorted(maps.Keys(on.data)) {
		if _, ok := data[key]; !ok {
			d.Removed = append(d.Removed, key)
		}
	}
	return d
}

// on returns the data that a delta is the difference of.
func (d delta) on(b *base) map[string]string {
	data := map[string]string{}
	maps.Copy(data, b.data)
	for _, key := range d.Removed {
		delete(data, key)
	}
	maps.Copy(data, d.Changed)
	return data
}

// baseOf returns the base with the resources of data.
func baseOf(data map[string]string) (*base, error) {
	resources := maps.Clone(data)
	delete(resources, keyEdits)
	packed, err := pack(resources)
	return &base{name: baseName(resources), data: resources, packed: packed}, err
}

func baseName(data map[string]string) string { return "psc-base-" + hashOf(data)[:20] }

// object returns the ConfigMap that stores a base.
func (b *base) object() *corev1.ConfigMap {
	immutable := true
	return &corev1.ConfigMap{
		ObjectMeta: contentMeta(b.name, object.LabelBase, "revisions"), Immutable: &immutable, BinaryData: map[string][]byte{keyPacked: b.packed},
	}
}

// readBase reads a base. The error says what is damaged.
func readBase(cm *corev1.ConfigMap) (*base, error) {
	b := &base{name: cm.Name, packed: cm.BinaryData[keyPacked]}
	if err := unpack(b.packed, &b.data); err != nil {
		return nil, fmt.Errorf("the ConfigMap %s: %w", cm.Name, err)
	}
	if baseName(b.data) != cm.Name {
		return nil, fmt.Errorf("the ConfigMap %s has other content than its name says", cm.Name)
	}
	return b, nil
}

// unfill returns the data of a record without those of its base, and the delta if the record has one.
func unfill(cm *corev1.ConfigMap) (data map[string]string, d *delta, err error) {
	if packed, ok := cm.BinaryData[keyDelta]; ok {
		d = &delta{}
		return nil, d, unpack(packed, d)
	}
	if packed, ok := cm.BinaryData[keyPacked]; ok {
		return data, nil, unpack(packed, &data)
	}
	return maps.Clone(cm.Data), nil, nil
}

// hashOf returns the hash of texts by key. The length before each part makes it unambiguous.
func hashOf(data map[string]string) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(h, "%d %s %d %s\n", len(key), key, len(data[key]), data[key])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func size(data map[string]string) int {
	sum := 0
	for _, text := range data {
		sum += len(text)
	}
	return sum
}

func pack(v any) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	err = errors.Join(json.NewEncoder(w).Encode(v), w.Close())
	return out.Bytes(), err
}

func unpack(packed []byte, v any) error {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(r, maxUnpacked)).Decode(v)
}
