package cli

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// worded adds the exit code and a hint to an error of the engine or of the model.
func worded(err error) error {
	if _, known := err.(*fault.Error); err == nil || known { //nolint:errorlint // only the outermost decides
		return err
	}
	var (
		deploy    *workspace.DeployError
		ofPod     *workspace.PodError
		record    *workspace.RevisionError
		others    *workspace.OthersError
		conflict  *workspace.ConflictError
		lost      *workspace.ContentError
		draft     *workspace.DraftError
		drafted   *workspace.DraftedError
		disk      *workspace.DiskError
		room      *workspace.RoomError
		notSigned *workspace.NotSignedInError
		inUse     *pod.InUseError
		problems  pod.Problems
		ref       *pod.RefError
		unusable  *instance.Error
		ended     *instance.EndedError
		member    *workspace.MemberError
		failed    *instance.ExecError
		exit      *instance.ExitError
		port      *instance.PortError
		copied    *instance.CopyError
		refused   *workspace.RefusedError
		settings  workspace.SettingErrors
	)
	switch {
	case errors.As(err, &deploy):
		return withRest(deployWords(deploy), err)
	case errors.As(err, &ofPod):
		return podWords(err, ofPod)
	case errors.As(err, &record):
		return revisionWords(err, record)
	case errors.Is(err, workspace.ErrNewer):
		return fault.New(fault.Failed, "%w", err).WithHint("psc version shows yours: install a newer one")
	case errors.As(err, &others):
		return fault.New(fault.Conflict, "%w", err).WithHint("--all includes them, --mine deploys only your own")
	case errors.As(err, &conflict):
		return clashWords(err, conflict.Clashes).WithHint("psc revision diff %d %d", conflict.Base, conflict.Now)
	case errors.As(err, &draft):
		return draftWords(err, draft)
	case errors.As(err, &drafted):
		return draftedWords(err, drafted)
	case errors.As(err, &lost): // the user did nothing wrong
		return fault.Wrap(fault.Failed, err)
	case errors.As(err, &room):
		return roomWords(err, room)
	case errors.As(err, &disk):
		if disk.Live == 0 {
			return fault.New(fault.Usage, "%w", err).WithHint("psc disk list")
		}
		return fault.New(fault.Conflict, "%w", err).WithHint("psc deploy")
	case errors.As(err, &notSigned):
		return fault.New(fault.Usage, "%w", err).WithHint("psc registry list")
	case errors.As(err, &inUse):
		return inUseWords(err, inUse)
	case errors.As(err, &problems):
		return problemWords(err, problems)
	case errors.As(err, &settings):
		return settingWords(settings)
	case errors.Is(err, workspace.ErrSettingsChanged):
		return fault.New(fault.Conflict, "%w", err).WithHint("psc pod show, then try again")
	case errors.As(err, &refused):
		return &fault.Error{Code: fault.Of(err).Code, Err: err, Hint: alternatives(refused.Next)}
	case errors.As(err, &ended):
		return endedWords(err, ended)
	case errors.As(err, &member):
		return memberWords(err, member)
	case errors.As(err, &exit): // the command has said why
		return &fault.Error{Code: fault.Code(exit.Code), Err: err, Silent: true}
	case errors.As(err, &failed):
		return execWords(err, failed)
	case errors.As(err, &port):
		return portWords(err, port)
	case errors.As(err, &copied):
		return copyWords(err, copied)
	case errors.Is(err, instance.ErrTarget): // on this machine
		return fault.Wrap(fault.Usage, err)
	case errors.As(err, &unusable):
		return instanceWords(err, unusable)
	case errors.As(err, &ref):
		e := fault.New(fault.Usage, "%w", err)
		if errors.Is(err, pod.ErrExists) {
			return e.WithHint("psc %s set %s changes it", ref.Ref.Kind.Word(), ref.Ref.Name)
		}
		return e.WithHint("psc %s list", ref.Ref.Kind.Word())
	}
	return err
}

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
	return word(err, []wording{
		{instance.ErrNoShell, fault.Failed, "add sh, cat, mv and rm to the image, for example those of busybox; --container chooses another container that has them"},
		{instance.ErrNoTar, fault.Failed, "copy single files, or add tar to the image; --container chooses another container that has it"},
		{instance.ErrNoPath, fault.Usage, fmt.Sprintf("psc exec %s -- ls -la %s", e.Instance, quoted(path.Dir(e.Path)))},
		{instance.ErrSpecial, fault.Usage, ""},
		{instance.ErrTarget, fault.Usage, ""},
		{instance.ErrDiffers, fault.Failed, "copy it again"},
	})
}

