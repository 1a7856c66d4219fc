package store

import (
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Content has the bytes of config files and the values of secrets that belong to a change. They are stored before the first
// revision that refers to them, as immutable objects with a name that no other content ever has. Revisions and instances refer
// to them by name, so a rollback restores the same bytes, and unchanged content is stored once. Prune removes an object that
// no kept revision refers to.
//
// The zero Content is empty and ready to use. It belongs to one change and is not safe for concurrent use.
type Content struct {
	objects map[string]runtime.Object // by reference.id
}

// File adds the bytes of a file of a config. It adds nothing if only their digest is known.
func (c *Content) File(config, file string, bytes pod.Content) {
	if cm := configMap(config, file, bytes); cm != nil {
		c.add(object.ConfigMap, cm.Name, cm)
	}
}

// Values adds new values of keys of a secret, and returns their version.
func (c *Content) Values(secret string, values map[string][]byte) (version string) {
	version = strings.ToLower(rand.Text()[:10])
	immutable := true
	o := &corev1.Secret{
		ObjectMeta: contentMeta((*pod.Secret)(nil).Object(secret, version), object.LabelSecret, secret),
		Immutable:  &immutable,
		Data:       values,
		Type:       corev1.SecretTypeOpaque,
	}
	if _, ok := values[pod.KeyPrivateKey]; ok && values[pod.KeyCertificate] != nil {
		o.Type = corev1.SecretTypeTLS
	}
	c.add(object.Secret, o.Name, o)
	return version
}

func (c *Content) add(kind kube.Kind, name string, o runtime.Object) {
	if c.objects == nil {
		c.objects = map[string]runtime.Object{}
	}
	c.objects[kind.Kind+"/"+name] = o
}

func (c *Content) empty() bool { return c == nil || len(c.objects) == 0 }

// object returns the object of a reference, or nil if the Content does not have it.
func (c *Content) object(ref reference) runtime.Object {
	if c == nil {
		return nil
	}
	return c.objects[ref.id()]
}

// configMap returns the ConfigMap that stores a file, or nil if the bytes of the file are not known.
func configMap(config, file string, c pod.Content) *corev1.ConfigMap {
	data, ok := c.Bytes()
	if !ok {
		return nil
	}
	immutable := true
	cm := &corev1.ConfigMap{ObjectMeta: contentMeta(c.Object(config, file), object.LabelConfig, config), Immutable: &immutable}
	if utf8.Valid(data) {
		cm.Data = map[string]string{file: string(data)}
	} else {
		cm.BinaryData = map[string][]byte{file: data}
	}
	return cm
}

func contentMeta(name, label, of string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Labels: map[string]string{label: of}}
}

// reference is the reference of a spec to one file of a config or one key of a secret. One object may have several keys of a
// secret.
type reference struct {
	kind kube.Kind
	name string // of the object
	// of is the config or the secret, and path the path of the file or key in the spec: "config/web spec.files.nginx.conf".
	of   pod.Ref
	path string
	// key is the name of the file or key in the object.
	key string
	// file is the content that a ConfigMap must have.
	file pod.Content
}

func fileReference(config, file string, c pod.Content) reference {
	of := pod.Ref{Kind: pod.KindConfig, Name: config}
	return reference{object.ConfigMap, c.Object(config, file), of, of.String() + " spec.files." + file, file, c}
}

// references returns all content that a spec refers to. Values of secrets that are still to be set are not part of it.
func references(spec pod.Spec) []reference {
	var all []reference
	for name, config := range spec.Configs() {
		for _, file := range slices.Sorted(maps.Keys(config.Files)) {
			all = append(all, fileReference(name, file, config.Files[file]))
		}
	}
	for name, secret := range spec.Secrets() {
		for _, key := range slices.Sorted(maps.Keys(secret.Keys)) {
			if secret.Keys[key] == "" {
				continue
			}
			of := pod.Ref{Kind: pod.KindSecret, Name: name}
			all = append(all, reference{
				kind: object.Secret, name: secret.Object(name, secret.Keys[key]), of: of, path: of.String() + " spec.keys." + key, key: key,
			})
		}
	}
	return all
}

func (r reference) id() string { return r.kind.Kind + "/" + r.name }

func (r reference) missing() pod.Problem {
	next := pod.Next{Do: pod.DoSet, Kind: r.of.Kind, Name: r.of.Name, Set: map[string]string{r.key: ""}}
	return pod.Problem{Path: r.path, Message: fmt.Sprintf("this pod does not have its content, the %s %s: set it again", r.kind.Kind, r.name), Next: next}
}

// read returns the file of the reference from its ConfigMap. The error is pod.Problems if the content does not have the
// digest.
func (r reference) read(cm *corev1.ConfigMap) (pod.Content, error) {
	data, ok := cm.BinaryData[r.key]
	if !ok {
		data = []byte(cm.Data[r.key])
	}
	full, err := r.file.With(data)
	if err != nil {
		return full, pod.Problems{{Path: r.path, Message: fmt.Sprintf("its content, the ConfigMap %s, is damaged: %v", r.name, err)}}
	}
	return full, nil
}
