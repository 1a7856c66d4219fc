package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// parallel is how many requests for content are under way at once.
const parallel = 8

// content is one object that a spec needs. The files of configs and the values of secrets are content: immutable objects
// with a name that no other content ever has. Revisions and instances refer to them by name, so a rollback restores the
// same bytes, and the history grows only with what changed. Prune removes an object that no kept revision refers to.
type content struct {
	kind kube.Kind
	name string
	// path and key say for which file or key: "config/web spec.files.nginx.conf".
	path, key string
	// file is what a ConfigMap has to hold.
	file pod.Content
}

// contents are what a spec needs, by kind and name. Several keys of a secret may be in one object.
func contents(spec pod.Spec) []content {
	var all []content
	for name, config := range spec.Configs() {
		for _, file := range slices.Sorted(maps.Keys(config.Files)) {
			c := config.Files[file]
			all = append(all, content{object.ConfigMap, c.Object(name, file), "config/" + name + " spec.files." + file, file, c})
		}
	}
	for name, secret := range spec.Secrets() {
		for _, key := range slices.Sorted(maps.Keys(secret.Keys)) {
			all = append(all, content{kind: object.Secret, name: secret.Object(name, secret.Keys[key]), path: "secret/" + name + " spec.keys." + key, key: key})
		}
	}
	return all
}

// StageFile gives the Store the bytes of a file of a config. They are written with the first revision that refers to
// them.
func (s *Store) StageFile(config, file string, c pod.Content) {
	if cm := s.configMap(config, file, c); cm != nil {
		s.stage(object.ConfigMap, cm.Name, cm)
	}
}

// ConfigMaps are those that hold the files of a spec that was filled.
func (s *Store) ConfigMaps(spec pod.Spec) []*corev1.ConfigMap {
	var all []*corev1.ConfigMap
	for name, config := range spec.Configs() {
		for _, file := range slices.Sorted(maps.Keys(config.Files)) {
			if cm := s.configMap(name, file, config.Files[file]); cm != nil {
				cm.SetGroupVersionKind(object.ConfigMap)
				all = append(all, cm)
			}
		}
	}
	return all
}

// configMap holds a file; nil where its bytes are not known.
func (s *Store) configMap(config, file string, c pod.Content) *corev1.ConfigMap {
	data, ok := c.Bytes()
	if !ok {
		return nil
	}
	immutable := true
	cm := &corev1.ConfigMap{ObjectMeta: s.contentMeta(c.Object(config, file), object.LabelConfig, config), Immutable: &immutable}
	if utf8.Valid(data) {
		cm.Data = map[string]string{file: string(data)}
	} else {
		cm.BinaryData = map[string][]byte{file: data}
	}
	return cm
}

// StageValues gives the Store new values of keys of a secret, and returns their version. They are written with the
// first revision that refers to it.
func (s *Store) StageValues(secret string, values map[string][]byte) string {
	version := strings.ToLower(rand.Text()[:10])
	immutable := true
	o := &corev1.Secret{
		ObjectMeta: s.contentMeta((*pod.Secret)(nil).Object(secret, version), object.LabelSecret, secret),
		Immutable:  &immutable,
		Data:       values,
		Type:       corev1.SecretTypeOpaque,
	}
	if _, ok := values[pod.KeyPrivateKey]; ok && values[pod.KeyCertificate] != nil {
		o.Type = corev1.SecretTypeTLS
	}
	s.stage(object.Secret, o.Name, o)
	return version
}

func (s *Store) contentMeta(name, label, of string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: s.pod, Labels: map[string]string{label: of}}
}

func (s *Store) stage(kind kube.Kind, name string, o runtime.Object) {
	if s.staged == nil {
		s.staged = map[string]runtime.Object{}
	}
	s.staged[kind.Kind+"/"+name] = o
}

