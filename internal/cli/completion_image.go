package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/pkg/pod"
)

// completeImage completes an image after the last of some marks: first the repositories of the pod's images, and after the colon the
// tags that the registry has.
func (s *session) completeImage(mark string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		at := 0
		if mark != "" {
			at = strings.Index(typed, mark) + 1
		}
		if at == 0 && mark != "" || !s.ready(cmd) {
			return nil, inOrder
		}
		repository, tagged := cutTag(typed[at:])
		var found []string
		directive := inOrder
		if tagged {
			for _, tag := range s.names("tags " + repository) {
				found = append(found, typed[:at]+repository+":"+tag)
			}
		} else {
			directive |= cobra.ShellCompDirectiveNoSpace
			for _, name := range s.names("images") {
				found = append(found, typed[:at]+name+":")
			}
		}
		return beginning(typed, found), directive
	}
}

// cutTag returns the repository of an image, and whether the image has a tag too. A port of the registry is no tag.
func cutTag(image string) (repository string, tagged bool) {
	if colon := strings.LastIndex(image, ":"); colon > strings.LastIndex(image, "/") {
		return image[:colon], true
	}
	return image, false
}

// repositories lists the repositories of the images of the pod's newest revision.
func (s *session) repositories(ctx context.Context) ([]string, error) {
	w, err := s.open()
	if err != nil {
		return nil, err
	}
	spec, err := w.Spec(ctx)
	var found []string
	for _, ref := range spec.Refs() {
		for _, i := range pod.Images(ref.Kind, pod.Tree(spec[ref]), nil) {
			name, _, _ := strings.Cut(i.Name, "@")
			name, _ = cutTag(name)
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), err
}

// tags lists the tags of a repository.
func (s *session) tags(ctx context.Context, repository string) ([]string, error) {
	w, err := s.open()
	if err != nil {
		return nil, err
	}
	return w.Registry().Tags(ctx, repository)
}
