// Package revision is the history of a pod: numbered, immutable snapshots of its spec.
//
//	head, change -- pod.Apply --> spec -- Next --> Revision -- (stored, deployed) --> State
//
// Nothing in a Revision ever changes but its State and what is said about how a deploy of it went. Going back is a
// new Revision with an old spec, so history only grows.
package revision

import (
	"fmt"
	"time"

	"github.com/pscdev/psc/pkg/pod"
)

// Revision is one snapshot of a pod's spec, the change that made it, and how its deploy went.
type Revision struct {
	// Number counts from 1 without gaps.
	Number int   `json:"number"`
	State  State `json:"state"`
	// Live says that this is the revision which the cluster was last told to run.
	Live bool `json:"live,omitempty"`
	// Author is who made it, in the words of the API server.
	Author  string    `json:"author,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Message is what the author said of it with -m.
	Message string `json:"message,omitempty"`
	// Change says in people's words what differs from the parent.
	Change string `json:"change,omitempty"`
	// Parent is the number of the revision that the change was made to; 0 for the first.
	Parent int `json:"parent,omitempty"`
	// Restores is the number of the revision whose spec this one brings back, when it is a rollback.
	Restores int `json:"restores,omitempty"`
	// Replaces are the numbers of the drafts that this one was made from.
	Replaces []int `json:"replaces,omitempty"`
	// DeployedBy is who deployed it last.
	DeployedBy string     `json:"deployedBy,omitempty"`
	Started    *time.Time `json:"started,omitempty"`
	Finished   *time.Time `json:"finished,omitempty"`
	// Reason is why the last deploy of it failed, why it was discarded, or why the record cannot be read.
	Reason string `json:"reason,omitempty"`

	// Edits is the change as a value, so that it can be made again on top of another revision.
	Edits pod.Change `json:"-"`
	// Spec is nil where only the records were listed.
	Spec pod.Spec `json:"-"`
	// Version is the storage's own mark of the record as it was read; it guards a move of the state.
	Version string `json:"-"`
}

// Title is what people read in a list: the message, or else what changed.
func (r Revision) Title() string {
	if r.Message != "" {
		return r.Message
	}
	return r.Change
}

// Name is how people write a revision: "r12".
func (r Revision) Name() string { return fmt.Sprintf("r%d", r.Number) }

// Byline names a revision and its author, as messages do: "r12 by bob".
func (r Revision) Byline() string { return fmt.Sprintf("%s by %s", r.Name(), r.Author) }

// Next makes the draft with a number out of a change to from, which is the zero Revision in an empty history.
func Next(number int, from Revision, spec pod.Spec, edits pod.Change) Revision {
	return Revision{
		Number: number,
		State:  Draft,
		Change: Summary(Diff(from.Spec, spec)),
		Parent: from.Number,
		Edits:  edits,
		Spec:   spec,
	}
}

// Restore makes the draft with a number that turns live into old. The error is ErrUnchanged when live is ready and has the
// spec of old.
func Restore(number int, live, old Revision) (Revision, error) {
	next := Next(number, live, old.Spec, pod.Edits(live.Spec, old.Spec))
	if next.Change == "" && live.State == Ready {
		return Revision{}, ErrUnchanged
	}
	next.Restores = old.Number
	next.Change = "restores " + old.Name()
	return next, nil
}
