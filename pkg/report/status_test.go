package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// What a deploy did not write because it failed is nobody's change: psc status leaves it out, and psc diff --live says why it
// differs. What others changed is drift all the same.
func TestDriftOfFailed(t *testing.T) {
	edited := []plan.Field{{Path: "spec.hostnames", Change: plan.Changed, By: "kubectl-edit"}}
	steps := []plan.Step{
		{Action: plan.Create, Kind: object.Service, Name: "web"},
		{Action: plan.Create, Kind: object.HTTPRoute, Name: "new"},
		{Action: plan.Update, Kind: object.HTTPRoute, Name: "changed", Reason: "changed"},
		{Action: plan.Update, Kind: object.HTTPRoute, Name: "edited", Reason: "edited by kubectl-edit", Fields: edited},
		{Action: plan.Delete, Kind: object.Deployment, Name: "old", Reason: "no longer part of the spec"},
		{Action: plan.Create, Kind: object.ServiceAccount, Name: "web", UID: "1", Reason: "is being deleted"},
		{Action: plan.Update, Kind: object.Deployment, Name: "by-hand", Reason: "edited by kubectl-edit", Fields: edited},
	}
	words := func(drift []report.Drift) (out []string) {
		for _, d := range drift {
			out = append(out, d.Ref()+": "+d.Reason)
		}
		return out
	}
	all := []string{
		"Service/web: missing", "HTTPRoute/new: missing", "HTTPRoute/changed: changed", "HTTPRoute/edited: edited by kubectl-edit",
		"Deployment/old: no longer part of the spec", "ServiceAccount/web: is being deleted", "Deployment/by-hand: edited by kubectl-edit",
	}
	failed := revision.Revision{Number: 7, State: revision.Failed}
	for name, test := range map[string]struct {
		live              revision.Revision
		held              bool // a job has to succeed first
		caused, unwritten []string
	}{
		"ready": {live: revision.Revision{Number: 7, State: revision.Ready}, caused: all, unwritten: all},
		"failed": {live: failed, caused: []string{all[0], all[3], all[5], all[6]}, unwritten: []string{
			all[0], "HTTPRoute/new: not written: r7 failed before", "HTTPRoute/changed: not written: r7 failed before", all[3],
			"Deployment/old: not written: r7 failed before", all[5], all[6],
		}},
		"job failed": {live: failed, held: true, caused: []string{all[3], all[5], all[6]}, unwritten: []string{
			"Service/web: not written: r7 failed before", "HTTPRoute/new: not written: r7 failed before", "HTTPRoute/changed: not written: r7 failed before",
			all[3], "Deployment/old: not written: r7 failed before", all[5], all[6],
		}},
	} {
		if diff := cmp.Diff(test.caused, words(report.Caused(report.Drifts(steps), test.live, test.held))); diff != "" {
			t.Errorf("%s: caused: -want +got\n%s", name, diff)
		}
		if diff := cmp.Diff(test.unwritten, words(report.Unwritten(report.Drifts(steps), test.live, test.held))); diff != "" {
			t.Errorf("%s: unwritten: -want +got\n%s", name, diff)
		}
	}
}

// Another tool that has the Lease need not say who it is.
func TestHolder(t *testing.T) {
	for id, want := range map[string]string{
		"alice@laptop/4711-1":         "alice is deploying (on laptop)",
		"alice@acme.eu@laptop/4711-1": "alice@acme.eu is deploying (on laptop)",
		"@laptop":                     "someone is deploying (on laptop)",
	} {
		if got := (report.Holder{ID: id}).String(); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
}
