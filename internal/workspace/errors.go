package workspace

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pscdev/psc/internal/rollout"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// The reasons of a PodError.
var (
	ErrNoPod           = errors.New("does not exist")
	ErrNotPod          = errors.New("is a namespace, but not a pod")
	ErrPodGoing        = errors.New("is being deleted")
	ErrPodExists       = errors.New("exists already")
	ErrPodName         = errors.New("is not a valid name for a pod")
	ErrNoRevisions     = errors.New("has no revisions yet")
	ErrNothingDeployed = errors.New("nothing deployed yet")
	ErrNoneBefore      = errors.New("there is no earlier revision that was ready")
	ErrNoDrafts        = errors.New("has no waiting drafts")
	ErrCreatePod       = errors.New("you may not create pods in this cluster")
	ErrNoNamespace     = errors.New("there is no such namespace")
	ErrReserved        = errors.New("is a namespace of Kubernetes or of psc")
	ErrIsPod           = errors.New("is a pod already")
	ErrListPods        = errors.New("you may not list the pods of this cluster")
)

// PodError is the error for a pod that is not as a call needs it.
type PodError struct {
	Pod, Context string
	// Nearest is the name that was probably meant, or empty.
	Nearest string
	// User is the user who has no waiting drafts.
	User string
	// Err is one of the reasons above. Cause is the answer of the API server, or nil.
	Err, Cause error
}

func (e *PodError) meant() string {
	if e.Nearest == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", e.Nearest)
}

// Error implements error.
func (e *PodError) Error() string {
	text := e.Err.Error()
	for _, of := range []struct {
		err  error
		text string
	}{
		{ErrNoPod, fmt.Sprintf("context %s has no pod %q%s", e.Context, e.Pod, e.meant())},
		{ErrNotPod, fmt.Sprintf("namespace %q is not a pod: it has no label %s", e.Pod, object.LabelPod)},
		{ErrPodGoing, fmt.Sprintf("pod %s is being deleted", e.Pod)},
		{ErrPodExists, fmt.Sprintf("context %s already has a namespace %q", e.Context, e.Pod)},
		{ErrNoNamespace, fmt.Sprintf("context %s has no namespace %q%s", e.Context, e.Pod, e.meant())},
		{ErrReserved, fmt.Sprintf("namespace %s belongs to Kubernetes or to psc, and cannot be a pod", e.Pod)},
		{ErrIsPod, fmt.Sprintf("namespace %s is a pod already", e.Pod)},
		{ErrPodName, fmt.Sprintf("%q is not a valid name for a pod", e.Pod)},
		{ErrNothingDeployed, fmt.Sprintf("nothing was deployed to pod %s yet", e.Pod)},
		{ErrNoRevisions, fmt.Sprintf("pod %s has no revisions yet", e.Pod)},
		{ErrNoDrafts, fmt.Sprintf("%s has no waiting drafts in pod %s", e.User, e.Pod)},
	} {
		if errors.Is(e.Err, of.err) {
			text = of.text
		}
	}
	return withCause(text, e.Cause)
}

func withCause(text string, cause error) string {
	if cause == nil {
		return text
	}
	return text + ": " + cause.Error()
}

// Unwrap returns the reason and its cause.
func (e *PodError) Unwrap() []error { return []error{e.Err, e.Cause} }

// The reasons of a RevisionError.
var (
	ErrNoRevision  = errors.New("no such revision")
	ErrDiscarded   = errors.New("was discarded")
	ErrDraft       = errors.New("is a draft that was never deployed")
	ErrNotDraft    = errors.New("is not a waiting draft")
	ErrOlder       = errors.New("is older than the live revision")
	ErrNotIncluded = errors.New("does not include the live revision")
	ErrContent     = errors.New("cannot be restored")
	ErrUnset       = errors.New("was never deployed, because values of its secrets were not set")
	ErrRecordGone  = errors.New("has no record anymore: someone deleted it during the deploy")
	ErrAltered     = store.ErrAltered
	ErrNewer       = store.ErrNewer
)

// RevisionError is the error for a revision that is not as a call needs it.
type RevisionError struct {
	Number int
	Pod    string
	// Live is the number of the live revision; 0 if it does not matter.
	Live int
	// Reason is the reason in the record of the revision.
	Reason string
	// Err is one of the reasons above. Cause has the details; it may be nil.
	Err, Cause error
}