// problemWords writes the next steps of problems as commands, in the text and in the details.
func problemWords(err error, problems pod.Problems) error {
	worded := withCommands(problems)
	text := strings.Replace(err.Error(), problems.Error(), worded.Error(), 1)
	return &fault.Error{Code: fault.Usage, Err: reworded{text, worded, err}, Details: details(worded)}
}

func details(problems pod.Problems) []fault.Detail {
	out := make([]fault.Detail, 0, len(problems))
	for _, p := range problems {
		out = append(out, fault.Detail{File: p.File, Line: p.Line, Path: p.Path, Message: p.Message})
	}
	return out
}

// inUseWords adds the commands that end the use of a resource which a change deletes.
func inUseWords(err error, e *pod.InUseError) error {
	var commands []string
	for _, p := range e.By {
		if command := endUse(p.Path); !slices.Contains(commands, command) {
			commands = append(commands, command)
		}
	}
	out := fault.New(fault.Usage, "%w", err).WithHint("%s", strings.Join(commands, ", "))
	out.Details = details(e.By)
	return out
}

// endUse returns the command that removes a field with a reference, or else the resource with the field.
func endUse(path string) string {
	user, field, _ := strings.Cut(path, " spec.")
	kind, name, _ := strings.Cut(user, "/")
	if kind != pod.KindApp.Word() {
		return "psc " + kind + " delete " + name
	}
	list, item, _ := strings.Cut(field, "[")
	item, _, _ = strings.Cut(item, "]")
	variable, isEnv := strings.CutPrefix(field, "env.")
	switch {
	case isEnv:
		return "psc app set " + name + " --env " + variable + "-"
	case list == "envFrom":
		return "psc app set " + name + " --env-from " + item + "-"
	case list == "files", list == "disks":
		return "psc app set " + name + " --mount " + item + "-"
	}
	return "psc edit app/" + name // no flag removes it
}

// withCommands returns problems whose messages end with their next step as a command. It removes the next steps, so that no
// command is added twice.
func withCommands(problems pod.Problems) pod.Problems {
	out := slices.Clone(problems)
	for i, p := range out {
		if p.Next.Do != "" {
			out[i].Message, out[i].Next = p.Message+": "+nextWords(p.Next), pod.Next{}
		}
	}
	return out
}

// reworded is an error with another text for its problems.
type reworded struct {
	text     string
	problems pod.Problems
	err      error
}

func (e reworded) Error() string { return e.text }

// Unwrap returns the reworded problems first: errors.As finds them before the others.
func (e reworded) Unwrap() []error { return []error{e.problems, e.err} }

func clashWords(err error, clashes revision.Clashes) *fault.Error {
	e := fault.New(fault.Conflict, "%w", err)
	for _, c := range clashes {
		e.Details = append(e.Details, fault.Detail{Path: c.Path, Message: c.Message()})
	}
	return e
}

// wording is the exit code and the hint for an error.
type wording struct {
	of   error
	code fault.Code
	hint string
}

