package rollout

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// The reason in the record of a revision is short, also if many resources have failed.
func TestTally(t *testing.T) {
	statuses := []Status{{Status: health.Status{State: health.Progressing}}, {Status: health.Status{State: health.Ready}}}
	for i := range 50 {
		statuses = append(statuses, Status{
			Ref:    pod.Ref{Kind: pod.KindApp, Name: fmt.Sprintf("web%d", i)},
			Status: health.Status{State: health.Failed, Reason: strings.Repeat("x", 500)},
		})
	}
	open, failed := tally(statuses)
	x := strings.Repeat("x", 500)
	want := []string{"app web0: " + x, "app web1: " + x, "48 more failed"}
	if diff := cmp.Diff(want, failed); diff != "" || open != 1 {
		t.Errorf("%d open, -want +got\n%s", open, diff)
	}
	if open, failed := tally(statuses[:2]); open != 1 || failed != nil {
		t.Errorf("got %d open and %q failed", open, failed)
	}
}
