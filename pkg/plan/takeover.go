package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/pscdev/psc/pkg/object"
)

// Operation is an operation of a JSON patch: https://www.rfc-editor.org/rfc/rfc6902
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// takeover returns the patch that makes psc the owner of the fields that others added, so that the next apply removes them:
// server-side apply only removes fields that its own manager owns. The API server refuses the patch if the object has another
// version than live. psc cannot own fields of another API version: Pruner gets them, and drops them when it applies an empty
// configuration.
func (c *comparison) takeover(live string) (patch []Operation, versions []string) {
	version, mine := c.object.GetAPIVersion(), &fieldpath.Set{}
	if c.own >= 0 {
		version, mine = c.entries[c.own].APIVersion, c.entries[c.own].set
	}
	others := map[string]*fieldpath.Set{}
	next := map[int]*fieldpath.Set{} // the new sets of the entries
	for i, e := range c.entries {
		if released := c.released[i]; released != nil {
			next[i] = e.set.Difference(released)
		}
		taken := c.taken[i]
		if taken == nil {
			continue
		}
		next[i] = cmp.Or(next[i], e.set).Difference(taken)
		if e.APIVersion == version {
			mine = mine.Union(taken)
			continue
		}
		others[e.APIVersion] = cmp.Or(others[e.APIVersion], &fieldpath.Set{}).Union(taken)
	}
	if c.own >= 0 {
		if released := c.released[c.own]; released != nil {
			mine = mine.Difference(released)
		}
		if !mine.Equals(c.entries[c.own].set) {
			next[c.own] = mine
		}
	} else if !mine.Empty() {
		others[version] = mine
	}
	if len(next) > 0 {
		patch = append(patch, Operation{Op: "replace", Path: "/metadata/resourceVersion", Value: live})
	}
	for _, i := range slices.Backward(slices.Sorted(maps.Keys(next))) { // so that a removal does not move an entry that is changed later
		at := fmt.Sprintf("/metadata/managedFields/%d", i)
		if next[i].Empty() {
			patch = append(patch, Operation{Op: "remove", Path: at})
			continue
		}
		patch = append(patch, Operation{Op: "replace", Path: at + "/fieldsV1", Value: encode(next[i])})
	}
	for _, other := range slices.Sorted(maps.Keys(others)) {
		manager := object.Manager
		if other != version {
			manager = Pruner
			versions = append(versions, other)
		}
		patch = append(patch, Operation{Op: "add", Path: "/metadata/managedFields/-", Value: metav1.ManagedFieldsEntry{
			Manager: manager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: other,
			FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(string(encode(others[other]))),
		}})
	}
	return patch, versions
}

func encode(set *fieldpath.Set) json.RawMessage {
	data, err := set.ToJSON()
	if err != nil {
		panic(fmt.Sprintf("plan: a set of fields cannot be encoded: %v", err))
	}
	return data
}
