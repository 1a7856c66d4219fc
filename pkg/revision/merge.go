package revision

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
)

// Clash is a field that two changes set to different values.
type Clash struct {
	// Path is the field: "app/web spec.image".
	Path string
	// Mine and Theirs are its two values as text, in the form for one line; "" when a change removes it.
	Mine, Theirs string
	// My and Their name the two sides: "alice", "draft r4 by bob".
	My, Their string
}

// Message names both sides and their values: "alice says 1, r4 by bob says 2".
func (c Clash) Message() string {
	return fmt.Sprintf("%s says %s, %s says %s",
		c.My, cmp.Or(c.Mine, "nothing"), cmp.Or(c.Their, "the pod"), cmp.Or(c.Theirs, "nothing"))
}

// Clashes are the conflicts of a change, sorted by path. Functions that return them as an error return at least one. Use
// errors.As, because a list cannot be compared with errors.Is.
type Clashes []Clash

// Error lists all clashes, one per line.
func (c Clashes) Error() string {
	lines := make([]string, len(c))
	for i, clash := range c {
		lines[i] = clash.Path + ": " + clash.Message()
	}
	return strings.Join(lines, "\n")
}

// clashesOf returns the fields that both sides change to different values.
func clashesOf(my, their map[string]step) Clashes {
	var clashes Clashes
	for path, mine := range my {
		if theirs, both := their[path]; both && !reflect.DeepEqual(mine.To, theirs.To) {
			clashes = append(clashes, Clash{Path: path, Mine: mine.text(mine.To), Theirs: theirs.text(theirs.To)})
		}
	}
	return clashes.sorted()
}

// RebaseSpec applies a change, which was made on top of root, to tip, after root has become base. The error is Clashes when
// the step from root to base sets the same fields to other values, or that of pod.Apply.
func RebaseSpec(tip, root, base pod.Spec, change pod.Change) (pod.Spec, error) {
	spec, err := pod.Apply(tip, change)
	if err != nil {
		return nil, err
	}
	if clashes := clashesOf(fieldsOf(Diff(tip, spec)), fieldsOf(Diff(root, base))); len(clashes) > 0 {
		return nil, clashes
	}
	return spec, nil
}

// Merge returns the change to head that sets the fields in which mine differs from base, and no others. The error is
// Clashes for the fields that both sides changed to different values, or that one side changed in a part which the other
// side removed. It is that of pod.Apply when both changes together make the spec invalid.
func Merge(base, mine, head pod.Spec) (pod.Change, error) {
	my, their := fieldsOf(Diff(base, mine)), fieldsOf(Diff(base, head))
	if clashes := clashesOf(my, their); len(clashes) > 0 {
		return pod.Change{}, clashes
	}
	merged, err := pod.Apply(head, remaining(pod.Edits(base, mine), mine, head))
	var missing *pod.RefError
	switch {
	case errors.As(err, &missing):
		return pod.Change{}, clashesWithDeleted(missing.Ref, my).sorted()
	case err != nil:
		return pod.Change{}, err
	}
	// Only my fields may change: a list in my order has no place for an item that they added, and a change inside of
	// an item that they removed must not create the item again.
	var clashes Clashes
	for path, field := range fieldsOf(Diff(head, merged)) {
		if wanted, ok := my[path]; !ok || !reflect.DeepEqual(wanted.To, field.To) {
			clashes = append(clashes, Clash{Path: path, Mine: field.text(field.To), Theirs: field.text(field.From)})
		}
	}
	if len(clashes) > 0 {
		return pod.Change{}, clashes.sorted()
	}
	return pod.Edits(head, merged), nil
}

func (c Clashes) sorted() Clashes {
	slices.SortFunc(c, func(a, b Clash) int { return cmp.Compare(a.Path, b.Path) })
	return c
}

// remaining leaves out the edits of resources that are the same in mine and head. It turns the creation of a resource that
// head has into a change of its fields.
func remaining(c pod.Change, mine, head pod.Spec) pod.Change {
	var out pod.Change
	for _, e := range c.Edits {
		ref := e.Ref()
		if reflect.DeepEqual(pod.LeavesOf(head[ref]).Values, pod.LeavesOf(mine[ref]).Values) {
			continue
		}
		if e.Verb == pod.Create && head[ref] != nil {
			e.Verb = pod.Set
		}
		out.Edits = append(out.Edits, e)
	}
	return out
}

// clashesWithDeleted returns the clashes of changing a resource that was deleted from head.
func clashesWithDeleted(ref pod.Ref, my map[string]step) Clashes {
	var clashes Clashes
	for path, field := range my {
		if field.ref == ref {
			clashes = append(clashes, Clash{Path: path, Mine: field.text(field.To)})
		}
	}
	return clashes
}

// Blame fills in Their: the newest revision that changed the field. chain are revisions with their specs, each followed by
// its parent.
func (c Clashes) Blame(chain []Revision) Clashes {
	out := slices.Clone(c)
	for i := range len(chain) - 1 {
		changed := slices.Collect(maps.Keys(fieldsOf(Diff(chain[i+1].Spec, chain[i].Spec))))
		for j := range out {
			if out[j].Their == "" && slices.Contains(changed, out[j].Path) {
				out[j].Their = chain[i].Byline()
			}
		}
	}
	return out
}

// step is the change of one field.
type step struct {
	ref pod.Ref
	Field
}

func fieldsOf(entries []Entry) map[string]step {
	out := map[string]step{}
	for _, e := range entries {
		for _, f := range e.Fields {
			out[e.Ref().String()+" "+f.Path] = step{e.Ref(), f}
		}
	}
	return out
}

// text returns a value of the field as text, in the form for one line.
func (s step) text(value any) string { return shown(s.leaf.Text(value)) }
