package revision

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// Build makes the revision with a number, based on another one. A caller may build again with a newer number and base
// when another client was faster. The error is ErrUnchanged when the result would have the spec of on.
type Build func(number int, on Revision) (Revision, error)

// ErrUnchanged is returned for a change that changes nothing.
var ErrUnchanged = errors.New("no change")

// Rooted is a waiting draft with its spec and edits, and the revision that its stack is based on.
type Rooted struct {
	Revision
	// Root is the revision that History.Root names, with its spec; the zero Revision for number 0. It is nil when its record
	// cannot be found: then nothing counts as changed since the draft was made.
	Root *Revision
	// Since are the revisions from Root, without it, to the one that Root was replaced by, oldest first. It may be empty if
	// none of them is by the author of the draft.
	Since []Revision
}

// RebaseError says that a draft cannot be rebased.
type RebaseError struct {
	// Draft is the first draft that cannot be rebased.
	Draft Revision
	// Err is the reason: Clashes with both sides named, the error of pod.Apply, or ErrUnchanged.
	Err error
}

// Error implements error. Clashes name the draft themselves.
func (e *RebaseError) Error() string {
	if errors.As(e.Err, new(Clashes)) {
		return e.Err.Error()
	}
	return fmt.Sprintf("draft %s cannot be rebased: %v", e.Draft.Byline(), e.Err)
}

// Unwrap returns the reason.
func (e *RebaseError) Unwrap() error { return e.Err }

// Rebase makes a draft again, with a new number, on top of tip. base is what the draft's root was replaced by: tip or a
// revision below it. The new draft keeps the author, the message and the edits, and replaces the old one. It leaves out the
// fields that newer changes of the author set. The error is a *RebaseError: others set the same fields to other values, the
// edits cannot be applied any more, or tip includes them already.
func Rebase(number int, draft Rooted, base, tip Revision) (Revision, error) {
	spec, edits, err := draft.onto(tip.Spec, base.Spec)
	var clashes Clashes
	if errors.As(err, &clashes) {
		for i := range clashes {
			clashes[i].My, clashes[i].Their = "draft "+draft.Byline(), base.Byline()
		}
	}
	if err != nil {
		return Revision{}, &RebaseError{Draft: draft.Revision, Err: err}
	}
	r := Next(number, tip, spec, edits)
	if r.Change == "" {
		err := fmt.Errorf("%w: %s includes it already", ErrUnchanged, tip.Name())
		if !reflect.DeepEqual(edits, draft.Edits) {
			err = fmt.Errorf("%w: %s sets the same fields", ErrUnchanged, base.Name())
		}
		return Revision{}, &RebaseError{Draft: draft.Revision, Err: err}
	}
	r.Author, r.Message, r.Replaces = draft.Author, draft.Message, []int{draft.Number}
	return r, nil
}

// onto returns the spec of a draft on top of tip, when its root has become base, and the edits that make it.
func (d Rooted) onto(tip, base pod.Spec) (pod.Spec, pod.Change, error) {
	root := base
	if d.Root != nil {
		root = d.Root.Spec
	}
	spec, err := RebaseSpec(tip, root, base, d.Edits)
	if err != nil {
		if spec, edits, ok := d.yield(tip, base); ok {
			return spec, edits, nil
		}
	}
	return spec, d.Edits, err
}

// CheckRebase checks that the waiting drafts, oldest first, can be rebased onto r one after the other. r is a change by
// author which is about to be deployed without them; the drafts that r replaces do not count. The error is a
// *RebaseError whose Clashes are seen from r: Mine are the values of r. It is no error that r includes a draft already, or
// replaces fields of the author's own drafts.
func CheckRebase(r Revision, author string, drafts []Rooted) error {
	tip := r.Spec
	r.Author = author
	for _, draft := range drafts {
		if slices.Contains(r.Replaces, draft.Number) {
			continue
		}
		draft.Since = append(slices.Clone(draft.Since), r)
		spec, _, err := draft.onto(tip, r.Spec)
		var clashes Clashes
		if errors.As(err, &clashes) {
			for i, c := range clashes {
				clashes[i] = Clash{
					Path: c.Path, Mine: c.Theirs, Theirs: c.Mine,
					My: "this change by " + author, Their: "draft " + draft.Byline(),
				}
			}
		}
		if err != nil {
			return &RebaseError{Draft: draft.Revision, Err: err}
		}
		tip = spec
	}
	return nil
}

// CheckDiscard checks that the drafts which stay, oldest first, can be applied to base one after the other, without those
// that are to be discarded. The error is a *RebaseError.
func CheckDiscard(base Revision, stay []Revision) error {
	spec := base.Spec
	for _, draft := range stay {
		next, err := pod.Apply(spec, draft.Edits)
		if err != nil {
			return &RebaseError{Draft: draft, Err: err}
		}
		spec = next
	}
	return nil
}

// Join makes one revision of several drafts, oldest first, without the drafts between them. It replaces them and has all of
// their edits and messages. The error is ErrUnchanged, with the revision all the same, or that of pod.Apply when the drafts
// depend on others.
func Join(number int, on Revision, drafts []Revision) (Revision, error) {
	var (
		edits    pod.Change
		texts    []string
		replaces []int
	)
	for _, draft := range drafts {
		edits.Edits = append(edits.Edits, draft.Edits.Edits...)
		replaces = append(replaces, draft.Number)
		texts = append(texts, draft.Message)
	}
	spec, err := pod.Apply(on.Spec, edits)
	if err != nil {
		return Revision{}, err
	}
	r := Next(number, on, spec, edits)
	r.Message, r.Replaces = messages(texts...), replaces
	if r.Change == "" {
		return r, ErrUnchanged
	}
	return r, nil
}

// messages joins the messages that are not empty.
func messages(texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(text string) bool { return text == "" }), "; ")
}
