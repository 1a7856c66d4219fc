// Package workspace is what can be done to a pod: the one engine that the command line, the console and the work that
// runs unattended call.
//
//	Connect -> Cluster -- Open --> Workspace -- Change, Deploy, Rollback, Status, … --> Outcome or a report
//
// A Workspace asks nothing and prints nothing. What happens on the way it tells as Notes; what the caller has to decide,
// such as whether to deploy the drafts of others, is an error that says what is missing. Errors are values (errors.go),
// which the caller words for its users.
package workspace

import (
	"time"

	"github.com/pscdev/psc/internal/image"
	"github.com/pscdev/psc/internal/lease"
	"github.com/pscdev/psc/internal/store"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Reader is one pod as it is, for the time of one request or command. It writes nothing but how a deploy ended that nobody
// waited for.
type Reader struct {
	*Cluster
	// Pod is the name of the pod.
	Pod string

	store *store.Store
	lease *lease.Lease
}

// Workspace is one pod, and what can be done to it, for the time of one request or command.
type Workspace struct {
	*Reader
	// Tell receives what happens during a call; it may be nil. It is called from one goroutine at a time.
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

// Options are what the user of a call may choose.
type Options struct {
	// Message is what the history says of the revision.
	Message string
	// Alone deploys a change at once, on top of what is live and without the drafts that wait. Else it becomes a draft.
	Alone bool
	// DryRun writes nothing: the Outcome holds the revision that there would be, and its base.
	DryRun bool
	// NoPin keeps the tags of images.
	NoPin bool
	// RollbackOnFailure rolls a failed deploy back to the last revision that was ready.
	RollbackOnFailure bool
	// Deploy says how to deploy.
	Deploy DeployOptions
}

// DeployOptions say how to deploy.
type DeployOptions struct {
	// Timeout is how long the revision may take to become ready, without the time in the queue.
	Timeout time.Duration
	// LockWait is how long to wait for another deploy.
	LockWait time.Duration
	// Supersede stops a running deploy of an older revision.
	Supersede bool
	// NoWait returns when everything is written.
	NoWait bool
}

// Outcome is what a call resulted in.
type Outcome struct {
	// Revision is the one that was made or deployed, and Base the one that it builds on. Both have their specs.
	Revision, Base revision.Revision
	// Unchanged says that there was nothing to change.
	Unchanged bool
	// Deployed is nil where nothing was deployed.
	Deployed *report.Deployed
	// Duration is how long the deploy took.
	Duration time.Duration

	content *store.Content // of a dry run
}

// Note is something that happens during a call. Exactly one field is set.
type Note struct {
	// Includes are the drafts that a deploy includes.
	Includes []revision.Revision
	// Deploying is the revision whose deploy begins.
	Deploying *Deploying
	// Queued is the deploy that has to end first.
	Queued *report.Holder
	// Plan is what the deploy writes.
	Plan *report.Plan
	// Resource is the state of an app or route, whenever it changes.
	Resource *report.Resource
	// Ended says that the deploy has ended: the call returns how.
	Ended bool
	// Rebased counts the waiting drafts that were rebased.
	Rebased *Rebased
	// Discarded is a draft that no longer fits, and was discarded.
	Discarded *Discarded
	// Kept is a revision that was not deployed and waits as a draft.
	Kept *revision.Revision
	// Restored says that content which was missing in the pod was written again.
	Restored bool
	// NotPinned is an image whose tag was kept.
	NotPinned *NotPinned
	// RollingBack is why a deploy failed that is rolled back now.
	RollingBack error
	// NotAdmin is why the creator of a pod was not made its admin.
	NotAdmin error
}

// Deploying is a deploy that begins.
type Deploying struct {
	Revision           revision.Revision
	Pod, Context, User string
}

// Rebased are waiting drafts that were rebased onto another revision.
type Rebased struct{ Drafts, Onto int }

// Discarded is a draft that was discarded, and why.
type Discarded struct {
	Draft revision.Revision
	Why   error
}

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