func podWords(err error, e *workspace.PodError) error {
	adopt := ", or psc pod adopt " + e.Pod + " makes it one"
	if workspace.Reserved(e.Pod) {
		adopt = ""
	}
	return word(err, []wording{
		{workspace.ErrNoPod, fault.Failed, "psc pod list, or psc new-pod " + e.Pod},
		{workspace.ErrNotPod, fault.Failed, "psc pod list" + adopt},
		{workspace.ErrNoNamespace, fault.Failed, "psc new-pod " + e.Pod + " creates it"},
		{workspace.ErrReserved, fault.Usage, "psc new-pod NAME"},
		{workspace.ErrIsPod, fault.Usage, "psc pod use " + e.Pod},
		{workspace.ErrPodGoing, fault.Failed, "psc pod delete " + e.Pod + " waits until it is gone"},
		{workspace.ErrPodExists, fault.Usage, fmt.Sprintf("psc pod use %s, if it is your pod", e.Pod)},
		{workspace.ErrPodName, fault.Usage, "psc pod list"},
		{workspace.ErrNoRevisions, fault.Usage, "psc app create NAME --image IMAGE creates the first"},
		{workspace.ErrNothingDeployed, fault.Usage, "psc deploy"},
		{workspace.ErrNoneBefore, fault.Failed, "psc revision list"},
		{workspace.ErrNoDrafts, fault.Usage, "psc status"},
		{workspace.ErrListPods, fault.Denied, "psc pod use NAME works without this right"},
		{workspace.ErrCreatePod, fault.Denied, "ask an admin of the cluster to create the pod for you"},
	})
}

func revisionWords(err error, e *workspace.RevisionError) error {
	return word(err, []wording{
		{workspace.ErrNoRevision, fault.Usage, "psc revision list"},
		{workspace.ErrDiscarded, fault.Usage, fmt.Sprintf("psc rollback %d restores it", e.Number)},
		{workspace.ErrDraft, fault.Usage, fmt.Sprintf("psc deploy %d", e.Number)},
		{workspace.ErrNotDraft, fault.Usage, "psc status lists them"},
		{workspace.ErrOlder, fault.Usage, fmt.Sprintf("psc rollback %d restores it", e.Number)},
		{workspace.ErrNotIncluded, fault.Conflict, "psc deploy"},
		{workspace.ErrRecordGone, fault.Failed, "psc diff --live shows how the cluster differs from the live revision, psc deploy --redeploy restores that"},
		{workspace.ErrUnset, fault.Usage, fmt.Sprintf("psc revision show %d", e.Number)},
		{workspace.ErrContent, fault.Failed, "psc revision verify"},
		{workspace.ErrAltered, fault.Failed, fmt.Sprintf("psc revision show %d shows it as it is now, psc revision verify %d --accept accepts it", e.Number, e.Number)},
	})
}

func roomWords(err error, e *workspace.RoomError) error {
	out := fault.New(fault.Failed, "%w", err)
	switch {
	case e.Secrets:
		return out.WithHint("psc revision prune --keep 10 --grace 1m removes old revisions and the values that only they use")
	case e.Cause != nil:
		return out.WithHint("someone with the right to delete ConfigMaps can make room: psc revision prune --keep %d", max(1, e.Records-e.Excess))
	case e.Kept > 0:
		return out.WithHint("psc revision keep REVISION- and psc revision prune --keep 1 make room")
	}
	return out.WithHint("the pod needs all of them: ask an admin of the cluster for a larger quota")
}

// word adds the first wording that fits to an error.
func word(err error, all []wording) error {
	for _, w := range all {
		if errors.Is(err, w.of) {
			return &fault.Error{Code: w.code, Err: err, Hint: w.hint}
		}
	}
	return err
}

func draftWords(err error, e *workspace.DraftError) error {
	out := fault.New(fault.Conflict, "%w", err)
	var clashes revision.Clashes
	if errors.As(e.Cause, &clashes) {
		out = clashWords(err, clashes)
	}
	switch {
	case e.Without:
		return out.WithHint("discard r%d too", e.Draft().Number)
	case e.Author == "":
		return out.WithHint("psc deploy --all")
	}
	return out.WithHint("psc deploy --all includes the draft, psc revision discard %d discards it", e.Draft().Number)
}