// Error implements error.
func (e *RevisionError) Error() string {
	text := fmt.Sprintf("r%d %v", e.Number, e.Err)
	switch {
	case errors.Is(e.Err, ErrNoRevision):
		text = fmt.Sprintf("pod %s: no such revision: %d", e.Pod, e.Number)
	case errors.Is(e.Err, ErrOlder):
		text = fmt.Sprintf("r%d is older than r%d, which is live", e.Number, e.Live)
	case errors.Is(e.Err, ErrNotIncluded):
		text = fmt.Sprintf("r%d does not include r%d, which is live", e.Number, e.Live)
	}
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return withCause(text, e.Cause)
}

// Unwrap returns the reason and its cause.
func (e *RevisionError) Unwrap() []error { return []error{e.Err, e.Cause} }

// RefusedError is the error for instances that the API server would refuse.
type RefusedError = rollout.RefusedError

// ForeignError is the error for an existing object with the name of a new one that psc did not create.
type ForeignError = rollout.ForeignError

// RoomError is the error for a revision that a quota of the pod's namespace has no room for.
type RoomError struct {
	Pod string
	// Secrets is set if the quota is one of Secrets, and not of ConfigMaps.
	Secrets bool
	// Records counts the revisions, Excess those that nothing needs, and Kept those that a user keeps.
	Records, Excess, Kept int
	// Err is the answer of the API server. Cause is why no room could be made; nil if the pod needs all revisions.
	Err, Cause error
}

// Error implements error.
func (e *RoomError) Error() string {
	if e.Secrets {
		return fmt.Sprintf("%v; old revisions of pod %s keep their values in these objects", e.Err, e.Pod)
	}
	return withCause(fmt.Sprintf("%v; the history of pod %s takes %d of these objects", e.Err, e.Pod, e.Records), e.Cause)
}

// Unwrap returns the answer of the API server, and the cause.
func (e *RoomError) Unwrap() []error { return []error{e.Err, e.Cause} }

// OthersError is the error for a deploy that would include drafts of others.
type OthersError struct {
	Number int
	// Drafts are all drafts that the deploy would include.
	Drafts []revision.Revision
	User   string
}

// Error implements error: "r5 includes drafts of others: r4 by bob".
func (e *OthersError) Error() string {
	var theirs []string
	for _, d := range e.Drafts {
		if d.Author != e.User {
			theirs = append(theirs, fmt.Sprintf("%s by %s", d.Name(), d.Author))
		}
	}
	return fmt.Sprintf("r%d includes drafts of others: %s", e.Number, strings.Join(theirs, ", "))
}

// ConflictError is the error for a change of fields that someone else has changed since its base.
type ConflictError struct {
	Base, Now int
	Clashes   revision.Clashes
}

// Error implements error.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("someone else changed the same fields since r%d\n%v", e.Base, e.Clashes)
}

// Unwrap returns the clashes.
func (e *ConflictError) Unwrap() error { return e.Clashes }

// DraftedError is the error for a change that is to be deployed without the waiting drafts, and needs or repeats one of them.
type DraftedError struct {
	// Draft is the oldest draft that edits Ref.
	Draft revision.Revision
	Ref   pod.Ref
	// Only means that the resource is in drafts only.
	Only bool
	// Own means that the draft is the user's own.
	Own bool
	// Cause is a *pod.RefError or pod.Problems.
	Cause error
}

// Error implements error. An example is: app "web" does not exist: it is only in draft r4 by bob.
func (e *DraftedError) Error() string {
	draft := "draft " + e.Draft.Byline()
	if e.Own {
		draft = "your draft " + e.Draft.Name()
	}
	if e.Only {
		return fmt.Sprintf("%v: it is only in %s", e.Cause, draft)
	}
	return fmt.Sprintf("%v: %s changes %s", e.Cause, draft, e.Ref)
}

// Unwrap returns the cause.
func (e *DraftedError) Unwrap() error { return e.Cause }

// drafted returns the *DraftedError for an error of a change to base if a draft explains it, else err. drafts are the waiting
// drafts, oldest first. The user's own explain only why a resource that it edits exists already, or is missing: a change
// includes the others, and those that it misses unless it includes no draft.
func drafted(err error, base pod.Spec, user string, drafts []revision.Revision) error {
	refs, exists := revision.Missing(err), errors.Is(err, pod.ErrExists)
	var of *pod.RefError
	edited := errors.As(err, &of)
	if exists && edited {
		refs = []pod.Ref{of.Ref}
	}
	for _, ref := range refs {
		for _, draft := range drafts {
			if own := draft.Author == user; (own == exists || own && edited) && draft.Edits.Touches(ref) {
				return &DraftedError{Draft: draft, Ref: ref, Only: base[ref] == nil, Own: own, Cause: err}
			}
		}
	}
	return err
}

