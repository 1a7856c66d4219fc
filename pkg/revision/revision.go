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
	// DeployedBy is who deployed it last.
	DeployedBy string     `json:"deployedBy,omitempty"`
	Started    *time.Time `json:"started,omitempty"`
	Finished   *time.Time `json:"finished,omitempty"`
	// Reason is why the last deploy of it failed, or why the record cannot be read.
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

// Next makes the draft that follows head in the numbering. from is the revision whose spec the change was made to:
// mostly head itself. The zero Revision stands for an empty history.
func Next(head, from Revision, spec pod.Spec, edits pod.Change) Revision {
	return Revision{
		Number: head.Number + 1,
		State:  Draft,
		Change: Summary(Diff(from.Spec, spec)),
		Parent: from.Number,
		Edits:  edits,
		Spec:   spec,
	}
}

// Restore makes the draft after head that turns what is live into old.
func Restore(head, live, old Revision) Revision {
	next := Next(head, live, old.Spec, pod.Change{Edits: puts(live.Spec, old.Spec)})
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
	Path         string
	Mine, Theirs string // "" where the field is removed
	Author       string // of theirs
	Number       int    // of theirs
}

// Error implements error.
func (c *Conflict) Error() string {
	return fmt.Sprintf("%s: this change says %s, draft r%d of %s says %s",
		c.Path, cmp.Or(short(c.Mine), "nothing"), c.Number, c.Author, cmp.Or(short(c.Theirs), "nothing"))
}

// Rebase makes the drafts again on top of base, each under the next number and with its own author and message, and
// returns those that still change something. It fails with a *Conflict when a draft would undo or change what the step
// from before to base did, and with the error of pod.Apply when a draft cannot be made any more.
func Rebase(base Revision, before pod.Spec, drafts []Revision) ([]Revision, error) {
	mine := leaves(Diff(before, base.Spec))
	var out []Revision
	head := base
	for _, d := range drafts {
		spec, err := pod.Apply(head.Spec, d.Edits)
		if err != nil {
			return nil, fmt.Errorf("draft r%d of %s does not fit on top of this change: %w", d.Number, d.Author, err)
		}
		theirs := leaves(Diff(head.Spec, spec))
		if len(theirs) == 0 {
			continue
		}
		for _, path := range slices.Sorted(maps.Keys(theirs)) {
			if value, both := mine[path]; both {
				return nil, &Conflict{Path: path, Mine: value, Theirs: theirs[path], Author: d.Author, Number: d.Number}
			}
		}
		next := Next(head, head, spec, d.Edits)
		next.Author, next.Message = d.Author, d.Message
		out = append(out, next)
		head = next
	}
	return out, nil
}

// leaves are the new values by resource and path.
func leaves(entries []Entry) map[string]string {
	out := map[string]string{}
	for _, e := range entries {
		for _, f := range e.Fields {
			out[e.Ref().String()+" "+f.Path] = Text(f.To)
		}
	}
	return out
}
