package workspace

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Reasons why something cannot be done to a pod: see PodError.
var (
	ErrNoPod           = errors.New("does not exist")
	ErrNotPod          = errors.New("is a namespace that is no pod")
	ErrPodExists       = errors.New("exists already")
	ErrPodName         = errors.New("is not a valid name of a pod")
	ErrNoRevisions     = errors.New("has no revision to deploy")
	ErrNothingDeployed = errors.New("nothing deployed yet")
	ErrNoneBefore      = errors.New("there is no earlier revision that was ready")
	ErrNoDrafts        = errors.New("has no waiting drafts")
	ErrCreatePod       = errors.New("you may not create pods in this cluster")
	ErrListPods        = errors.New("you may not list the pods of this cluster")
)

// PodError says what is wrong with a pod, or missing in it.
type PodError struct {
	Pod, Context string
	// User is whose drafts are missing.
	User string
	// Err is one of the reasons above; Cause is the answer of the API server where there is one.
	Err, Cause error
}

// Error implements error.
func (e *PodError) Error() string {
	text := e.Err.Error()
	for _, of := range []struct {
		err  error
		text string
	}{
		{ErrNoPod, fmt.Sprintf("context %s has no pod %q", e.Context, e.Pod)},
		{ErrNotPod, fmt.Sprintf("namespace %q is not a pod: it has no label %s", e.Pod, object.LabelPod)},
		{ErrPodExists, fmt.Sprintf("context %s already has a namespace %q", e.Context, e.Pod)},
		{ErrPodName, fmt.Sprintf("%q is not a valid name for a pod", e.Pod)},
		{ErrNothingDeployed, fmt.Sprintf("nothing was deployed to pod %s yet", e.Pod)},
		{ErrNoRevisions, fmt.Sprintf("pod %s has no revision to deploy", e.Pod)},
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

// Reasons why something cannot be done to a revision: see RevisionError.
var (
	ErrNoRevision  = errors.New("no such revision")
	ErrDiscarded   = errors.New("was discarded")
	ErrDraft       = errors.New("is a draft that nobody has deployed")
	ErrNotDraft    = errors.New("is not a waiting draft")
	ErrOlder       = errors.New("is older than the live revision")
	ErrNotIncluded = errors.New("does not include the live revision")
	ErrContent     = errors.New("cannot be restored")
)

// RevisionError says why something cannot be done to a revision.
type RevisionError struct {
	Number int
	Pod    string
	// Live is the number of the live revision, where it matters.
	Live int
	// Reason is what the history says of it.
	Reason string
	// Err is one of the reasons above; Cause is what is wrong in detail.
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

// OthersError says that a deploy would include drafts of other users. DeployAll includes them.
type OthersError struct {
	Number int
	// Drafts are all that the deploy would include.
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

// ConflictError says that another user changed the same fields since the base of a change.
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

// MisfitError says that waiting drafts cannot do without others, or do not fit on top of a change.
type MisfitError struct {
	// Without says that the drafts that are to be discarded are missing, else Author's change is in the way. Without either
	// the user's own drafts need those of others.
	Without bool
	Author  string
	// Cause is a *revision.RebaseError, or that of pod.Apply.
	Cause error
}

// Draft is the draft that does not fit; the zero Revision where it is not one alone.
func (e *MisfitError) Draft() revision.Revision {
	var of *revision.RebaseError
	if errors.As(e.Cause, &of) {
		return of.Draft
	}
	return revision.Revision{}
}

// Error implements error.
func (e *MisfitError) Error() string {
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
func (e *MisfitError) Unwrap() error { return e.Cause }

// ContentError says that content which a revision refers to is missing in the pod, or damaged.
type ContentError struct{ Err error }

// Error implements error.
func (e *ContentError) Error() string { return e.Err.Error() }

// Unwrap returns the problems.
func (e *ContentError) Unwrap() error { return e.Err }

// DiskError says that a disk is still part of a revision.
type DiskError struct {
	Name string
	// Live is the live revision that has it; 0 when no disk of the name exists.
	Live int
}

// Error implements error.
func (e *DiskError) Error() string {
	if e.Live == 0 {
		return fmt.Sprintf("disk %q does not exist", e.Name)
	}
	return fmt.Sprintf("disk %s is part of r%d, which is live", e.Name, e.Live)
}

// NotSignedInError says that a pod has no login to a registry.
type NotSignedInError struct{ Pod, Server string }

// Error implements error.
func (e *NotSignedInError) Error() string {
	return fmt.Sprintf("pod %s is not signed in to %s", e.Pod, e.Server)
}

// End is how a deploy ended that did not become ready.
type End string

// The ends of a deploy.
const (
	// NotBegun means that nothing was written: the revision is what it was.
	NotBegun End = "not begun"
	// Locked means that another client went on deploying for as long as the caller was ready to wait.
	Locked End = "locked"
	// Superseded means that a newer revision was deployed; nothing was written.
	Superseded End = "superseded"
	// Stopped means that a newer revision stopped the deploy while it ran.
	Stopped End = "stopped"
	// Lost means that another client took over the right to deploy.
	Lost End = "lost"
	// SignedOut means that the API server no longer accepts the credentials.
	SignedOut End = "signed out"
	// Pending means that the time was over first.
	Pending End = "pending"
	// Failed means that the revision failed.
	Failed End = "failed"
)

// DeployError says how a deploy ended that did not become ready.
type DeployError struct {
	End      End
	Revision revision.Revision
	// Resources are the states of the revision's apps and routes, as far as they are known.
	Resources []report.Resource
	// Restorable is the revision that a rollback would restore; 0 when there is none.
	Restorable int
	// RolledBack says that the deploy was rolled back: the failure has been told already.
	RolledBack bool
	Err        error
}

// Error implements error: "r7 failed: app web: …".
func (e *DeployError) Error() string {
	name := e.Revision.Name()
	switch e.End {
	case NotBegun, Locked, Superseded:
		return fmt.Sprintf("%s was not deployed: %v", name, e.Err)
	case Lost, SignedOut:
		return fmt.Sprintf("%s is still %s: %v", name, e.Revision.State, e.Err)
	case Pending:
		return fmt.Sprintf("%s is %v", name, e.Err)
	case Stopped, Failed:
	}
	return fmt.Sprintf("%s %v", name, e.Err)
}

// Unwrap returns why.
func (e *DeployError) Unwrap() error { return e.Err }
