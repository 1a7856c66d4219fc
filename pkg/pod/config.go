package pod

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Config is a set of files that apps read.
type Config struct {
	// Files are the files by name. A file is a string, or {base64: …} for binary content.
	Files map[string]Content `json:"files" psc:"item=file"`
}

// Content is the content of a file. A spec holds its digest and size only, so that the history grows with what changed.
// The bytes are known only if they were just read, from a file or from the cluster.
type Content struct {
	// SHA256 is the digest of the bytes, in hex.
	SHA256 string
	// Size is the number of bytes.
	Size int

	bytes []byte
}

// Limits of a Config. A file is stored in one Kubernetes ConfigMap, which can hold 1 MiB:
// https://kubernetes.io/docs/concepts/configuration/configmap/
const (
	MaxFile  = 1000 << 10 // bytes
	maxFiles = 200
)

// ContentOf returns the content with some bytes.
func ContentOf(data []byte) Content {
	sum := sha256.Sum256(data)
	return Content{SHA256: hex.EncodeToString(sum[:]), Size: len(data), bytes: data}
}

// Bytes returns the bytes of the file. ok is false if only the digest is known.
func (c Content) Bytes() (data []byte, ok bool) { return c.bytes, c.bytes != nil || c.Size == 0 }

// Equal reports whether two contents are the same. The bytes need not be known.
func (c Content) Equal(other Content) bool { return c.SHA256 == other.SHA256 && c.Size == other.Size }

// Object is the name of the ConfigMap that stores the content of a file. It is derived from the content, so that a name
// always stands for the same content.
func (c Content) Object(config, file string) string {
	sum := sha256.Sum256([]byte(file + "\x00" + c.SHA256))
	return config + "-" + hex.EncodeToString(sum[:5])
}

// digest and encoded are the two forms of a Content that are not a plain string.
type digest struct {
	// SHA256 is the digest, in hex, of a file that the pod already has.
	SHA256 string `json:"sha256"`
	// Size is the number of bytes.
	Size int `json:"size"`
}

type encoded struct {
	// Base64 is the content in base64.
	Base64 string `json:"base64"`
}

// MarshalJSON writes the digest.
func (c Content) MarshalJSON() ([]byte, error) { return json.Marshal(digest{c.SHA256, c.Size}) }

// UnmarshalJSON accepts a string, {base64: …} or a digest.
func (c *Content) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) == nil {
		*c = ContentOf([]byte(text))
		return nil
	}
	var form struct {
		digest
		encoded
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	if form.SHA256 != "" {
		*c = Content{SHA256: form.SHA256, Size: form.Size}
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(form.Base64)
	if err != nil {
		return fmt.Errorf("base64: %w", err)
	}
	*c = ContentOf(raw)
	return nil
}

// fit accepts a string, {base64: …} or a digest.
func (Content) fit(p *problems, path string, v any) any {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case boolean:
		p.add(path, "must be a string or {base64: …}, is %s: write it in quotes", v)
		return nil
	case map[string]any:
		before := len(*p)
		var form map[string]any
		if _, ok := v["base64"]; ok {
			form = fitForm[encoded](p, path, v)
			text, _ := form["base64"].(string)
			if _, err := base64.StdEncoding.DecodeString(text); err != nil {
				p.add(path+".base64", "is not valid base64: %v", err)
			}
		} else {
			form = fitForm[digest](p, path, v)
		}
		if named(form["sha256"]) || form["base64"] != nil || len(*p) > before {
			return form
		}
	}
	p.add(path, "must be a string or {base64: …}, is %s", valueWord(v))
	return nil
}

// open returns the content in the form that files have: the bytes if they are known.
func (c Content) open() any {
	data, ok := c.Bytes()
	switch {
	case !ok:
		return c
	case utf8.Valid(data):
		return string(data)
	default:
		return encoded{base64.StdEncoding.EncodeToString(data)}
	}
}

// Kind implements Resource.
func (*Config) Kind() Kind { return KindConfig }

// Config returns the config with a name, or nil.
func (s Spec) Config(name string) *Config {
	c, _ := s[Ref{KindConfig, name}].(*Config)
	return c
}

// Configs iterates over the configs, sorted by name.
func (s Spec) Configs() iter.Seq2[string, *Config] { return each[*Config](s) }

func (*Config) refs(func(Kind, string)) {}

// Describe implements Resource. An example is "2 files: mime.types, nginx.conf".
func (c *Config) Describe() string {
	return Count(len(c.Files), "file") + ": " + strings.Join(slices.Sorted(maps.Keys(c.Files)), ", ")
}

func (c *Config) problems(name string, _ Spec) []Problem {
	var p problems
	p.rule("metadata.name", name, validation.IsDNS1123Label, ruleName)
	if len(c.Files) == 0 {
		p.add("spec.files", "is empty: a config needs at least one file")
	}
	if len(c.Files) > maxFiles {
		p.add("spec.files", "has %d files: at most %d are allowed", len(c.Files), maxFiles)
	}
	for file, content := range c.Files {
		path := "spec.files." + file
		p.rule(path, file, validation.IsConfigMapKey, ruleKey)
		switch sum, err := hex.DecodeString(content.SHA256); {
		case err != nil || len(sum) != sha256.Size:
			p.add(path, "%q is not a SHA-256 digest", content.SHA256)
		case content.Size < 0 || content.Size > MaxFile:
			p.add(path, "has %d bytes: a file may have at most %d", content.Size, MaxFile)
		}
	}
	return p
}

// With returns the content with its bytes, or an error if the bytes do not have its digest.
func (c Content) With(data []byte) (Content, error) {
	if full := ContentOf(data); full.Equal(c) {
		return full, nil
	}
	return c, fmt.Errorf("the bytes do not have the digest sha256:%s", c.SHA256)
}
