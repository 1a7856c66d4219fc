package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// lister returns the command that lists items of the pod. read finds them, table writes them for people. If there are none,
// empty is the message and next is the command that creates one.
func lister[T report.Item](
	s *session, cmd *cobra.Command, empty, next string,
	read func(*workspace.Workspace, context.Context) ([]T, error), table func(*view.View, io.Writer, []T),
) *cobra.Command {
	var watch bool
	watchFlag(cmd, &watch)
	cmd.Use, cmd.Args = "list", exactly()
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		w, err := s.open()
		if err != nil {
			return err
		}
		l := list[T]{
			read:  func(ctx context.Context) ([]T, error) { return read(w, ctx) },
			empty: fmt.Sprintf("Pod %s %s", w.Pod, empty), next: next, table: table,
		}
		return l.show(cmd.Context(), s, watch, w.Follow)
	}
	return cmd
}

// list is a list of items: see lister.
type list[T report.Item] struct {
	read        func(context.Context) ([]T, error)
	empty, next string
	table       func(*view.View, io.Writer, []T)
}

// show writes the list once, or shows it with follow until Ctrl-C.
func (l list[T]) show(ctx context.Context, s *session, watch bool, follow watcher) error {
	if watch {
		return s.watch(ctx, follow, func(ctx context.Context, live *view.Live) error {
			all, err := l.read(ctx)
			if err != nil {
				return err
			}
			return view.LiveList(live, all, l.empty, l.next, l.table)
		})
	}
	all, err := l.read(ctx)
	if err != nil {
		return err
	}
	return view.List(s.view, all, l.empty, l.next, l.table)
}

// newShow returns the command that prints one resource of the newest revision as a file.
func newShow(s *session, kind pod.Kind) *cobra.Command {
	return &cobra.Command{
		Use:               "show NAME",
		Short:             fmt.Sprintf("Print %s of the newest revision as a file", kind.WithArticle()),
		Example:           fmt.Sprintf("  psc %s show web\n  psc %s show web -o jsonpath={.spec}", kind.Word(), kind.Word()),
		Args:              exactly("NAME"),
		ValidArgsFunction: s.complete(s.resourceNames(kind)),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := s.open()
			if err != nil {
				return err
			}
			spec, err := w.Spec(cmd.Context())
			if err != nil {
				return err
			}
			ref := pod.Ref{Kind: kind, Name: args[0]}
			one, err := chosen(spec, ref)
			if err != nil {
				return fault.New(fault.Failed, "%w", err).WithHint("psc %s list", kind.Word())
			}
			if one, err = w.Fill(cmd.Context(), one); err != nil {
				return err
			}
			files, err := textsOf(one)
			if err != nil {
				return err
			}
			return s.view.Text(files[0].Document, report.Refs(files...), files[0].Text)
		},
	}
}

// newDelete returns the command that removes resources from the spec. Nothing is lost: the history still has them.
func newDelete(s *session, kind pod.Kind) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:               "delete NAME...",
		Short:             fmt.Sprintf("Remove %s from the pod", kind.WithArticle()),
		Example:           fmt.Sprintf("  psc %s delete web --deploy", kind.Word()),
		Args:              atLeast("NAME"),
		ValidArgsFunction: s.completeAll(s.resourceNames(kind)),
		RunE: func(cmd *cobra.Command, args []string) error {
			edits := make([]pod.Edit, 0, len(args))
			for _, name := range args {
				edits = append(edits, pod.Edit{Verb: pod.Delete, Kind: kind, Name: name})
			}
			return s.change(cmd.Context(), &o, edits...)
		},
	}
	o.addChange(cmd)
	return cmd
}

// textsOf returns the resources of a spec as files. A comment says what the keys of a secret have, because a version looks like a
// value.
func textsOf(spec pod.Spec) ([]report.File, error) {
	files, err := report.Files(spec)
	for i, f := range files {
		if f.Kind == pod.KindSecret.Word() {
			const keys = "\n  keys:\n"
			note := fmt.Sprintf("    # a key has the version of its value: psc secret set %s KEY sets the value\n", f.Name)
			files[i].Text = strings.Replace(f.Text, keys, keys+note, 1)
		}
	}
	return files, err
}

// chosen returns a spec with one resource of another spec. The error is a *pod.RefError.
func chosen(spec pod.Spec, ref pod.Ref) (pod.Spec, error) {
	if spec[ref] == nil {
		return nil, &pod.RefError{Ref: ref, Err: pod.ErrNotFound, Nearest: pod.Nearest(ref.Name, spec.Names(ref.Kind))}
	}
	return pod.Spec{ref: spec[ref]}, nil
}

// parseRef reads KIND/NAME and KIND NAME.
func parseRef(args []string) (pod.Ref, error) {
	word, name, _ := strings.Cut(strings.Join(args, "/"), "/")
	kind, err := parseKind(word)
	if err != nil {
		return pod.Ref{}, err
	}
	if name == "" {
		return pod.Ref{}, fault.New(fault.Usage, "NAME is missing").WithHint("psc edit %s/NAME", kind.Word())
	}
	return pod.Ref{Kind: kind, Name: name}, nil
}

// parseKind reads the word for a kind, in any case.
func parseKind(word string) (pod.Kind, error) {
	words := kindWords()
	for i, kind := range pod.Kinds() {
		if strings.EqualFold(word, words[i]) {
			return kind, nil
		}
	}
	e := fault.New(fault.Usage, "unknown kind %q: must be one of %s", word, strings.Join(words, ", "))
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
