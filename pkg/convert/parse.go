package convert

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/pkg/pod"
)

// Parse reads Kubernetes objects from YAML or JSON, as kubectl does. The error is pod.Problems.
func Parse(file string, data []byte) ([]Object, error) {
	var (
		objects  []Object
		problems pod.Problems
	)
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		tree, err := treeOf(document, err)
		switch {
		case err != nil && bytes.Contains(document, []byte("{{")):
			problems = append(problems, pod.Problem{File: file, Message: "is a template: import from stdin what its tool makes of it, such as helm template"})
			return nil, problems
		case err != nil:
			problems = append(problems, pod.Problem{File: file, Message: err.Error()})
			return nil, problems
		case tree != nil:
			objects = append(objects, Object{From: file, Tree: tree})
		}
	}
	return objects, nil
}

// treeOf reads one document. It returns nil for one that is empty.
func treeOf(document []byte, err error) (map[string]any, error) {
	if err != nil {
		return nil, fmt.Errorf("is not YAML: %w", err)
	}
	data, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, fmt.Errorf("is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var v any
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		return nil, fmt.Errorf("is not YAML: %w", err)
	}
	tree, ok := v.(map[string]any)
	if !ok && v != nil {
		return nil, errors.New("is not a Kubernetes object")
	}
	return tree, nil
}
