// Package workspace is the engine: all operations on a pod, for the command line, a console and unattended work.
//
//	Connect -> Cluster -- Open --> Workspace -- Change, Deploy, Rollback, Status, … --> Outcome or a report
//
// A Workspace asks nothing and prints nothing. It reports progress as Notes. If the caller has to decide something, such as
// whether to deploy the drafts of others, the call returns an error that says so. Errors are values (errors.go): the caller
// writes the messages and hints for its users.
package workspace

import (
	"sync/atomic"
	"time"

	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Reader reads one pod, for one request or command. It writes only how a deploy ended whose client did not wait for the end.
type Reader struct {
	*Cluster
	// Pod is the name of the pod.
	Pod string

	store  *store.Store
	lease  *lease.Lease
	exists atomic.Bool // history has checked that the pod exists
	// early is a history that was read a moment ago, for the next call of history; nil if there is none.
	early atomic.Pointer[History]
	// offers is what the cluster offers, asked for before it is known whether the spec needs it; nil if nobody asked.
	offers *offers
}

// Workspace reads and changes one pod, for one request or command.
type Workspace struct {
	*Reader
	// Tell is called with what happens during a call, from one goroutine at a time. It may be nil.
	Tell func(Note)

	drafts *drafts
	pins   *pins
}

// Open opens a pod. It does not dial.
func (c *Cluster) Open(pod string) *Workspace {
	reader := &Reader{
		Cluster: c, Pod: pod, store: store.Open(c.kube, pod, c.run.Now), lease: lease.Open(c.kube, pod, c.run.Now),
	}
	w := &Workspace{Reader: reader}
	w.drafts = &drafts{Reader: reader, tell: w.tell}
	w.pins = &pins{registry: reader.Registry(), tell: w.tell, known: map[string]image.Image{}}
	return w
}

// Instances returns the running instances of the pod's apps.
func (rd *Reader) Instances() *instance.Instances { return instance.Open(rd.kube, rd.Pod, rd.run.Now) }

// Options are the options of a call.
type Options struct {
	// Message is the message of the revision in the history.
	Message string
	// Alone deploys a change at once, on top of the live revision. It includes those of the user's own drafts that it refers to,
	// and no others. Else the change becomes a draft.
	Alone bool
	// NoDrafts leaves out the user's own drafts too.
	NoDrafts bool
	// DryRun writes nothing: the Outcome has the revision that the call would create, and its base.
	DryRun bool
	// Served refuses a change whose routes the cluster cannot serve. Else only their deploy fails.
	Served bool
	// NoPin keeps the tags of images.
	NoPin bool
	// RollbackOnFailure rolls a failed deploy back to the last revision that was ready.
	RollbackOnFailure bool
	Deploy            DeployOptions
}

// DeployOptions are the options of a deploy.
type DeployOptions struct {
	// Timeout is how long the revision may take to become ready, without the time in the queue.
	Timeout time.Duration
	// LockWait is how long to wait for another deploy.
	LockWait time.Duration
	// Supersede stops a running deploy of an older revision.
	Supersede bool
	// NoWait returns when everything is written.
	NoWait bool
	// TakeOver takes over existing objects with the names of new ones, although psc did not create them.
	TakeOver bool
}

// Outcome is the result of a call.
type Outcome struct {
	// Revision is the one that was created or deployed, and Base is the one that it builds on. Both have their specs.
	Revision, Base revision.Revision
	// Unchanged means that the change had no effect.
	Unchanged bool
	// Deployed is nil if nothing was deployed.
	Deployed *report.Deployed
	// Duration is how long the deploy took.
	Duration time.Duration

	content *store.Content // of a dry run
}

// Note is something that happens during a call. Exactly one field is set.
type Note struct {
	// Includes are the drafts that a deploy includes.
	Includes []revision.Revision
	// Along are the user's own drafts that a change includes, because it refers to them.
	Along []revision.Revision
	// Withdrawn are the user's own drafts that a change undoes.
	Withdrawn []revision.Revision
	// Undoes means that a change becomes a draft instead of being deployed: the live revision is like the change already, and
	// the user's own drafts are not.
	Undoes bool
	// Reduced is a draft without the fields that a newer change of its author sets.
	Reduced *Reduced
	// Deploying is the revision whose deploy begins.
	Deploying *Deploying
	// Queued is the running deploy that has to end first.
	Queued *report.Holder
	// Left are kinds of objects that a deploy leaves alone, although it may have to remove some: the user may not see them.
	Left []string
	// Plan counts what the deploy writes.
	Plan *report.Plan
	// Resource is the state of an app or route, whenever it changes.
	Resource *report.Resource
	// Ended means that the deploy has ended. The call returns how.
	Ended bool
	// Rebased counts the waiting drafts that were rebased.
	Rebased *Rebased
	// Discarded is a draft that could not be rebased, and was discarded.
	Discarded *Discarded
	// Kept is a revision that was not deployed and waits as a draft.
	Kept *revision.Revision
	// KeptValues are the keys of secrets ("db/url") that keep the value of the pod, which has no such version as a file has.
	KeptValues []string
	// Restored means that content that the pod had lost was written again.
	Restored bool
	// Trimmed are revisions that were removed because the history became long, or to make room.
	Trimmed *Trimmed
	// NotTrimmed is why such revisions could not be removed.
	NotTrimmed error
	// Missing are the newest numbers if their records are missing, although psc did not remove them.
	Missing []int
	// NotPinned is an image whose tag was kept.
	NotPinned *NotPinned
	// Unavailable is an image of the revision to restore that its registry no longer has.
	Unavailable string
	// RollingBack is a rollback that begins after a deploy has failed.
	RollingBack *RollingBack
	// NotAdmin is the error because of which the creator of a pod did not become its admin.
	NotAdmin error
	// NotIsolated is the error because of which a new pod is not isolated.
	NotIsolated error
}

// Deploying is a deploy that begins.
type Deploying struct {
	Revision           revision.Revision
	Pod, Context, User string
}

// RollingBack is a deploy that has failed, and the number of the revision that is restored.
type RollingBack struct {
	Failed revision.Revision
	To     int
}

// Rebased are waiting drafts that were rebased onto another revision.
type Rebased struct{ Drafts, Onto int }

// Reduced is a draft that lost the fields that By sets, and what it is now.
type Reduced struct{ Draft, Now, By revision.Revision }

// Discarded is a draft that was discarded, and why.
type Discarded struct {
	Draft revision.Revision
	Why   error
}

// Trimmed counts revisions that were removed. Limit is how many the history keeps; 0 if they were removed to make room in a
// quota.
type Trimmed struct{ Revisions, Limit int }

// NotPinned is an image whose tag was kept, and why.
type NotPinned struct {
	Image string
	Why   error
}

func (w *Workspace) tell(n Note) {
	if w.Tell != nil {
		w.Tell(n)
	}
}
