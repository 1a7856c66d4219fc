package revision

import (
	"reflect"

	"github.com/pscdev/psc/pkg/pod"
)

// yield returns the spec of a draft on top of tip without the fields that newer changes of its author set, and the edits that
// make it. It fails if someone else, or a rollback, set one of the fields.
func (d Rooted) yield(tip, base pod.Spec) (pod.Spec, pod.Change, bool) {
	if d.Root == nil {
		return nil, pod.Change{}, false
	}
	kept, ok := d.without(tip)
	if !ok {
		return nil, pod.Change{}, false
	}
	spec, err := pod.Apply(tip, kept)
	if err != nil {
		return nil, pod.Change{}, false
	}
	mine := fieldsOf(Diff(tip, spec))
	clashes := clashesOf(mine, fieldsOf(Diff(d.Root.Spec, base)))
	refs := map[pod.Ref]bool{}
	for _, c := range clashes {
		if !d.replaced(c.Path) {
			return nil, pod.Change{}, false
		}
		refs[mine[c.Path].ref] = true
		delete(mine, c.Path)
	}
	for _, newer := range d.Since { // on top of the draft, the newer values win
		for _, e := range newer.Edits.Edits {
			if !refs[e.Ref()] || e.Verb == pod.Create || e.Verb == pod.Delete {
				continue
			}
			if spec, err = pod.Apply(spec, pod.Change{Edits: []pod.Edit{e}}); err != nil {
				return nil, pod.Change{}, false
			}
		}
	}
	for path, field := range fieldsOf(Diff(tip, spec)) { // only fields that are left to the draft may change
		if wanted, ok := mine[path]; !ok || !reflect.DeepEqual(wanted.To, field.To) {
			return nil, pod.Change{}, false
		}
	}
	return spec, pod.Edits(tip, spec), true
}

// without returns the edits of a draft without those of resources that its author has deleted since.
func (d Rooted) without(tip pod.Spec) (pod.Change, bool) {
	var kept pod.Change
	for _, e := range d.Edits.Edits {
		ref := e.Ref()
		if e.Verb != pod.Create && tip[ref] == nil && d.Root.Spec[ref] != nil {
			if !d.own(func(from, to pod.Spec) bool { return from[ref] != nil && to[ref] == nil }) {
				return kept, false
			}
			continue
		}
		kept.Edits = append(kept.Edits, e)
	}
	return kept, true
}

// replaced reports whether the newest change of a field is by the author of the draft.
func (d Rooted) replaced(path string) bool {
	return d.own(func(from, to pod.Spec) bool {
		_, changed := fieldsOf(Diff(from, to))[path]
		return changed
	})
}

// own reports whether the newest revision that did something is by the author of the draft, and no rollback.
func (d Rooted) own(did func(from, to pod.Spec) bool) bool {
	for i := len(d.Since) - 1; i >= 0; i-- {
		from := d.Root.Spec
		if i > 0 {
			from = d.Since[i-1].Spec
		}
		if r := d.Since[i]; did(from, r.Spec) {
			return r.Author == d.Author && r.Restores == 0
		}
	}
	return false
}
