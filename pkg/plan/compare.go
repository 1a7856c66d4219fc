package plan

import (
	"cmp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/pscdev/psc/pkg/object"
)

// Object compares one rendered object with what is there of it; live is nil when nothing is.
//
// It is as rendered when four things hold, all of which the metadata tells: the hash is that of the rendered content;
// psc's own entry of managedFields covers all that is rendered, for whoever changes or removes a field takes it out of
// there; nobody else owns a field that is not rendered; and psc itself owns none either, which it does after a deploy
// that ended halfway. What others own and is rendered with the same value is theirs, too.
func Object(o *unstructured.Unstructured, live *metav1.PartialObjectMetadata) Step {
	step := Step{Action: Create, Kind: o.GroupVersionKind(), Name: o.GetName(), Object: o, Reason: "new"}
	switch {
	case live == nil:
		return step
	case live.DeletionTimestamp != nil:
		step.Reason, step.UID = "is being deleted", live.UID
		return step
	}
	c := comparison{object: o, entries: entries(live), own: -1, fresh: live.Annotations[object.AnnotationHash] == o.GetAnnotations()[object.AnnotationHash]}
	c.own = slices.IndexFunc(c.entries, func(e entry) bool {
		return e.Manager == object.Manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
	})
	clean := c.foreign()
	clean = c.covered() && clean
	clean = c.tidy() && clean
	if clean && c.fresh {
		step.Action, step.Reason = Keep, ""
		return step
	}
	slices.SortFunc(c.fields, func(a, b Field) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.By, b.By)) })
	step.Action, step.Fields, step.Reason = Update, slices.Compact(c.fields), c.reason()
	step.Takeover, step.Versions = c.takeover()
	return step
}

// comparison is one rendered object beside what field managers own of the live one.
type comparison struct {
	object  *unstructured.Unstructured
	entries []entry
	own     int  // the index of psc's entry; -1 when there is none
	fresh   bool // the live object carries the hash of the rendered one
	fields  []Field
	// taken are the fields that go from an entry to psc, so that they are removed with what psc does not render;
	// released are those that nobody is to own any more. Both are by the index of the entry.
	taken, released map[int]*fieldpath.Set
}

// foreign finds what others own and the object does not set.
func (c *comparison) foreign() bool {
	clean := true
	for i, e := range c.entries {
		if i == c.own || e.Subresource != "" || controller(e.Manager) {
			continue
		}
		e.set.Iterate(func(path fieldpath.Path) {
			set := depth(c.object.Object, path)
			if !c.concerns(e, path) || set == len(path) && e.Manager != Pruner {
				return
			}
			clean = false
			c.take(i, path.Copy())
			c.fields = append(c.fields, Field{Path: text(path[:min(set+1, len(path))]), Change: Added, By: e.Manager, At: e.at()})
		})
	}
	return clean
}

// covered finds what is rendered and not psc's any more.
func (c *comparison) covered() bool {
	clean := true
	uncovered(managed(c.object.Object), c.ownSet(), nil, func(path fieldpath.Path) {
		clean = false
		f := Field{Path: text(path), Change: Removed}
		for i, e := range c.entries {
			if i != c.own && claims(e.set, path) && !e.at().Before(f.At) {
				f.Change, f.By, f.At = Changed, e.Manager, e.at()
			}
		}
		if c.own >= 0 && (f.By != "" || c.fresh) { // else it is only new in this revision
			c.fields = append(c.fields, f)
		}
	})
	return clean
}

// tidy finds what psc owns and the object does not set.
func (c *comparison) tidy() bool {
	clean := true
	c.ownSet().Iterate(func(path fieldpath.Path) {
		set := depth(c.object.Object, path)
		if set == len(path) {
			return
		}
		clean = false
		if c.releases(path) {
			c.take(c.own, path.Copy())
		}
		if c.fresh {
			c.fields = append(c.fields, Field{Path: text(path[:set+1]), Change: Added, By: c.entries[c.own].Manager, At: c.entries[c.own].at()})
		}
	})
	return clean
}

