package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// parallel is the number of requests for content that run at once.
const parallel = 8

// write makes sure that the pod has all content that spec refers to and before does not. It creates the missing objects that
// content has. The rest must exist, else the error is pod.Problems.
func (s *Store) write(ctx context.Context, content *Content, before, spec pod.Spec) error {
	done := map[string]bool{}
	for _, ref := range references(before) {
		done[ref.id()] = true
	}
	group, writing := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, ref := range references(spec) {
		o := content.object(ref)
		if !done[ref.id()] && o != nil {
			done[ref.id()] = true
			group.Go(func() error { return s.ensure(writing, ref.kind, ref.name, o) })
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.Needs(ctx, content, before, spec)
}

// Needs returns nil if content, or else the pod, has all content that spec refers to and before does not, else pod.Problems.
func (s *Store) Needs(ctx context.Context, content *Content, before, spec pod.Spec) error {
	known := map[string]bool{}
	for _, ref := range references(before) {
		known[ref.id()] = true
	}
	missing, err := s.missing(ctx, slices.DeleteFunc(references(spec), func(ref reference) bool {
		return known[ref.id()] || content.object(ref) != nil
	}))
	return cmp.Or(err, problemsOf(missing))
}

// Own returns a spec without the values of secrets that neither content, before nor the pod has, such as those in a file of another pod.
// Each gets the version that before has, or else an empty one. kept are the keys that have got the version of before: "db/url".
func (s *Store) Own(ctx context.Context, content *Content, before, spec pod.Spec) (own pod.Spec, kept []string, err error) {
	known := map[string]bool{}
	for _, ref := range references(before) {
		known[ref.id()] = true
	}
	missing, err := s.missing(ctx, slices.DeleteFunc(references(spec), func(ref reference) bool {
		return known[ref.id()] || content.object(ref) != nil || ref.kind != object.Secret
	}))
	own = maps.Clone(spec)
	for _, ref := range missing {
		version := ""
		if old := before.Secret(ref.of.Name); old != nil {
			version = old.Keys[ref.key]
		}
		if version != "" {
			kept = append(kept, ref.of.Name+"/"+ref.key)
		}
		keys := maps.Clone(own.Secret(ref.of.Name).Keys)
		keys[ref.key] = version
		own[ref.of] = &pod.Secret{Keys: keys}
	}
	return own, kept, err
}

// Restore writes the content of a spec that the pod has lost. It reports whether something was missing. With an empty or nil
// Content it does nothing.
func (s *Store) Restore(ctx context.Context, content *Content, spec pod.Spec) (bool, error) {
	if content.empty() || s.Present(ctx, spec) == nil {
		return false, nil
	}
	return true, s.write(ctx, content, nil, spec)
}

// ensure creates an object if it is missing. It marks an existing object as used, so that a prune that is running keeps it.
func (s *Store) ensure(ctx context.Context, kind kube.Kind, name string, o runtime.Object) error {
	for {
		_, err := s.kube.Create(ctx, o, kind, s.pod)
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		used := map[string]any{object.AnnotationUsed: s.now().UTC().Format(time.RFC3339)}
		if _, err = s.kube.Annotate(ctx, kind, s.pod, name, "", used); !apierrors.IsNotFound(err) {
			return err
		}
	}
}

// Present returns nil if the pod has all content of a spec, else pod.Problems. Secrets count as present if the user may not list
// their names.
func (s *Store) Present(ctx context.Context, spec pod.Spec) error {
	if err := spec.Unset(); err != nil {
		return err
	}
	missing, err := s.missing(ctx, references(spec))
	return cmp.Or(err, problemsOf(missing))
}

func problemsOf(missing []reference) error {
	if len(missing) == 0 {
		return nil
	}
	problems := make(pod.Problems, len(missing))
	for i, ref := range missing {
		problems[i] = ref.missing()
	}
	return problems
}

// missing returns the content that the pod does not have. Secrets count as present if the user may not list their names.
func (s *Store) missing(ctx context.Context, needed []reference) (missing []reference, err error) {
	for kind, label := range map[kube.Kind]string{object.ConfigMap: object.LabelConfig, object.Secret: object.LabelSecret} {
		of := slices.DeleteFunc(slices.Clone(needed), func(ref reference) bool { return ref.kind != kind })
		if len(of) == 0 {
			continue
		}
		items, err := s.kube.ListMeta(ctx, kind, s.pod, label)
		if kind == object.Secret && apierrors.IsForbidden(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, ref := range of {
			if !slices.ContainsFunc(items, func(m metav1.PartialObjectMetadata) bool { return m.Name == ref.name }) {
				missing = append(missing, ref)
			}
		}
	}
	return missing, nil
}
