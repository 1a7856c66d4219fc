package cli

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/pkg/pod"
)

// sheet is a text that a person edits: a file of their own, in a folder that nobody else can look into.
type sheet struct {
	path         string
	opened, text string // without the comments at the top
	head         string // those comments
}

// headOf is what the person reads first.
func headOf(wrong error) string {
	head := "# Save to make the change. A file that is left as it is, or emptied, changes nothing.\n"
	if wrong != nil {
		head += "#\n# Nothing is changed yet, for this is wrong:\n# " + strings.ReplaceAll(wrong.Error(), "\n", "\n# ") + "\n#\n"
	}
	return head
}

// placed is an error with the lines as they are below the head that tells of it.
func placed(err error) error {
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
	return invalid(problems)
}

func newSheet(text string) (*sheet, error) {
	folder, err := os.MkdirTemp("", "psc-edit-") // 0700
	if err != nil {
		return nil, err
	}
	return &sheet{path: filepath.Join(folder, "edit.yaml"), opened: text, text: text}, nil
}

// edit opens the text in an editor, with what was wrong with it the last time, and reads what was saved.
func (s *sheet) edit(ctx context.Context, a *app, wrong error) error {
	s.head = headOf(placed(wrong))
	if err := os.WriteFile(s.path, []byte(s.head+s.text), 0o600); err != nil {
		return err
	}
	failed := runEditor(ctx, a, s.path)
	saved, err := os.ReadFile(s.path)
	if err == nil {
		s.text = s.body(string(saved))
	}
	return errors.Join(failed, err)
}

// body is a text without the comments at its top, where edit puts what was wrong: an editor may have changed them.
func (s *sheet) body(text string) string {
	for line := range strings.Lines(text) {
		if s.head == "" || !strings.HasPrefix(line, "#") {
			break
		}
		text = text[len(line):]
	}
	return text
}

func (s *sheet) remove() { _ = os.RemoveAll(filepath.Dir(s.path)) }

// leave ends with an error. What was typed stays where it is, and the person is told where that is. An editor that was
// killed has left what was not saved beside it.
func (s *sheet) leave(a *app, err error) error {
	if beside, _ := os.ReadDir(filepath.Dir(s.path)); s.text == s.opened && len(beside) < 2 {
		s.remove()
		return err
	}
	a.view.Warn("what you typed is in %s", s.path)
	return err
}

// editorPatience is how long an editor has to end when it is told to.
const editorPatience = 2 * time.Second

// runEditor runs the person's editor, which may be a command with arguments, on a file. stdout is for the answer, so
// the editor gets the terminal of stderr.
func runEditor(ctx context.Context, a *app, path string) error {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"))
	if editor == "" && !a.view.Terminal {
		return fault.New(fault.Usage, "there is no terminal to edit on").WithHint("psc export, and psc apply -f")
	}
	editor = cmp.Or(editor, "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+editor+` "$1"`, "sh", path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.In, a.Err, a.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = editorPatience
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fault.New(fault.Failed, "run the editor: %s: %w", editor, err).WithHint("set VISUAL or EDITOR to the editor that you use")
	}
	return nil
}
