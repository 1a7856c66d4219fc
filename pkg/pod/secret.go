package pod

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Secret is a set of secret values. psc never shows a value.
type Secret struct {
	// Keys are the versions of the values, by key. Values are set with psc secret set and are never written to a file. An
	// empty version, and a version of another pod, stand for the version that the pod has. If it has none, the value has to
	// be set before the next deploy.
	Keys map[string]string `json:"keys" psc:"item=key,hidden"`
}

// The keys of a secret that holds a certificate.
const (
	KeyCertificate = "tls.crt"
	KeyPrivateKey  = "tls.key"
)

var versionPattern = pattern(`^[a-z0-9]{10}$`)

// Object is the name of the Kubernetes Secret that stores a version of the values of some keys.
func (*Secret) Object(secret, version string) string { return secret + "-" + version }

// Kind implements Resource.
func (*Secret) Kind() Kind { return KindSecret }

// Secret returns the secret with a name, or nil.
func (s Spec) Secret(name string) *Secret {
	secret, _ := s[Ref{KindSecret, name}].(*Secret)
	return secret
}

// Secrets iterates over the secrets, sorted by name.
func (s Spec) Secrets() iter.Seq2[string, *Secret] { return each[*Secret](s) }

func (*Secret) refs(func(Kind, string)) {}

// Describe implements Resource. An example is "2 keys: password, url".
func (s *Secret) Describe() string {
	return Count(len(s.Keys), "key") + ": " + strings.Join(slices.Sorted(maps.Keys(s.Keys)), ", ")
}

// Certificate returns the version that has both the certificate and its private key. ok is false if none has both. The version
// is empty if the values are still to be set.
func (s *Secret) Certificate() (version string, ok bool) {
	version, ok = s.Keys[KeyCertificate]
	other, both := s.Keys[KeyPrivateKey]
	return version, ok && both && version == other
}

// Unset returns nil, or Problems with the values of secrets that have to be set before a spec can be deployed.
func (s Spec) Unset() error {
	var all Problems
	for name, secret := range s.Secrets() {
		next := Next{Do: DoSet, Kind: KindSecret, Name: name, Set: map[string]string{}}
		for key, version := range secret.Keys {
			if version == "" {
				next.Set[key] = ""
			}
		}
		if len(next.Set) > 0 {
			ref := Ref{KindSecret, name}
			all = append(all, Problem{
				Path: ref.String() + " spec.keys", Refers: ref, Next: next, Message: "no value yet for " + strings.Join(keys(next.Set), ", "),
			})
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all
}

func (s *Secret) problems(name string, _ Spec) []Problem {
	var p problems
	p.rule("metadata.name", name, validation.IsDNS1123Label, ruleName)
	if len(s.Keys) == 0 {
		p.addNext("spec.keys", Next{Do: DoSet, Kind: KindSecret, Name: name}, "is empty")
	}
	for key, version := range s.Keys {
		path := "spec.keys." + key
		p.rule(path, key, validation.IsConfigMapKey, ruleKey)
		set := Next{Do: DoSet, Kind: KindSecret, Name: name, Set: map[string]string{key: ""}}
		if version != "" && !versionPattern().MatchString(version) {
			p.addNext(path, set, "is not the version of a value, and a file cannot set the value")
		}
	}
	return p
}

// fill implements filler. An empty version stands for the version that the pod has.
func (s *Secret) fill(old Resource) Resource {
	had, _ := old.(*Secret)
	if had == nil {
		return s
	}
	keys := maps.Clone(s.Keys)
	for key, version := range keys {
		if version == "" {
			keys[key] = had.Keys[key]
		}
	}
	return &Secret{Keys: keys}
}