// write makes sure that all content of spec is there that before did not need: what was staged is created, the rest
// must exist. The error is pod.Problems where something is missing.
func (s *Store) write(ctx context.Context, before, spec pod.Spec) error {
	had := map[string]bool{}
	for _, c := range contents(before) {
		had[c.id()] = true
	}
	var missing []content
	group, writing := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, c := range contents(spec) {
		o := s.staged[c.id()]
		switch {
		case had[c.id()]:
			continue
		case o == nil:
			missing = append(missing, c)
		default:
			group.Go(func() error { return s.ensure(writing, c, o) })
		}
		had[c.id()] = true
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return s.present(ctx, missing)
}

// Mend writes what was staged and is missing of the content of spec, which somebody has deleted by hand. It says whether
// anything was.
func (s *Store) Mend(ctx context.Context, spec pod.Spec) (bool, error) {
	if len(s.staged) == 0 || s.Present(ctx, spec) == nil {
		return false, nil
	}
	return true, s.write(ctx, nil, spec)
}

func (c content) id() string { return c.kind.Kind + "/" + c.name }

// ensure creates an object. One that is there already may be about to be pruned: touching it keeps it.
func (s *Store) ensure(ctx context.Context, c content, o runtime.Object) error {
	for {
		_, err := s.kube.Create(ctx, o, c.kind, s.pod)
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
		used := map[string]any{object.AnnotationUsed: s.now().UTC().Format(time.RFC3339)}
		if _, err = s.kube.Annotate(ctx, c.kind, s.pod, c.name, "", used); !apierrors.IsNotFound(err) {
			return err
		}
	}
}

// Present returns nil when all content that a spec refers to is in the cluster, else pod.Problems. Where the names of
// secrets may not be listed, they are taken to be there.
func (s *Store) Present(ctx context.Context, spec pod.Spec) error {
	return s.present(ctx, contents(spec))
}

func (s *Store) present(ctx context.Context, needed []content) error {
	var problems pod.Problems
	for kind, label := range map[kube.Kind]string{object.ConfigMap: object.LabelConfig, object.Secret: object.LabelSecret} {
		of := slices.DeleteFunc(slices.Clone(needed), func(c content) bool { return c.kind != kind })
		if len(of) == 0 {
			continue
		}
		items, err := s.kube.ListMeta(ctx, kind, s.pod, label)
		if kind == object.Secret && apierrors.IsForbidden(err) {
			continue
		}
		if err != nil {
			return err
		}
		for _, c := range of {
			if !slices.ContainsFunc(items, func(m metav1.PartialObjectMetadata) bool { return m.Name == c.name }) {
				problems = append(problems, c.missing())
			}
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return problems
}

func (c content) missing() pod.Problem {
	return pod.Problem{Path: c.path, Message: fmt.Sprintf("this pod does not have its content, the %s %s: set it again", c.kind.Kind, c.name)}
}

// Fill returns a spec with the bytes of its configs' files.
func (s *Store) Fill(ctx context.Context, spec pod.Spec) (pod.Spec, error) {
	full := maps.Clone(spec)
	for name, config := range spec.Configs() {
		files := maps.Clone(config.Files)
		for file, c := range files {
			read, err := s.File(ctx, name, file, c)
			if err != nil {
				return nil, err
			}
			files[file] = read
		}
		full[pod.Ref{Kind: pod.KindConfig, Name: name}] = &pod.Config{Files: files}
	}
	return full, nil
}

// File returns a content with its bytes. The error is pod.Problems where they are missing or damaged.
func (s *Store) File(ctx context.Context, config, file string, c pod.Content) (pod.Content, error) {
	if _, here := c.Bytes(); here {
		return c, nil
	}
	need := content{object.ConfigMap, c.Object(config, file), "config/" + config + " spec.files." + file, file, c}
	if cm, ok := s.staged[need.id()].(*corev1.ConfigMap); ok {
		return need.read(cm)
	}
	o, err := s.kube.Get(ctx, need.kind, s.pod, need.name)
	if apierrors.IsNotFound(err) {
		return c, pod.Problems{need.missing()}
	}
	if err != nil {
		return c, err
	}
	cm, err := kube.As[corev1.ConfigMap](o)
	if err != nil {
		return c, err
	}
	return need.read(cm)
}

func (c content) read(cm *corev1.ConfigMap) (pod.Content, error) {
	data, ok := cm.BinaryData[c.key]
	if !ok {
		data = []byte(cm.Data[c.key])
	}
	full, err := c.file.With(data)
	if err != nil {
		return full, pod.Problems{{Path: c.path, Message: fmt.Sprintf("its content, the ConfigMap %s, is damaged: %v", c.name, err)}}
	}
	return full, nil
}

// Values returns the values of a secret's keys. Only psc secret set looks at them, to see whether one is new.
func (s *Store) Values(ctx context.Context, name string, secret *pod.Secret) (map[string][]byte, error) {
	values := map[string][]byte{}
	for _, c := range contents(pod.Spec{{Kind: pod.KindSecret, Name: name}: secret}) {
		o, err := s.kube.Get(ctx, c.kind, s.pod, c.name)
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
		if value, ok := kept.Data[c.key]; ok {
			values[c.key] = value
		}
	}
	return values, nil
}

// Verify reads all content of a spec, and returns pod.Problems with what is missing or damaged, or nil.
func (s *Store) Verify(ctx context.Context, spec pod.Spec) error {
	all := contents(spec)
	problems := make([]pod.Problems, len(all))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, c := range all {
		group.Go(func() error {
			verified := c.id() + "/" + c.key
			if _, known := s.verified.Load(verified); known {
				return nil
			}
			err := s.verify(ctx, c)
			if err == nil {
				s.verified.Store(verified, true)
			}
			if errors.As(err, &problems[i]) || c.kind == object.Secret && apierrors.IsForbidden(err) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if found := slices.Concat(problems...); len(found) > 0 {
		return found
	}
	return nil
}

func (s *Store) verify(ctx context.Context, c content) error {
	o, err := s.kube.Get(ctx, c.kind, s.pod, c.name)
	switch {
	case apierrors.IsNotFound(err):
		return pod.Problems{c.missing()}
	case err != nil:
		return err
	case c.kind == object.ConfigMap:
		cm, err := kube.As[corev1.ConfigMap](o)
		if err == nil {
			_, err = c.read(cm)
		}
		return err
	}
	if _, ok, _ := unstructured.NestedString(o.Object, "data", c.key); !ok {
		return pod.Problems{{Path: c.path, Message: fmt.Sprintf("its content, the Secret %s, has no such key", c.name)}}
	}
	return nil
}
