// Package revision is the history of a pod: numbered, immutable snapshots of its spec.
//
//	head, change -- pod.Apply --> spec -- Next --> Revision -- (stored, deployed) --> State
//
// Nothing in a Revision ever changes but its State and what is said about how a deploy of it went. Going back is a
// new Revision with an old spec, so history only grows.
package revision

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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

// Restore makes the draft with a number that turns what is live into old.
func Restore(number int, live, old Revision) Revision {
	next := Next(number, live, old.Spec, pod.Change{Edits: puts(live.Spec, old.Spec)})
	next.Restores = old.Number
	next.Change = fmt.Sprintf("restores %s", old.Name())
	return next
}

// puts is the change that turns from into to, resource by resource.
func puts(from, to pod.Spec) []pod.Edit {
	var edits []pod.Edit
	for _, e := range Diff(from, to) {
		edit := pod.Edit{Verb: pod.Put, Kind: e.Kind, Name: e.Name}
		if e.Type == Deleted {
			edit.Verb = pod.Delete
		} else {
			edit.Fields = pod.Tree(to[e.Ref()])
		}
		edits = append(edits, edit)
	}
	return edits
}

// Conflict is a field that two changes set to different values.
type Conflict struct {
	// Path is the field: "app/web spec.env.COLOUR".
	Path string
	// Mine and Theirs are the values, "" where the field is removed.
	Mine, Theirs string
	// My and Their say who sets it: "this change", "draft r4 of bob".
	My, Their string
}

// Error implements error.
func (c *Conflict) Error() string {
	return fmt.Sprintf("%s: %s says %s, %s says %s",
		c.Path, c.My, cmp.Or(short(c.Mine), "nothing"), c.Their, cmp.Or(short(c.Theirs), "nothing"))
}

// Rebase makes a change on top of onto, although it was made when the pod was from and it has become to meanwhile. It
// fails with a *Conflict when the change sets a field that the step from from to to has set to another value, and with
// the error of pod.Apply when the change cannot be made any more.
func Rebase(onto, from, to pod.Spec, change pod.Change) (pod.Spec, error) {
	spec, err := pod.Apply(onto, change)
	if err != nil {
		return nil, err
	}
	moved, set := fieldsOf(Diff(from, to)), fieldsOf(Diff(onto, spec))
	for _, path := range slices.Sorted(maps.Keys(set)) {
		if field, both := moved[path]; both {
			return nil, &Conflict{Path: path, Mine: set[path].text(set[path].to), Theirs: field.text(field.to)}
		}
	}
	return spec, nil
}
