package convert

import (
	"encoding/base64"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// config converts a ConfigMap.
func (c *conversion) config(s *source) {
	if !c.named(s, pod.NameProblem(s.name)) {
		return
	}
	files := map[string]pod.Content{}
	for key, text := range s.texts2("data") {
		files[key] = pod.ContentOf([]byte(text))
	}
	for key, text := range s.texts2("binaryData") {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			c.leave(s, "binaryData."+key, "is not base64: set the file by hand")
			continue
		}
		files[key] = pod.ContentOf(data)
	}
	s.ignore("immutable")
	c.rest(s)
	if len(files) == 0 {
		c.leave(s, "", "it has no data, and a config needs a file")
		return
	}
	c.Spec[pod.Ref{Kind: pod.KindConfig, Name: s.name}] = &pod.Config{Files: files}
}

// secret converts a Secret. Its values never become part of a spec or a message.
func (c *conversion) secret(s *source) {
	kind := s.text("type")
	switch kind {
	case "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg":
		c.leave(s, "", "log in to the registry once for the whole pod")
		return
	case "kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token":
		c.leave(s, "", "it is a token for the API of the cluster, which psc gives to no app")
		return
	case "helm.sh/release.v1":
		c.leave(s, "", "it is a record of Helm, which manages these objects: do not upgrade or uninstall the release after the deploy")
		return
	}
	if !c.named(s, pod.NameProblem(s.name)) {
		return
	}
	values := map[string][]byte{}
	for key, text := range s.texts2("data") {
		data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			c.leave(s, "data."+key, "is not base64: set the value by hand")
			data = nil
		}
		values[key] = data
	}
	for key, text := range s.texts2("stringData") {
		values[key] = []byte(text)
	}
	s.ignore("immutable")
	c.rest(s)
	if len(values) == 0 {
		c.leave(s, "", "it has no data, and a secret needs a key")
		return
	}
	for key, value := range values {
		c.value(s.name, key, value)
	}
}

// value adds a key of a secret. A nil value is still to be set.
func (c *conversion) value(name, key string, value []byte) {
	ref := pod.Ref{Kind: pod.KindSecret, Name: name}
	secret := c.Spec.Secret(name)
	if secret == nil {
		secret = &pod.Secret{Keys: map[string]string{}}
		c.Spec[ref] = secret
	}
	secret.Keys[key] = ""
	if value == nil {
		return
	}
	if c.Values[name] == nil {
		c.Values[name] = map[string][]byte{}
	}
	c.Values[name][key] = value
}

// disk converts a PersistentVolumeClaim.
func (c *conversion) disk(s *source) {
	if !c.named(s, pod.NameProblem(s.name)) {
		return
	}
	spec := s.child("spec")
	spec.usual("volumeMode", "Filesystem")
	if spec.has("volumeMode") {
		c.leave(s, "spec.volumeMode", "psc mounts disks as file systems only: the object is left out")
		return
	}
	disk := &pod.Disk{Size: spec.child("resources", "requests").scalar("storage"), Class: spec.text("storageClassName")}
	for _, mode := range spec.texts("accessModes") {
		switch mode {
		case "ReadWriteMany":
			disk.Shared = true
		case "ReadWriteOnce":
		default:
			c.leave(s, "spec.accessModes", "%s: a disk is ReadWriteOnce, or ReadWriteMany if it is shared", mode)
		}
	}
	if c.Live {
		spec.ignore("volumeName")
	}
	c.rest(s)
	c.Spec[pod.Ref{Kind: pod.KindDisk, Name: s.name}] = disk
}
