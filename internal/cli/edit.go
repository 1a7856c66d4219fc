package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

func newEdit(s *session) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "edit [KIND/NAME]",
		Short: "Change resources in your editor",
		Long: "Open a resource of the newest revision, or all of them, in $VISUAL, $EDITOR or vi. The saved file is the change:\n" +
			"a resource that you remove is deleted, one that you add is created, and an empty file changes nothing.\n" +
			"Changes that others make at the same time stay, and a field that both changed is a conflict. With --deploy, psc\n" +
			"opens the live revision, without the waiting drafts, except for a resource that only a draft has.",
		Example:           "  psc edit app/web\n  EDITOR='code --wait' psc edit -m \"tidy up\"\n  psc edit route shop --deploy",
		Args:              between(0, "KIND/NAME", "NAME"),
		ValidArgsFunction: s.complete(s.refNames(), s.editNamesOf),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.edit(cmd.Context(), &o, args)
		},
	}
	section(cmd, sectionImage, o.addNoPin)
	o.addChange(cmd)
	return cmd
}

// edit opens resources in an editor until they are valid, or until the user changes nothing more. After any other error, the
// typed text stays in a file.
func (s *session) edit(ctx context.Context, o *options, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	w, err := s.open()
	if err != nil {
		return err
	}
	base, opened, text, err := editable(ctx, w, o.Alone, args)
	if o.Alone && errors.Is(err, pod.ErrNotFound) { // it may be in a draft, which the change includes then
		base, opened, text, err = editable(ctx, w, false, args)
	}
	if err != nil {
		return err
	}
	sheet, err := newSheet(text)
	if err != nil {
		return err
	}
	var invalid error
	for {
		before := sheet.text
		if err := sheet.edit(ctx, s, invalid); err != nil {
			return sheet.keep(s, err)
		}
		switch {
		case sheet.text == text || blank(sheet.text):
			sheet.remove()
			return s.unchanged("")
		case invalid != nil && sheet.text == before:
			return sheet.keepInvalid(s, base.Number, withFileLines(invalid))
		}
		var proposal workspace.Proposal
		if proposal, invalid = propose(ctx, w, base, opened, sheet.text, o); invalid != nil {
			if fault.Of(worded(invalid)).Code == fault.Usage {
				continue
			}
			return sheet.keep(s, invalid)
		}
		out, err := w.Merge(ctx, proposal, o.Options)
		if err := s.show(ctx, w, o, out, err); err != nil {
			return sheet.keep(s, err)
		}
		sheet.remove()
		return nil
	}
}

// editable returns the newest revision, or with alone the live one, the resource in it that the arguments name, or without
// arguments all resources, and their text.
func editable(ctx context.Context, w *workspace.Workspace, alone bool, args []string) (revision.Revision, pod.Spec, string, error) {
	base, err := w.Base(ctx, alone)
	if err != nil {
		return base, nil, "", err
	}
	spec := base.Spec
	if len(args) > 0 {
		ref, err := parseRef(args)
		if err != nil {
			return base, nil, "", err
		}
		if spec, err = chosen(spec, ref); err != nil {
			return base, nil, "", err
		}
	}
	if spec, err = w.Fill(ctx, spec); err != nil {
		return base, nil, "", err
	}
	files, err := textsOf(spec)
	return base, spec, report.Stream(files), err
}

// propose returns base with the resources of a text in place of those that were opened.
func propose(ctx context.Context, w *workspace.Workspace, base revision.Revision, opened pod.Spec, text string, o *options) (workspace.Proposal, error) {
	spec, err := pod.Decode([]byte(text))
	if err != nil {
		return workspace.Proposal{}, err
	}
	var removed []pod.Ref
	for ref := range opened {
		if spec[ref] == nil {
			removed = append(removed, ref)
		}
	}
	for ref := range spec {
		if opened[ref] == nil && base.Spec[ref] != nil {
			return workspace.Proposal{}, pod.Problems{{Path: ref.String(), Message: "exists already: open it to change it"}}
		}
	}
	return w.Propose(ctx, base, spec, removed, o.Options)
}

