package store

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Verify reads all content that some specs refer to, each object once. For each spec it returns what is missing or damaged, or
// nil. unseen is the kind of content that the user may not read, or "".
func (s *Store) Verify(ctx context.Context, specs ...pod.Spec) (found []pod.Problems, unseen string, err error) {
	checks := map[string]*check{}
	for _, spec := range specs {
		for _, ref := range references(spec) {
			if checks[ref.id()] == nil {
				checks[ref.id()] = &check{kind: ref.kind, name: ref.name, needed: map[string]reference{}, problems: map[string]pod.Problems{}}
			}
			checks[ref.id()].needed[ref.key] = ref
		}
	}
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, c := range checks {
		group.Go(func() error { return s.check(reading, c) })
	}
	if err := group.Wait(); err != nil {
		return nil, "", err
	}
	for _, c := range checks {
		if c.unseen {
			unseen = c.kind.Kind
		}
	}
	found = make([]pod.Problems, len(specs))
	for i, spec := range specs {
		for _, ref := range references(spec) {
			found[i] = append(found[i], checks[ref.id()].problems[ref.key]...)
		}
	}
	return found, unseen, nil
}

// check is the check of one object with content. needed and problems are by key.
type check struct {
	kind     kube.Kind
	name     string
	needed   map[string]reference
	problems map[string]pod.Problems
	unseen   bool // the user may not read it
}

func (s *Store) check(ctx context.Context, c *check) error {
	o, err := s.kube.Get(ctx, c.kind, s.pod, c.name)
	missing := apierrors.IsNotFound(err)
	switch {
	case c.kind == object.Secret && apierrors.IsForbidden(err):
		c.unseen = true
		return nil
	case err != nil && !missing:
		return err
	}
	for key, ref := range c.needed {
		if missing {
			c.problems[key] = pod.Problems{ref.missing()}
			continue
		}
		var problems pod.Problems
		if err := ref.verify(o); err != nil && !errors.As(err, &problems) {
			return err
		}
		c.problems[key] = problems
	}
	return nil
}

// verify returns pod.Problems if an object does not have the content of the reference.
func (r reference) verify(o *unstructured.Unstructured) error {
	if r.kind == object.ConfigMap {
		cm, err := kube.As[corev1.ConfigMap](o)
		if err == nil {
			_, err = r.read(cm)
		}
		return err
	}
	if _, ok, _ := unstructured.NestedString(o.Object, "data", r.key); !ok {
		return pod.Problems{{Path: r.path, Message: fmt.Sprintf("its content, the Secret %s, has no such key", r.name)}}
	}
	return nil
}
