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

// Object compares a rendered object with the metadata of the live one, which is nil if there is none.
//
// The live object is up to date if all of the following holds:
//   - It has the hash of the rendered object.
//   - psc's entry of managedFields has all rendered fields. A manager that changes or removes a field removes it there.
//   - No other manager owns a field that is not rendered. It may own a rendered field that has the same value.
//   - psc does not own a field that is not rendered, as it does after an interrupted deploy.
func Object(o *unstructured.Unstructured, live *metav1.PartialObjectMetadata) Step {
	step := Step{Action: Create, Kind: o.GroupVersionKind(), Name: o.GetName(), Object: o, Reason: "new"}
	if live == nil {
		return step
	}
	step.UID, step.Version = live.UID, live.ResourceVersion
	if live.DeletionTimestamp != nil {
		step.Reason = "is being deleted"
		return step
	}
	c := comparison{object: o, entries: entries(live), own: -1, current: live.Annotations[object.AnnotationHash] == o.GetAnnotations()[object.AnnotationHash]}
	c.own = slices.IndexFunc(c.entries, func(e entry) bool {
		return e.Manager == object.Manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
	})
	clean := c.unrendered()
	clean = c.covered() && clean
	clean = c.leftovers() && clean
	if clean && c.current {
		step.Action, step.Reason = Keep, ""
		if c.released != nil { // if the object is written all the same: see Fence
			step.Takeover, step.Versions = c.takeover(live.ResourceVersion)
		}
		return step
	}
	slices.SortFunc(c.fields, func(a, b Field) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.By, b.By)) })
	step.Action, step.Fields, step.Reason = Update, slices.Compact(c.fields), c.reason()
	step.Takeover, step.Versions = c.takeover(live.ResourceVersion)
	return step
}

// comparison is a rendered object, and what the field managers own of the live one.
type comparison struct {
	object  *unstructured.Unstructured
	entries []entry
	own     int  // the index of psc's entry, or -1
	current bool // the live object has the hash of the rendered one
	fields  []Field
	// taken are the fields that psc takes over from an entry, so that the next apply removes them. released are the
	// fields that no manager will own. Both are by the index of the entry.
	taken, released map[int]*fieldpath.Set
}

// unrendered finds the fields that others own and that are not rendered. It reports whether there are none.
func (c *comparison) unrendered() bool {
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

// covered finds the rendered fields that psc does not own anymore. It reports whether there are none.
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
		if c.own >= 0 && (f.By != "" || c.current) { // else it is new in this revision
			c.fields = append(c.fields, f)
		}
	})
	return clean
}

// leftovers finds the fields that psc owns and that are not rendered. It reports whether there are none, besides a fence and
// the number of instances that psc gave to an autoscaled app: psc releases it before the next write.
func (c *comparison) leftovers() bool {
	clean := true
	c.ownSet().Iterate(func(path fieldpath.Path) {
		set := depth(c.object.Object, path)
		switch {
		case set == len(path), path.Equals(fencePath()):
			return
		case c.releases(path):
			c.take(c.own, path.Copy())
			return
		}
		clean = false
		if c.current {
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

// releases reports whether a field keeps its value when psc stops writing it: the number of instances of an app with a
// new autoscaler. If psc removed the field, the app would be scaled to one instance.
func (c *comparison) releases(path fieldpath.Path) bool {
	return c.object.GetKind() == object.Deployment.Kind && path.Equals(fieldpath.MakePathOrDie("spec", "replicas"))
}

// concerns reports whether a field of another manager has to be as rendered. The status never has to be. Metadata does
// not have to be either, except for labels and annotations that users set by hand: those of other tools are kept. The same holds
// for the metadata of instances, and a restart is no change of what runs. The spec of a PersistentVolumeClaim is immutable, and
// Kubernetes sets fields in it.
func (c *comparison) concerns(e entry, path fieldpath.Path) bool {
	if template := fieldpath.MakePathOrDie("spec", "template"); len(path) > 3 && path[:2].Equals(template) && is(path[2], "metadata") {
		return !restarts(path[3:]) && metadataOfPeople(e, path[2:])
	}
	switch {
	case path[0].FieldName == nil || is(path[0], "status"):
		return false
	case is(path[0], "metadata"):
		return metadataOfPeople(e, path)
	}
	return c.object.GetKind() != object.PersistentVolumeClaim.Kind
}

// metadataOfPeople reports whether a path below metadata is a label or an annotation that someone has set by hand.
func metadataOfPeople(e entry, path fieldpath.Path) bool {
	return len(path) >= 3 && (is(path[1], "labels") || is(path[1], "annotations")) && person(e.Manager)
}

// restarts reports whether a path below the metadata of instances is an annotation whose only effect is a restart: it has the time.
// The names are those of kubectl, which k9s and Argo CD use too, of the console of OpenShift, and of Rancher.
func restarts(path fieldpath.Path) bool {
	return len(path) == 2 && is(path[0], "annotations") && (is(path[1], "kubectl.kubernetes.io/restartedAt") ||
		is(path[1], "openshift.openshift.io/restartedAt") || is(path[1], "cattle.io/timestamp"))
}

func is(e fieldpath.PathElement, name string) bool { return e.FieldName != nil && *e.FieldName == name }

// managed returns the fields of an object that have field managers: its name and kind have none.
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

// reason sums up the comparison.
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
	case len(c.fields) == 1 && c.fields[0].Path == "spec.replicas" && c.fields[0].Change == Removed:
		return "scaled by hand" // a number of 0 has no owner
	case len(by) > 0:
		return "edited by " + strings.Join(by, ", ")
	case len(c.fields) == 0:
		return "changed"
	case slices.ContainsFunc(c.fields, func(f Field) bool { return f.Change == Removed }):
		return "edited by hand"
	}
	return "left by an interrupted deploy"
}

// controller reports whether a field manager is a controller of Kubernetes, which writes to objects by design.
func controller(manager string) bool {
	return strings.HasPrefix(manager, "kube-") || manager == "kubelet" ||
		manager == "cloud-controller-manager" || manager == "openshift-controller-manager"
}

// person reports whether a field manager is a tool with which users write labels and annotations. before-first-apply and
// ancient-changes are the names that the API server uses for fields of unknown managers:
// https://kubernetes.io/docs/reference/using-api/server-side-apply/
func person(manager string) bool {
	return strings.HasPrefix(manager, "kubectl") ||
		slices.Contains([]string{"before-first-apply", "ancient-changes", Pruner, "oc", "k9s", "node-fetch", "Mozilla"}, manager)
}
