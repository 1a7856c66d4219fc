package store

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/revision"
)

// Pruned has the revisions and the content that Prune removed, or would remove.
type Pruned struct {
	Revisions []revision.Revision
	// Content names the objects with files and secret values that no kept revision refers to and no instance mounts.
	Content []string
}

// Prune removes the revisions for which keep returns false, and the content that is then unused. Content that was written or
// requested within grace stays, because a change writes it before the revision that refers to it. With dry, Prune only returns
// what it would remove.
func (s *Store) Prune(ctx context.Context, dry bool, grace time.Duration, keep func(revision.Revision) bool) (Pruned, error) {
	var out Pruned
	// The content is listed first, so that the list has no content of a revision that is created after the revisions are read.
	content, err := s.contentMetas(ctx)
	if err != nil {
		return out, err
	}
	items, err := s.kube.List(ctx, object.ConfigMap, s.pod, object.LabelRevision)
	if err != nil {
		return out, err
	}
	needed, err := s.mounted(ctx)
	if err != nil {
		return out, err
	}
	for i := range items {
		cm, err := kube.As[corev1.ConfigMap](&items[i])
		if err != nil {
			return out, err
		}
		r := record(&cm.ObjectMeta)
		if !keep(r) {
			out.Revisions = append(out.Revisions, r)
			continue
		}
		used, err := s.uses(ctx, cm)
		if err != nil {
			return out, fmt.Errorf("r%d is kept and cannot be read, so its content is not known: %w", r.Number, err)
		}
		for _, id := range used {
			needed[id] = true
		}
	}
	for _, r := range out.Revisions {
		if !dry {
			if err := s.kube.Delete(ctx, object.ConfigMap, s.pod, recordName(r.Number), ""); err != nil {
				return out, err
			}
		}
	}
	for _, m := range content {
		id := m.Kind + "/" + m.Name
		if needed[id] || s.now().Sub(lastUsed(m)) < grace {
			continue
		}
		out.Content = append(out.Content, id)
		if !dry {
			// A change that requested it after the list has marked it as used, so it has another version and stays.
			if err := s.kube.DeleteUnchanged(ctx, m.GroupVersionKind(), s.pod, m.Name, m.ResourceVersion); err != nil {
				return out, err
			}
		}
	}
	return out, nil
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
	r, err := decode(&cm.ObjectMeta, data)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, ref := range references(r.Spec) {
		ids = append(ids, ref.id())
	}
	if b := s.baseOn(r.Number); b != nil {
		ids = append(ids, object.ConfigMap.Kind+"/"+b.name)
	}
	return ids, nil
}

func (s *Store) contentMetas(ctx context.Context) ([]metav1.PartialObjectMetadata, error) {
	var all []metav1.PartialObjectMetadata
	for _, of := range []struct {
		kind  kube.Kind
		label string
	}{{object.ConfigMap, object.LabelConfig}, {object.ConfigMap, object.LabelBase}, {object.Secret, object.LabelSecret}} {
		items, err := s.kube.ListMeta(ctx, of.kind, s.pod, of.label)
		if err != nil {
			return nil, err
		}
		all = append(all, items...)
	}
	return all, nil
}

// lastUsed returns when content was created or last requested.
func lastUsed(m metav1.PartialObjectMetadata) time.Time {
	if used, err := time.Parse(time.RFC3339, m.Annotations[object.AnnotationUsed]); err == nil && used.After(m.CreationTimestamp.Time) {
		return used
	}
	return m.CreationTimestamp.Time
}

// workload is what all objects with a template of instances have in common.
type workload struct {
	Spec struct {
		Template corev1.PodTemplateSpec `json:"template"`
	} `json:"spec"`
}

// mounted returns the content that instances use or are about to use, whether a revision refers to it or not.
func (s *Store) mounted(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	for _, row := range object.Rendered() {
		if !row.Template {
			continue
		}
		workloads, err := s.kube.List(ctx, row.Kind, s.pod, "")
		if err != nil {
			return nil, err
		}
		for i := range workloads {
			w, err := kube.As[workload](&workloads[i])
			if err != nil {
				return nil, err
			}
			mark(out, w.Spec.Template.Spec)
		}
	}
	instances, err := s.kube.List(ctx, object.Pod, s.pod, "")
	if err != nil {
		return nil, err
	}
	for i := range instances {
		p, err := kube.As[corev1.Pod](&instances[i])
		if err != nil {
			return nil, err
		}
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
