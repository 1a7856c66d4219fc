// Package revision is the history of a pod: numbered, immutable snapshots of its spec.
//
//	on, change -- pod.Apply --> spec -- Next --> draft -- (stored, deployed) --> State
//	draft, root, base, tip -- Rebase --> draft on top of tip
//	drafts -- Join --> one draft without those between them
//
// Only the State of a Revision changes, and what its deploy writes about itself. A rollback is a new Revision with an old
// spec, so the history only grows. The package is pure: History answers from records alone, and the functions that need
// specs and edits take revisions that were read in full.
package revision

import (
	"fmt"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/pod"
)

// Revision is a snapshot of a pod's spec, with the change that made it and the state of its deploy.
type Revision struct {
	// Number counts from 1 without gaps.
	Number int   `json:"number"`
	State  State `json:"state"`
	// Live is set for the revision that was last written to the cluster.
	Live bool `json:"live,omitempty"`
	// Author is the user who made it, as the API server names them.
	Author string `json:"author,omitempty"`
	// WrittenBy is the user who wrote the record, if it is not the author: a change that is deployed rebases the drafts of others.
	WrittenBy string    `json:"writtenBy,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	// Message is the text that the author gave with -m.
	Message string `json:"message,omitempty"`
	// Change summarizes for people how the spec differs from that of the parent.
	Change string `json:"change,omitempty"`
	// Parent is the number of the revision that this one is based on; 0 for the first.
	Parent int `json:"parent,omitempty"`
	// Restores is the number of the revision whose spec a rollback restores; 0 for other revisions.
	Restores int `json:"restores,omitempty"`
	// Replaces are the numbers of the drafts that this one was made from, by Rebase or Join.
	Replaces []int `json:"replaces,omitempty"`
	// Restarts are the names of the apps that get new instances, although their spec did not change.
	Restarts []string `json:"restarts,omitempty"`
	// DeployedBy is the user who deployed it last.
	DeployedBy string     `json:"deployedBy,omitempty"`
	Started    *time.Time `json:"started,omitempty"`
	Finished   *time.Time `json:"finished,omitempty"`
	// Reason is why its last deploy failed, why it was discarded, or why its record cannot be read.
	Reason string `json:"reason,omitempty"`
	// Kept is set for a revision that is not removed when the history becomes long.
	Kept bool `json:"kept,omitempty"`

	// TakesBack lists what its last deploy took back that others had done to objects, and by which tools.
	TakesBack []string `json:"takesBack,omitempty"`

	// Edits is the change as a value, so that it can be applied again on top of another revision. Lists of records leave it out.
	Edits pod.Change `json:"-"`
	// Spec is nil in lists of records.
	Spec pod.Spec `json:"-"`
	// Version is the version of the stored record that was read. It guards a move of the state.
	Version string `json:"-"`
	// Content is the hash of the spec. It is empty for a record without a seal, which an older version of psc wrote.
	Content string `json:"-"`
	// Seal is the hash of all that never changes in the record. It includes Before, which links the record that was the newest
	// when this one was made. If psc has removed that record, Skips links the one before the removed ones.
	Seal          string `json:"-"`
	Before, Skips *Link  `json:"-"`
}

// Link names a record. Seal is empty if the record has none. The number is 0 for the beginning of the history.
type Link struct {
	Number int
	Seal   string
}

// Title is the text for a list: the first line of the message, or else the change.
func (r Revision) Title() string {
	if r.Message != "" {
		first, _, _ := strings.Cut(r.Message, "\n")
		return first
	}
	return r.Change
}

// Name is the short form for people: "r12".
func (r Revision) Name() string { return fmt.Sprintf("r%d", r.Number) }

// Byline names a revision and its author, as messages do: "r12 by bob".
func (r Revision) Byline() string { return fmt.Sprintf("%s by %s", r.Name(), r.Author) }

// Next makes the draft with a number out of a change to from, the zero Revision in an empty history. Its Change is "" when
// spec is that of from, and edits restart nothing.
func Next(number int, from Revision, spec pod.Spec, edits pod.Change) Revision {
	r := Revision{
		Number:   number,
		State:    Draft,
		Change:   Summary(Diff(from.Spec, spec)),
		Parent:   from.Number,
		Restarts: edits.Restarts(),
		Edits:    edits,
		Spec:     spec,
	}
	if words := restarted(r.Restarts); r.Change == "" || words == "" {
		r.Change += words
	} else {
		r.Change += "; " + words
	}
	return r
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
