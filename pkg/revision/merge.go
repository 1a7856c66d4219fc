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
	// Mine and Theirs are its values in words; "" where it is removed.
	Mine, Theirs string
	// My and Their say who sets it: "alice", "draft r4 of bob".
	My, Their string
}

// Message says who says what of the field.
func (c Clash) Message() string {
	return fmt.Sprintf("%s says %s, %s says %s",
		c.My, cmp.Or(short(c.Mine), "nothing"), cmp.Or(c.Their, "the pod"), cmp.Or(short(c.Theirs), "nothing"))
}

// Clashes are all fields that keep a change from being made, by their paths. It is an error when it is not empty, to be
// found with errors.As: a list is equal to nothing.
type Clashes []Clash

// Error lists all clashes, one a line.
func (c Clashes) Error() string {
	lines := make([]string, len(c))
	for i, clash := range c {
		lines[i] = clash.Path + ": " + clash.Message()
	}
	return strings.Join(lines, "\n")
}

// clashing are the fields that both change, to different values.
func clashing(my, their map[string]step) Clashes {
	var clashes Clashes
	for path, mine := range my {
		if theirs, both := their[path]; both && !reflect.DeepEqual(mine.to, theirs.to) {
			clashes = append(clashes, Clash{Path: path, Mine: mine.text(mine.to), Theirs: theirs.text(theirs.to)})
		}
	}
	return clashes.sorted()
}

// RebaseSpec makes a change on top of onto, although it was made when the pod was from and it has become to meanwhile. It
// fails with Clashes when the change sets what the step from from to to has set to another value, and with the error of
// pod.Apply when the change cannot be made any more.
func RebaseSpec(onto, from, to pod.Spec, change pod.Change) (pod.Spec, error) {
	spec, err := pod.Apply(onto, change)
	if err != nil {
		return nil, err
	}
	if clashes := clashing(fieldsOf(Diff(onto, spec)), fieldsOf(Diff(from, to))); len(clashes) > 0 {
		return nil, clashes
	}
	return spec, nil
}

// Merge is the change that makes of head what was made of base: the fields in which mine differs from base get mine's
// values, and all others stay head's. What cannot be both are Clashes: a field that both made different, and what one
// of them changed in a part that the other took away. The other error is that of pod.Apply, when the two only fail
// together.
func Merge(base, mine, head pod.Spec) (pod.Change, error) {
	my, their := fieldsOf(Diff(base, mine)), fieldsOf(Diff(base, head))
	if clashes := clashing(my, their); len(clashes) > 0 {
		return pod.Change{}, clashes
	}
	merged, err := pod.Apply(head, stillToDo(pod.Edits(base, mine), mine, head))
	var missing *pod.RefError
	switch {
	case errors.As(err, &missing):
		return pod.Change{}, gone(missing.Ref, my).sorted()
	case err != nil:
		return pod.Change{}, err
	}
	// Nothing may change that is not mine: a list that I put in another order has no place for their new item, and
	// what I left alone must not come back with what I changed inside of it.
	var clashes Clashes
	for path, field := range fieldsOf(Diff(head, merged)) {
		if wanted, ok := my[path]; !ok || !reflect.DeepEqual(wanted.to, field.to) {
			clashes = append(clashes, Clash{Path: path, Mine: field.text(field.to), Theirs: field.text(field.from)})
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

// stillToDo leaves out what head has already, and turns making a resource that head has by now into setting it.
func stillToDo(c pod.Change, mine, head pod.Spec) pod.Change {
	var out pod.Change
	for _, e := range c.Edits {
		ref := pod.Ref{Kind: e.Kind, Name: e.Name}
		if reflect.DeepEqual(flat(head[ref]), flat(mine[ref])) {
			continue
		}
		if e.Verb == pod.Create && head[ref] != nil {
			e.Verb = pod.Set
		}
		out.Edits = append(out.Edits, e)
	}
	return out
}

// gone are the clashes of changing a resource that head has no more.
func gone(ref pod.Ref, my map[string]step) Clashes {
	var clashes Clashes
	for path, field := range my {
		if field.ref == ref {
			clashes = append(clashes, Clash{Path: path, Mine: field.text(field.to)})
		}
	}
	return clashes
}

// Blame names whose revision each clash is with: the newest that changed the field. chain are revisions with their
// specs, each followed by its parent.
func (c Clashes) Blame(chain []Revision) Clashes {
	out := slices.Clone(c)
	for i := range len(chain) - 1 {
		changed := slices.Collect(maps.Keys(fieldsOf(Diff(chain[i+1].Spec, chain[i].Spec))))
		for j := range out {
			if out[j].Their == "" && slices.Contains(changed, out[j].Path) {
				out[j].Their = fmt.Sprintf("%s by %s", chain[i].Name(), chain[i].Author)
			}
		}
	}
	return out
}

// step is how one field differs.
type step struct {
	ref      pod.Ref
	from, to any
}

func fieldsOf(entries []Entry) map[string]step {
	out := map[string]step{}
	for _, e := range entries {
		for _, f := range e.Fields {
			out[e.Ref().String()+" "+f.Path] = step{e.Ref(), f.From, f.To}
		}
	}
	return out
}

// text is a value in words: of a secret that there is one, of a file how large it is.
func (s step) text(value any) string {
	switch s.ref.Kind {
	case pod.KindSecret:
		value = hidden(value)
	case pod.KindConfig:
		value = sized(value)
	case pod.KindApp, pod.KindRoute, pod.KindDisk:
	}
	return Text(value)
}
