package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
)

// instanceWords adds what to do about an app of which no instance can be used.
func instanceWords(err error, e *instance.Error) error {
	next := fault.New(fault.Failed, "%w", err)
	switch {
	case errors.Is(e, instance.ErrStopped):
		return next.WithHint("psc app start %s", e.App)
	case len(e.Next) > 0:
		return next.WithHint("%s", alternatives(e.Next))
	}
	return next.WithHint("psc status")
}

// endedWords adds the exit code of a run. A program that ended by itself has said why.
func endedWords(err error, e *instance.EndedError) error {
	switch {
	case e.Missing:
		return fault.New(fault.Usage, "%w", err).WithHint("psc run list")
	case e.Reason == "":
		return &fault.Error{Code: fault.Code(e.ExitCode), Err: err, Silent: true}
	}
	return &fault.Error{Code: fault.Code(cmp.Or(e.ExitCode, int(fault.Failed))), Err: err, Hint: alternatives(e.Next)}
}

// notStarted is the exit code for a command that does not exist, as shells have it.
const notStarted fault.Code = 127

// execWords adds what to do about a command that could not be run in an instance.
func execWords(err error, e *instance.ExecError) error {
	return word(err, []wording{
		{instance.ErrContainer, fault.Usage, fmt.Sprintf("psc exec %s --container %s", e.Instance, strings.Join(e.Containers, " or "))},
		{instance.ErrDebug, fault.Failed, "psc exec " + e.Instance + " --debug=IMAGE, with an image that the cluster can pull and that has a shell"},
		{instance.ErrNoShell, fault.Failed, "psc exec " + e.Instance + " --debug"},
		{instance.ErrNotStarted, notStarted, "psc exec " + e.Instance + " --debug has the commands of another image"},
		{instance.ErrBroken, fault.Failed, "the command may still run: psc exec " + e.Instance},
	})
}

// portWords adds what to do about a port that cannot be forwarded.
func portWords(err error, e *instance.PortError) error {
	out := fault.New(fault.Usage, "%w", err)
	var ports []string
	for _, p := range e.Ports {
		ports = append(ports, cmp.Or(p.Name, fmt.Sprint(p.Number)))
	}
	if len(ports) == 0 {
		return out.WithHint("psc port-forward %s NUMBER takes any TCP port of an instance, also one that the spec does not have", e.App)
	}
	return out.WithHint("psc port-forward %s %s", e.App, strings.Join(ports, " or "))
}

// copyWords adds what to do about a path in an instance that could not be copied.
func copyWords(err error, e *instance.CopyError) error {
	if lacks := (*instance.ProgramsError)(nil); errors.As(err, &lacks) {
		return fault.New(fault.Failed, "%w", err).WithHint("add %s to the image, for example those of busybox; --container chooses another container that has them", strings.Join(lacks.Programs, ", "))
	}
	return word(err, []wording{
		{instance.ErrNoShell, fault.Failed, "add sh, cat, mv and rm to the image, for example those of busybox; --container chooses another container that has them"},
		{instance.ErrNoPath, fault.Usage, fmt.Sprintf("psc exec %s -- ls -la %s", e.Instance, quoted(path.Dir(e.Path)))},
		{instance.ErrSpecial, fault.Usage, ""},
		{instance.ErrTarget, fault.Usage, ""},
		{instance.ErrDiffers, fault.Failed, "copy it again"},
		{instance.ErrBroken, fault.Failed, "copy it again"},
	})
}