// blank reports whether a text has only comments.
func blank(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// sheet is a text that the user edits, in a file that only the user can read.
type sheet struct {
	path         string
	opened, text string // without the head
	head         string // the comments at the top
}

// headOf returns the comments at the top of the file. They contain the problems of the last round.
func headOf(invalid error) string {
	head := "# Save the file to make the change. An unchanged or empty file changes nothing.\n"
	if invalid != nil {
		head += "#\n# Nothing was changed, because of this:\n# " + strings.ReplaceAll(worded(invalid).Error(), "\n", "\n# ") + "\n#\n"
	}
	return head
}

// withFileLines returns an error with the line numbers of the file, where the text is below the head that contains the error.
func withFileLines(err error) error {
	var problems pod.Problems
	if !errors.As(err, &problems) {
		return err
	}
	problems = slices.Clone(problems)
	for i := range problems {
		if problems[i].Line > 0 {
			problems[i].Line += strings.Count(headOf(err), "\n")
		}
	}
	return problems
}

func newSheet(text string) (*sheet, error) {
	folder, err := os.MkdirTemp("", "psc-edit-") // 0700
	if err != nil {
		return nil, err
	}
	return &sheet{path: filepath.Join(folder, "edit.yaml"), opened: text, text: text}, nil
}

// edit opens the text in an editor, with the problems of the last round, and reads the saved file.
func (sh *sheet) edit(ctx context.Context, s *session, invalid error) error {
	sh.head = headOf(withFileLines(invalid))
	if err := os.WriteFile(sh.path, []byte(sh.head+sh.text), 0o600); err != nil {
		return err
	}
	failed := runEditor(ctx, s, sh.path)
	saved, err := os.ReadFile(sh.path)
	if err == nil {
		sh.text = sh.body(string(saved))
	}
	return errors.Join(failed, err)
}

// body returns a text without the comments at its top. They are not compared with the head, because the editor may have
// changed them.
func (sh *sheet) body(text string) string {
	for line := range strings.Lines(text) {
		if sh.head == "" || !strings.HasPrefix(line, "#") {
			break
		}
		text = text[len(line):]
	}
	return text
}

func (sh *sheet) remove() { _ = os.RemoveAll(filepath.Dir(sh.path)) }

// keep returns err. It keeps the file if the user has typed something, and a warning names the file. An editor that was
// killed may have left unsaved text in another file of the folder.
func (sh *sheet) keep(s *session, err error) error {
	if beside, _ := os.ReadDir(filepath.Dir(sh.path)); sh.text == sh.opened && len(beside) < 2 {
		sh.remove()
		return err
	}
	s.view.Warn("your text is kept in %s", sh.path)
	return err
}

// keepInvalid returns err with the command that takes the file once it is mended.
func (sh *sheet) keepInvalid(s *session, base int, err error) error {
	if sh.text == sh.opened {
		return sh.keep(s, err)
	}
	command := "psc apply -f " + sh.path
	if base > 0 {
		command += fmt.Sprintf(" --base %d", base)
	}
	e := fault.Of(worded(err))
	e.Hint = "your text is kept: correct it, and then " + command
	return &e
}

// editorGrace is how long an editor may take to end after SIGTERM.
const editorGrace = 2 * time.Second

// runEditor runs the user's editor, which may be a command with arguments, on a file. stdout is for the answer, so the
// editor gets the terminal of stderr.
func runEditor(ctx context.Context, s *session, path string) error {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"))
	if editor == "" && !s.view.Terminal {
		return fault.New(fault.Usage, "no terminal to edit on").WithHint("psc export and psc apply -f work without one")
	}
	editor = cmp.Or(editor, "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+editor+` "$1"`, "sh", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.In, s.Err, s.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = editorGrace
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fault.New(fault.Failed, "run the editor: %s: %w", editor, err).WithHint("set VISUAL or EDITOR to your editor")
	}
	return nil
}
