package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/pscdev/psc/internal/fault"
)

// interactive says whether somebody is there to answer a question.
func (a *app) interactive() bool {
	f, ok := a.In.(*os.File)
	return ok && a.view.Terminal && isTerminal(f)
}

// ask asks a question that is answered with no unless it is answered with yes.
func (a *app) ask(question string) bool {
	fmt.Fprintf(a.Err, "%s [y/N] ", question)
	var answer string
	_, err := fmt.Fscanln(a.In, &answer)
	return err == nil && slices.Contains([]string{"y", "yes"}, strings.ToLower(answer))
}

// confirm asks before something is lost. Without a terminal the way to answer is a flag.
func (a *app) confirm(what, name string) error {
	if a.yes {
		return nil
	}
	if !a.interactive() {
		return fault.New(fault.Usage, "%s cannot be undone", what).WithHint("add --yes to do it")
	}
	fmt.Fprintf(a.Err, "%s cannot be undone. Type %s to go on: ", what, name)
	var answer string
	if _, err := fmt.Fscanln(a.In, &answer); err != nil || answer != name {
		return fault.New(fault.Failed, "nothing was done: the answer was not %s", name)
	}
	return nil
}

// askHidden asks for what nobody is to see, such as "password". Without a terminal hint is the way to answer.
func (a *app) askHidden(what, hint string) ([]byte, error) {
	f, ok := a.In.(*os.File)
	if !ok || !isTerminal(f) {
		return nil, fault.New(fault.Usage, "there is no %s, and no terminal to ask for it", what).WithHint("%s", hint)
	}
	fmt.Fprintf(a.Err, "%s%s: ", strings.ToUpper(what[:1]), what[1:])
	answer, err := term.ReadPassword(int(f.Fd()))
	fmt.Fprintln(a.Err)
	return answer, err
}