func (c *comparison) ownSet() *fieldpath.Set {
	if c.own < 0 || c.entries[c.own].APIVersion != c.object.GetAPIVersion() {
		return &fieldpath.Set{}
	}
	return c.entries[c.own].set
}

func (c *comparison) take(i int, path fieldpath.Path) {
	into := &c.taken
	if c.releases(path) {
		into = &c.released
	}
	if *into == nil {
		*into = map[int]*fieldpath.Set{}
	}
	if (*into)[i] == nil {
		(*into)[i] = &fieldpath.Set{}
	}
	(*into)[i].Insert(path)
}

// releases says whether a field is left as it is when psc stops writing it: the number of instances of an app is its
// autoscaler's from then on. Removed, it would fall to one first.
func (c *comparison) releases(path fieldpath.Path) bool {
	return c.object.GetKind() == object.Deployment.Kind && path.Equals(fieldpath.MakePathOrDie("spec", "replicas"))
}

// concerns says whether a field that somebody else owns has to be what is rendered. The state is never psc's, and
// neither is metadata but the labels and annotations that people set by hand: those of other tools are theirs. The
// spec of a claim cannot be added to, and what Kubernetes has set in it cannot be removed.
func (c *comparison) concerns(e entry, path fieldpath.Path) bool {
	top := path[0].FieldName
	switch {
	case top == nil || *top == "status":
		return false
	case *top != "metadata":
		return c.object.GetKind() != object.PersistentVolumeClaim.Kind
	case len(path) < 3 || path[1].FieldName == nil:
		return false
	}
	return (*path[1].FieldName == "labels" || *path[1].FieldName == "annotations") && person(e.Manager)
}

// managed is what of an object has owners: its name and kind have none.
func managed(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	for name, child := range object {
		if name != "apiVersion" && name != "kind" && name != "metadata" {
			out[name] = child
		}
	}
	metadata := map[string]any{}
	if from, ok := object["metadata"].(map[string]any); ok {
		for _, name := range []string{"labels", "annotations"} {
			if child, ok := from[name]; ok {
				metadata[name] = child
			}
		}
	}
	out["metadata"] = metadata
	return out
}

// reason is the comparison in few words.
func (c *comparison) reason() string {
	if c.own < 0 {
		return "taken over"
	}
	var by []string
	scaled := len(c.fields) > 0
	for _, f := range c.fields {
		if f.By != c.entries[c.own].Manager && !slices.Contains(by, f.By) {
			by = append(by, f.By)
		}
		scaled = scaled && f.Path == "spec.replicas" && f.By != ""
	}
	by = slices.DeleteFunc(by, func(manager string) bool { return manager == "" })
	switch {
	case scaled:
		return "scaled by " + strings.Join(by, ", ")
	case len(by) > 0:
		return "edited by " + strings.Join(by, ", ")
	case len(c.fields) == 0:
		return "changed"
	case slices.ContainsFunc(c.fields, func(f Field) bool { return f.Change == Removed }):
		return "edited by hand"
	}
	return "left halfway by a deploy"
}

// controller says whether a field manager is one of Kubernetes' own, which write onto objects by design.
func controller(manager string) bool {
	return strings.HasPrefix(manager, "kube-") || manager == "kubelet" ||
		manager == "cloud-controller-manager" || manager == "openshift-controller-manager"
}

// person says whether a field manager is what people write labels and annotations with. before-first-apply and
// ancient-changes are the API server's names for fields whose writers it does not know any more:
// https://kubernetes.io/docs/reference/using-api/server-side-apply/
func person(manager string) bool {
	return strings.HasPrefix(manager, "kubectl") ||
		slices.Contains([]string{"before-first-apply", "ancient-changes", Pruner, "oc", "k9s", "node-fetch", "Mozilla"}, manager)
}
