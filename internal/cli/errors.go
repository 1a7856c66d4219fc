package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
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
		denied    *workspace.SetupDeniedError
		foreign   *workspace.ForeignError
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
	case errors.As(err, &foreign) && !foreign.Shared:
		return &fault.Error{Code: fault.Of(err).Code, Err: err, Hint: "psc deploy --take-over makes what exists a part of the pod"}
	case errors.As(err, &settings):
		return settingWords(settings)
	case errors.As(err, &denied):
		return fault.New(fault.Denied, "%w", err).WithHint("ask an admin of the cluster to run psc cluster setup")
	case errors.Is(err, workspace.ErrSettingsChanged):
		return fault.New(fault.Conflict, "%w", err).WithHint("psc pod show, then try again")
	case errors.Is(err, workspace.ErrGatewayUnknown):
		return fault.New(fault.Failed, "%w", err).WithHint("ask the owner of the cluster to run psc cluster setup --gateway-from NAMESPACE")
	case errors.Is(err, workspace.ErrPolicyOfOthers):
		return fault.New(fault.Failed, "%w", err).WithHint("psc get networkpolicies shows it: create it under another name, and delete this one")
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
