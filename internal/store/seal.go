package store

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/revision"
)

// contentHash returns the hash of the resources in the data of a revision.
func contentHash(data map[string]string) string {
	resources := maps.Clone(data)
	delete(resources, keyEdits)
	return hashOf(resources)
}

// sealOf returns the seal of a revision: the hash of everything in its record that never changes, which includes the seal of
// the record before. What a deploy changes, and the message, is not part of it. It does not depend on the form in which the
// data are stored.
func sealOf(r revision.Revision, data map[string]string) string {
	return hashOf(map[string]string{
		"number":   fmt.Sprint(r.Number),
		"author":   r.Author,
		"created":  r.Created.UTC().Format(time.RFC3339),
		"change":   r.Change,
		"parent":   fmt.Sprint(r.Parent),
		"restores": fmt.Sprint(r.Restores),
		"replaces": fmt.Sprint(r.Replaces),
		"before":   linkText(r.Before),
		"content":  r.Content,
		"data":     hashOf(data),
	})
}

// linkText writes a link for an annotation: "11 <seal>", or "11" for a record without a seal. readLink reads it.
func linkText(l *revision.Link) string {
	if l == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", l.Number, l.Seal))
}

func readLink(text string) (*revision.Link, error) {
	if text == "" {
		return nil, nil
	}
	number, seal, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	return &revision.Link{Number: n, Seal: seal}, err
}

// unaltered returns ErrAltered if a record is not the one that psc wrote: what never changes in it does not have its seal, or a
// newer record has another seal for it. A record that a user has accepted as it is, and one that an older version of psc wrote,
// is not altered.
func (s *Store) unaltered(r revision.Revision, accepted string, data map[string]string) error {
	expected, known := s.seals()[r.Number]
	if r.Seal == "" && !known {
		return nil
	}
	seal := sealOf(r, data)
	if seal == accepted || (seal == r.Seal || r.Seal == "") && (!known || seal == expected) {
		return nil
	}
	return fmt.Errorf("revision %d %w", r.Number, ErrAltered)
}

// seals returns the seals that records must have, as of the last List.
func (s *Store) seals() map[int]string {
	if seals := s.sealed.Load(); seals != nil {
		return *seals
	}
	return nil
}

// Accept makes a record that was altered count as unaltered, as it is now.
func (s *Store) Accept(ctx context.Context, number int) error {
	cm, err := s.read(ctx, number)
	if err != nil {
		return err
	}
	r, data, err := s.decode(ctx, cm)
	if err != nil {
		return err
	}
	_, err = s.kube.Annotate(ctx, object.ConfigMap, s.pod, recordName(number), cm.ResourceVersion, map[string]any{object.AnnotationAccepted: sealOf(r, data)})
	return err
}

// decode reads a record with its data. The error wraps ErrDamaged if it cannot be read.
func (s *Store) decode(ctx context.Context, cm *corev1.ConfigMap) (revision.Revision, map[string]string, error) {
	data, err := s.data(ctx, cm)
	if err != nil {
		return record(&cm.ObjectMeta), nil, err
	}
	r, err := decode(&cm.ObjectMeta, data)
	return r, data, err
}