// DraftError is the error for waiting drafts that need other drafts, or cannot be rebased onto a change.
type DraftError struct {
	// Without means that a waiting draft needs a draft that would be discarded.
	Without bool
	// Author is the author of the change onto which a waiting draft cannot be rebased. If it is empty and Without is not set,
	// the user's own drafts need those of others.
	Author string
	// Cause is a *revision.RebaseError, or the error of pod.Apply.
	Cause error
}

// Draft returns the draft that cannot be rebased, or the zero Revision if it is not a single one.
func (e *DraftError) Draft() revision.Revision {
	var of *revision.RebaseError
	if errors.As(e.Cause, &of) {
		return of.Draft
	}
	return revision.Revision{}
}

// Error implements error.
func (e *DraftError) Error() string {
	cause := e.Cause
	var of *revision.RebaseError
	if errors.As(cause, &of) {
		cause = of.Err
	}
	switch {
	case e.Without:
		return fmt.Sprintf("draft %s needs a draft that would be discarded: %v", e.Draft().Byline(), cause)
	case e.Author == "":
		return fmt.Sprintf("your drafts cannot be deployed without those of others: %v", cause)
	case errors.As(cause, new(revision.Clashes)):
		return cause.Error()
	}
	return fmt.Sprintf("draft %s cannot be rebased onto this change by %s: %v", e.Draft().Byline(), e.Author, cause)
}

// Unwrap returns the cause.
func (e *DraftError) Unwrap() error { return e.Cause }

// ContentError says that content which a revision refers to is missing in the pod, or damaged.
type ContentError struct{ Err error }

// Error implements error.
func (e *ContentError) Error() string { return e.Err.Error() }

// Unwrap returns the problems.
func (e *ContentError) Unwrap() error { return e.Err }

// DiskError is the error for a disk that does not exist, or is still in the live revision.
type DiskError struct {
	Name string
	// Live is the number of the live revision if it has the disk; 0 if there is no such disk.
	Live int
}

// Error implements error.
func (e *DiskError) Error() string {
	if e.Live == 0 {
		return fmt.Sprintf("disk %q does not exist", e.Name)
	}
	return fmt.Sprintf("disk %s is part of r%d, which is live", e.Name, e.Live)
}

// NotSignedInError is the error for a pod that has no login for a registry.
type NotSignedInError struct{ Pod, Server string }

// Error implements error.
func (e *NotSignedInError) Error() string {
	return fmt.Sprintf("pod %s is not signed in to %s", e.Pod, e.Server)
}

// End is how a deploy ended whose revision did not become ready.
type End string

// The ends of a deploy.
const (
	// NotBegun means that nothing was written: the revision is as it was before.
	NotBegun End = "not begun"
	// Locked means that another client was still deploying after LockWait.
	Locked End = "locked"
	// Superseded means that a newer revision was deployed, and nothing was written.
	Superseded End = "superseded"
	// Stopped means that the deploy of a newer revision stopped this one.
	Stopped End = "stopped"
	// Lost means that another client took over the right to deploy.
	Lost End = "lost"
	// SignedOut means that the API server no longer accepts the credentials.
	SignedOut End = "signed out"
	// Pending means that the revision was not ready at the timeout.
	Pending End = "pending"
	// Failed means that the revision failed.
	Failed End = "failed"
)

// DeployError is the error for a deploy whose revision did not become ready.
type DeployError struct {
	End      End
	Revision revision.Revision
	// Resources are the known states of the revision's apps and routes.
	Resources []report.Resource
	// Restorable is the number of the revision that a rollback would restore; 0 if there is none.
	Restorable int
	// RolledBack is the revision that is live again, if the deploy was rolled back.
	RolledBack *revision.Revision
	// Holder is the other client of a deploy that was Locked.
	Holder *report.Holder
	Err    error
}

// Error implements error: "r7 failed: app web: …".
func (e *DeployError) Error() string {
	name := e.Revision.Name()
	switch e.End {
	case Locked:
		return fmt.Sprintf("%s was not deployed: %s", name, e.Holder)
	case NotBegun, Superseded:
		return fmt.Sprintf("%s was not deployed: %v", name, e.Err)
	case Lost, SignedOut:
		return fmt.Sprintf("%s is still %s: %v", name, e.Revision.State, e.Err)
	case Pending:
		return fmt.Sprintf("%s is %v", name, e.Err)
	case Stopped, Failed:
	}
	if back := e.RolledBack; back != nil && back.Restores != 0 {
		return fmt.Sprintf("%s %v; rolled back to r%d as %s", name, e.Err, back.Restores, back.Name())
	} else if back != nil {
		return fmt.Sprintf("%s %v; rolled back to %s", name, e.Err, back.Name())
	}
	return fmt.Sprintf("%s %v", name, e.Err)
}

// Unwrap returns the cause.
func (e *DeployError) Unwrap() error { return e.Err }
