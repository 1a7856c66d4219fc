package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

func newEdit(a *app) *cobra.Command {
	var (
		c     changeFlags
		noPin bool
	)
	cmd := &cobra.Command{
		Use:   "edit [KIND/NAME]",
		Short: "Change resources in your editor",
		Long: "Open a resource of the newest revision, or all of them, in $VISUAL, $EDITOR or vi. What was saved is the change:\n" +
			"a resource that was taken out is deleted, one that was added is made, and an empty file changes nothing.\n" +
			"What others change meanwhile stays, and a field that they changed too is a conflict. With --deploy the live\n" +
			"revision is opened, without the drafts that wait.",
		Example: "  psc edit app/web\n  EDITOR='code --wait' psc edit -m \"tidy up\"\n  psc edit route shop --deploy",
		Args:    between(0, "KIND/NAME", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := a.open()
			if err != nil {
				return err
			}
			base, err := w.ground(cmd.Context(), c.deploy)
			if err != nil {
				return err
			}
			spec, err := chosen(base.Spec, args)
			if err != nil {
				return err
			}
			if spec, err = w.store.Fill(cmd.Context(), spec); err != nil {
				return err
			}
			return a.edit(cmd.Context(), w, &c, base, spec, noPin)
		},
	}
	cmd.Flags().BoolVar(&noPin, "no-pin", false, noPinUsage)
	c.add(cmd)
	return cmd
}

// edit lets resources be changed until they are right, or until nothing more is changed. Whatever else comes, what was
// typed stays in a file.
func (a *app) edit(ctx context.Context, w *workspace, c *changeFlags, base revision.Revision, opened pod.Spec, noPin bool) error {
	text, err := encodeAll(opened)
	if err != nil {
		return err
	}
	s, err := newSheet(text)
	if err != nil {
		return err
	}
	var wrong error
	for {
		before := s.text
		if err := s.edit(ctx, a, wrong); err != nil {
			return s.leave(a, err)
		}
		switch {
		case s.text == text || blank(s.text):
			s.remove()
			_, err := a.unchanged(errUnchanged)
			return err
		case wrong != nil && s.text == before:
			return s.leave(a, placed(wrong))
		}
		var mine pod.Spec
		if mine, wrong = a.edited(ctx, w, base.Spec, opened, s.text, noPin); wrong != nil {
			if fault.Of(wrong).Code == fault.Usage {
				continue
			}
			return s.leave(a, wrong)
		}
		if err := a.changeOn(ctx, c, a.since(ctx, w, base, mine)); err != nil {
			return s.leave(a, err)
		}
		s.remove()
		return nil
	}
}

// edited is base with what a text says in place of the resources that were opened.
func (a *app) edited(ctx context.Context, w *workspace, base, opened pod.Spec, text string, noPin bool) (pod.Spec, error) {
	spec, err := pod.Decode([]byte(text))
	if err != nil {
		return nil, invalid(err)
	}
	var gone []pod.Ref
	for ref := range opened {
		if spec[ref] == nil {
			gone = append(gone, ref)
		}
	}
	for ref := range spec {
		if opened[ref] == nil && base[ref] != nil {
			return nil, invalid(pod.Problems{{Path: ref.String(), Message: "exists already: open it to change it"}})
		}
	}
	mine, err := a.replaced(ctx, w, base, spec, gone, noPin)
	if err == nil {
		err = invalid(render.Check(w.pod, mine))
	}
	return mine, err
}

// blank says whether a text has nothing but comments.
func blank(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}