// draftedWords adds what to do about a draft that a change with --deploy leaves out.
func draftedWords(err error, e *workspace.DraftedError) error {
	out := fault.New(fault.Usage, "%w", err)
	var problems pod.Problems
	if errors.As(err, &problems) {
		out.Details = details(problems)
	}
	if e.Own {
		return out.WithHint("psc %s set %s changes it, psc deploy %d deploys it", e.Ref.Kind.Word(), e.Ref.Name, e.Draft.Number)
	}
	return out.WithHint("psc deploy --all deploys %s: then try again", e.Draft.Name())
}

// deployWords adds the exit code, the next step, and the last lines of the apps' logs to the end of a deploy.
func deployWords(e *workspace.DeployError) *fault.Error {
	explained := *e
	explained.Err = worded(e.Err)
	cause := fault.Of(explained.Err)
	out := &fault.Error{Code: fault.Conflict, Err: &explained, Hint: "psc status"}
	switch e.End {
	case workspace.Locked:
		out.Hint = "psc status shows the running deploy, --supersede stops it"
	case workspace.Stopped, workspace.Superseded, workspace.Lost:
	case workspace.SignedOut:
		out.Code, out.Hint = fault.Denied, cause.Hint+"; then psc deploy resumes"
	case workspace.NotBegun:
		out.Code, out.Hint, out.Details = cause.Code, cause.Hint, cause.Details
	case workspace.Pending:
		out.Code, out.Err = fault.Pending, fmt.Errorf("%w%s", &explained, openWords(e.Resources))
		out.Hint, out.Quotes = nextStep(e.Resources, false)+"psc deploy waits again, psc rollback restores the last revision that was ready", quotes(e.Resources)
	case workspace.Failed:
		out.Code, out.Details, out.Quotes = cause.Code, cause.Details, quotes(e.Resources)
		out.Hint = nextStep(e.Resources, true) + failedStep(e, cause.Code)
	}
	return out
}

// failedStep returns what to do after a deploy that failed. code is that of the cause: what was written before an interruption stays.
func failedStep(e *workspace.DeployError, code fault.Code) string {
	switch stopped := code == fault.Interrupted || code == fault.Terminated; {
	case e.RolledBack != nil:
		return fmt.Sprintf("psc revision show %d", e.Revision.Number)
	case stopped && e.Restorable != 0:
		return fmt.Sprintf("what was written goes on without psc: psc deploy resumes, psc rollback restores r%d", e.Restorable)
	case stopped:
		return "what was written goes on without psc: psc deploy resumes"
	case e.Restorable != 0:
		return fmt.Sprintf("psc rollback restores r%d, which was ready", e.Restorable)
	}
	return "psc deploy retries"
}

// withRest adds the errors that are joined to the end of a deploy, because something failed after it.
func withRest(deploy *fault.Error, err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return deploy
	}
	if rest := joined.Unwrap()[1:]; len(rest) > 0 {
		deploy.Err = fmt.Errorf("%w\n%w", deploy.Err, errors.Join(rest...))
	}
	return deploy
}

// nextStep returns the beginning of a hint: the next steps of the first resource that failed, or is not ready yet. Each is an
// alternative to the others.
func nextStep(all []report.Resource, failed bool) string {
	for _, s := range all {
		if len(s.Next) > 0 && s.Failed() == failed && (failed || s.Open()) {
			return alternatives(s.Next) + "; "
		}
	}
	return ""
}

// alternatives lists next steps, of which one is enough.
func alternatives(all []pod.Next) string {
	words := make([]string, len(all))
	for i, next := range all {
		words[i] = nextWords(next)
	}
	return strings.Join(words, ", or ")
}

func quotes(all []report.Resource) []fault.Quote {
	var out []fault.Quote
	for _, s := range all {
		if len(s.Lines) > 0 {
			out = append(out, fault.Quote{From: s.Log.Instance, Lines: s.Lines})
		}
	}
	return out
}

// openWords lists the resources that are not ready.
func openWords(all []report.Resource) string {
	var words []string
	for _, s := range all {
		if s.Failed() || s.Open() {
			words = append(words, fmt.Sprintf("%s %s", s.Name, view.StatusWords(s.Status, nil)))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return ": " + strings.Join(words, "; ")
}
