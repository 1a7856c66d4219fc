package cli

import (
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// parseKind takes a kind as people write it.
func parseKind(word string) (pod.Kind, error) {
	for _, kind := range pod.Kinds() {
		if strings.EqualFold(word, kind.Word()) {
			return kind, nil
		}
	}
	words := kindWords()
	e := fault.New(fault.Usage, "there is no kind %q: it is one of %s", word, strings.Join(words, ", "))
	if near := pod.Nearest(word, words); near != "" {
		return "", e.WithHint("did you mean %s?", near)
	}
	return "", e
}

func kindWords() []string {
	words := make([]string, 0, len(pod.Kinds()))
	for _, kind := range pod.Kinds() {
		words = append(words, kind.Word())
	}
	return words
}

// chosen is the one resource of a spec that is named KIND/NAME or KIND NAME, or all of it.
func chosen(spec pod.Spec, args []string) (pod.Spec, error) {
	if len(args) == 0 {
		return spec, nil
	}
	word, name, _ := strings.Cut(strings.Join(args, "/"), "/")
	kind, err := parseKind(word)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, fault.New(fault.Usage, "NAME is missing").WithHint("psc edit %s/NAME", kind.Word())
	}
	ref := pod.Ref{Kind: kind, Name: name}
	if spec[ref] == nil {
		return nil, invalid(&pod.RefError{Ref: ref, Err: pod.ErrNotFound, Nearest: pod.Nearest(name, spec.Names(kind))})
	}
	return pod.Spec{ref: spec[ref]}, nil
}
