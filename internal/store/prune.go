package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// Pruned has the revisions and the content that Prune removed, or would remove.
type Pruned struct {
	Revisions []int
	// Content names the objects with files and secret values that no kept revision refers to and no instance mounts.
	Content []string
	// Unseen is the kind of content that the user may not list, and that stays, or "".
	Unseen string
}

// Prune removes revisions of a history, and the content that is then unused. Content that was written or requested within grace
// stays, because a change writes it before the revision that refers to it. With dry, Prune only returns what it would remove.
func (s *Store) Prune(ctx context.Context, h revision.History, numbers []int, dry bool, grace time.Duration) (Pruned, error) {
	out := Pruned{Revisions: numbers}
	unused, unseen, err := s.unused(ctx, numbers, grace)
	if err != nil {
		return out, err
	}
	out.Unseen = unseen
	if !dry {
		if err := s.link(ctx, h, numbers); err != nil {
			return out, err
		}
		if err := s.delete(ctx, numbers); err != nil {
			return out, err
		}
	}
	for _, m := range unused {
		out.Content = append(out.Content, m.Kind+"/"+m.Name)
		if !dry {
			// A change that requested it after the list has marked it as used, so it has another version and stays.
			if err := s.kube.DeleteUnchanged(ctx, m.GroupVersionKind(), s.pod, m.Name, m.ResourceVersion); err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// Trim removes revisions of a history, and all unused content if they may be the last ones to refer to some of it. It is Prune
// for every change: to find that out, it only reads the removed records and one that stays.
func (s *Store) Trim(ctx context.Context, h revision.History, numbers []int, grace time.Duration) error {
	var last bool
	group, both := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		last, err = s.last(both, h, numbers)
		if errors.Is(err, ErrDamaged) {
			err = nil // what the record refers to is not known, so all content stays
		}
		return err
	})
	group.Go(func() error { return s.link(both, h, numbers) })
	if err := group.Wait(); err != nil {
		return err
	}
	if last {
		if _, err := s.Prune(ctx, h, numbers, false, grace); !errors.Is(err, ErrDamaged) {
			return err
		}
	}
	return s.delete(ctx, numbers)
}

// last reports whether some revisions refer to content that the oldest one above them, which stays, does not refer to.
func (s *Store) last(ctx context.Context, h revision.History, numbers []int) (bool, error) {
	stays := 0
	for _, r := range h.All {
		if r.Number > slices.Max(numbers) {
			stays = r.Number
		}
	}
	all := append(slices.Clone(numbers), stays)
	used := make([][]string, len(all))
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, number := range all {
		group.Go(func() error {
			cm, err := s.read(reading, number)
			if errors.Is(err, ErrNoRevision) { // another client has removed it
				return nil
			}
			if err == nil {
				used[i], err = s.uses(reading, cm)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	for _, ids := range used {
		for _, id := range ids {
			if !slices.Contains(used[len(all)-1], id) {
				return true, nil
			}
		}
	}
	return false, nil
}

// link makes the records that stay say which ones are removed, so that these do not count as lost.
func (s *Store) link(ctx context.Context, h revision.History, removed []int) error {
	group, linking := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for number, link := range h.Skipped(removed) {
		group.Go(func() error {
			_, err := s.kube.Annotate(linking, object.ConfigMap, s.pod, recordName(number), "", map[string]any{object.AnnotationSkips: linkText(&link)})
			if apierrors.IsNotFound(err) { // another client has removed it too
				return nil
			}
			return err
		})
	}
	return group.Wait()
}

func (s *Store) delete(ctx context.Context, numbers []int) error {
	group, deleting := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, number := range numbers {
		group.Go(func() error { return s.kube.Delete(deleting, object.ConfigMap, s.pod, recordName(number), "") })
	}
	return group.Wait()
}

// unused returns the content that no revision refers to but those of without, and that no instance mounts. Secrets that the
// user may not list are not in it: then unseen is their kind.
func (s *Store) unused(ctx context.Context, without []int, grace time.Duration) (unused []metav1.PartialObjectMetadata, unseen string, err error) {
	// The content is listed first, so that the list has no content of a revision that is created after the revisions are read.
	content, unseen, err := s.contentMetas(ctx)
	if err != nil {
		return nil, unseen, err
	}
	records, err := kube.ListAs[corev1.ConfigMap](ctx, s.kube, object.ConfigMap, s.pod, object.LabelRevision)
	if err != nil {
		return nil, unseen, err
	}
	needed, err := s.mounted(ctx)
	if err != nil {
		return nil, unseen, err
	}
	for _, cm := range records {
		number := record(&cm.ObjectMeta).Number
		if slices.Contains(without, number) {
			continue
		}
		used, err := s.uses(ctx, cm)
		if err != nil {
			return nil, unseen, fmt.Errorf("r%d is kept and cannot be read, so its content is not known: %w", number, err)
		}
		for _, id := range used {
			needed[id] = true
		}
	}
	for _, m := range content {
		if !needed[m.Kind+"/"+m.Name] && s.now().Sub(lastUsed(m)) >= grace {
			unused = append(unused, m)
		}
	}
	return unused, unseen, nil
}

// uses returns the ids of the content that a record refers to, and of its base.
func (s *Store) uses(ctx context.Context, cm *corev1.ConfigMap) ([]string, error) {
	data, err := s.data(ctx, cm)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(data, func(key, _ string) bool {
		return !strings.HasPrefix(key, pod.KindConfig.Word()+".") && !strings.HasPrefix(key, pod.KindSecret.Word()+".") && key != keyEdits
	})
	_, spec, err := decodeData(data)
	number := record(&cm.ObjectMeta).Number
	if err != nil {
		return nil, damaged(number, err)
	}
	var ids []string
	for _, ref := range references(spec) {
		ids = append(ids, ref.id())
	}
	if b := s.baseOn(number); b != nil {
		ids = append(ids, object.ConfigMap.Kind+"/"+b.name)
	}
	return ids, nil
}

func (s *Store) contentMetas(ctx context.Context) (all []metav1.PartialObjectMetadata, unseen string, err error) {
	for _, of := range []struct {
		kind  kube.Kind
		label string
	}{{object.ConfigMap, object.LabelConfig}, {object.ConfigMap, object.LabelBase}, {object.Secret, object.LabelSecret}} {
		items, err := s.kube.ListMeta(ctx, of.kind, s.pod, of.label)
		if of.kind == object.Secret && apierrors.IsForbidden(err) {
			unseen, err = of.kind.Kind, nil
		}
		if err != nil {
			return nil, "", err
		}
		all = append(all, items...)
	}
	return all, unseen, nil
}

// lastUsed returns when content was created or last requested.
func lastUsed(m metav1.PartialObjectMetadata) time.Time {
	if used, err := time.Parse(time.RFC3339, m.Annotations[object.AnnotationUsed]); err == nil && used.After(m.CreationTimestamp.Time) {
		return used
	}
	return m.CreationTimestamp.Time
}

// mounted returns the content that instances use or are about to use, whether a revision refers to it or not.
func (s *Store) mounted(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	for _, row := range object.Rendered() {
		if row.Template == nil {
			continue
		}
		workloads, err := s.kube.List(ctx, row.Kind, s.pod, "")
		if err != nil {
			return nil, err
		}
		for _, w := range workloads {
			template, _, _ := unstructured.NestedMap(w.Object, row.Template...)
			instance, err := kube.As[corev1.Pod](&unstructured.Unstructured{Object: template})
			if err != nil {
				return nil, err
			}
			mark(out, instance.Spec)
		}
	}
	instances, err := kube.ListAs[corev1.Pod](ctx, s.kube, object.Pod, s.pod, "")
	if err != nil {
		return nil, err
	}
	for _, p := range instances {
		mark(out, p.Spec)
	}
	return out, nil
}

func mark(out map[string]bool, spec corev1.PodSpec) {
	for _, v := range spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				out["ConfigMap/"+source.ConfigMap.Name] = true
			}
			if source.Secret != nil {
				out["Secret/"+source.Secret.Name] = true
			}
		}
	}
	for _, c := range spec.Containers {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				out["Secret/"+e.ValueFrom.SecretKeyRef.Name] = true
			}
		}
	}
}
