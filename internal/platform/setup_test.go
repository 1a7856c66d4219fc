package platform

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/revision"
)

// The policy has the moves of pkg/revision. It also allows the first states of a record.
func TestAuditHasAllMoves(t *testing.T) {
	var policy struct {
		Spec struct {
			Variables []struct{ Name, Expression string }
		}
	}
	text, _, _ := strings.Cut(auditYAML, "\n---\n")
	if err := yaml.Unmarshal([]byte(text), &policy); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, v := range policy.Spec.Variables {
		if v.Name != "moves" {
			continue
		}
		if err := yaml.Unmarshal([]byte(v.Expression), &got); err != nil { // a map of CEL is one of YAML
			t.Fatal(err)
		}
	}
	states := []revision.State{revision.Draft, revision.Waiting, revision.Pending, revision.Ready, revision.Failed, revision.Discarded}
	for _, from := range states {
		for _, to := range states {
			_, err := revision.Move(revision.Revision{State: from}, to)
			if allowed := slices.Contains(got[string(from)], string(to)); allowed != (err == nil) {
				t.Errorf("%s -> %s: the policy allows it: %v, psc does it: %v", from, to, allowed, err == nil)
			}
		}
	}
	if len(got) != len(states)+1 {
		t.Errorf("the policy has moves of %d states, want %d and the beginning", len(got), len(states))
	}
}

// Every object of a setup says what it is for, and that psc created it: so it can be removed again.
func TestObjectsOfSetup(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 16 {
		t.Errorf("%d objects", len(all))
	}
	for _, o := range all {
		if Purpose(o) == "" || o.GetLabels()[object.LabelManagedBy] != object.Manager || o.GetName() == "" {
			t.Errorf("%s %s has no purpose, no label or no name", o.GetKind(), o.GetName())
		}
	}
}
