package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/pscdev/psc/internal/fault"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// interactive reports whether a user can answer a question.
func (s *session) interactive() bool {
	f, ok := s.In.(*os.File)
	return ok && s.view.Terminal && isTerminal(f)
}

// ask asks a question. Any answer but y and yes means no.
func (s *session) ask(question string) bool {
	s.view.Prompt("%s [y/N] ", question)
	var answer string
	_, err := fmt.Fscanln(s.In, &answer)
	return err == nil && slices.Contains([]string{"y", "yes"}, strings.ToLower(answer))
}

// confirm asks the user to type name before data is lost. Without a terminal, the error names the flag that confirms.
func (s *session) confirm(what, name string) error {
	if s.yes {
		return nil
	}
	if !s.interactive() {
		return fault.New(fault.Usage, "%s cannot be undone", what).WithHint("add --yes to confirm")
	}
	s.view.Prompt("%s cannot be undone. Type %s to continue: ", what, name)
	var answer string
	if _, err := fmt.Fscanln(s.In, &answer); err != nil || answer != name {
		return fault.New(fault.Failed, "nothing was changed: the answer was not %s", name)
	}
	return nil
}

// askHidden asks for a value that the terminal does not show, such as a password. Without a terminal it returns an error with
// the hint.
func (s *session) askHidden(what, hint string) ([]byte, error) {
	f, ok := s.In.(*os.File)
	if !ok || !isTerminal(f) {
		return nil, fault.New(fault.Usage, "no %s, and no terminal to ask for it", what).WithHint("%s", hint)
	}
	s.view.Prompt("%s%s: ", strings.ToUpper(what[:1]), what[1:])
	answer, err := term.ReadPassword(int(f.Fd()))
	s.view.Prompt("\n")
	return answer, err
}
