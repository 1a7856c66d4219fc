package revision

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/pscdev/psc/pkg/pod"
)

// Misattributed says why a revision that a user has written in the name of another does not count as the other's, or returns "".
// Only a rebase writes a revision in the name of its author: it replaces a draft of the author, and has the same edits unless newer
// changes of the author set some of the fields. all are the revisions of the history that were read in full. A replaced revision
// that is not among them was removed, and cannot be compared.
func Misattributed(r Revision, all []Revision) string {
	if r.WrittenBy == "" {
		return ""
	}
	if len(r.Replaces) == 0 {
		return fmt.Sprintf("%s wrote it in the name of %s, and it replaces no draft", r.WrittenBy, r.Author)
	}
	for _, old := range all {
		if !slices.Contains(r.Replaces, old.Number) {
			continue
		}
		if old.Author != r.Author {
			return fmt.Sprintf("%s wrote it in the name of %s, and it replaces r%d by %s", r.WrittenBy, r.Author, old.Number, old.Author)
		}
		if !reflect.DeepEqual(r.Edits, old.Edits) && !reduced(r, old, all) {
			return fmt.Sprintf("%s wrote it in the name of %s, and it is not the change of r%d", r.WrittenBy, r.Author, old.Number)
		}
	}
	return ""
}

// reduced reports whether r may be what a rebase has left of a draft: a newer change of its author edits the same resources.
func reduced(r, draft Revision, all []Revision) bool {
	for _, e := range r.Edits.Edits {
		if !draft.Edits.Touches(e.Ref()) {
			return false
		}
	}
	return slices.ContainsFunc(all, func(newer Revision) bool {
		return newer.Author == r.Author && newer.Number > draft.Number && newer.Number < r.Number &&
			slices.ContainsFunc(newer.Edits.Edits, func(e pod.Edit) bool { return draft.Edits.Touches(e.Ref()) })
	})
}
