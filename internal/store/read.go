package store

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Fill returns a spec with the bytes of its configs' files.
func (s *Store) Fill(ctx context.Context, spec pod.Spec) (pod.Spec, error) {
	full := maps.Clone(spec)
	for name, config := range spec.Configs() {
		files := maps.Clone(config.Files)
		for file, c := range files {
			read, err := s.File(ctx, nil, name, file, c)
			if err != nil {
				return nil, err
			}
			files[file] = read
		}
		full[pod.Ref{Kind: pod.KindConfig, Name: name}] = &pod.Config{Files: files}
	}
	return full, nil
}

// File returns a file of a config with its bytes, from content, which may be nil, or else from the pod. The error is
// pod.Problems if they are missing or damaged.
func (s *Store) File(ctx context.Context, content *Content, config, file string, c pod.Content) (pod.Content, error) {
	if _, known := c.Bytes(); known {
		return c, nil
	}
	ref := fileReference(config, file, c)
	if cm, ok := content.object(ref).(*corev1.ConfigMap); ok {
		return ref.read(cm)
	}
	o, err := s.kube.Get(ctx, ref.kind, s.pod, ref.name)
	if apierrors.IsNotFound(err) {
		return c, pod.Problems{ref.missing()}
	}
	if err != nil {
		return c, err
	}
	cm, err := kube.As[corev1.ConfigMap](o)
	if err != nil {
		return c, err
	}
	return ref.read(cm)
}

// ConfigMaps returns the ConfigMaps that store the files of a spec that Fill has returned.
func (s *Store) ConfigMaps(spec pod.Spec) []*corev1.ConfigMap {
	var all []*corev1.ConfigMap
	for name, config := range spec.Configs() {
		for _, file := range slices.Sorted(maps.Keys(config.Files)) {
			if cm := configMap(name, file, config.Files[file]); cm != nil {
				cm.SetGroupVersionKind(object.ConfigMap)
				cm.Namespace = s.pod
				all = append(all, cm)
			}
		}
	}
	return all
}

// Values returns the values of the keys of a secret, without those that the pod has lost. Use it only to find out whether a
// value is new.
func (s *Store) Values(ctx context.Context, name string, secret *pod.Secret) (map[string][]byte, error) {
	values := map[string][]byte{}
	for _, ref := range references(pod.Spec{{Kind: pod.KindSecret, Name: name}: secret}) {
		o, err := s.kube.Get(ctx, ref.kind, s.pod, ref.name)
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		kept, err := kube.As[corev1.Secret](o)
		if err != nil {
			return nil, err
		}
		if value, ok := kept.Data[ref.key]; ok {
			values[ref.key] = value
		}
	}
	return values, nil
}
