package cli

import (
	"errors"
	"testing"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/revision"
)

// TestWordedDeploys checks the text of a deploy with --rollback-on-failure, also when something failed after it.
func TestWordedDeploys(t *testing.T) {
	failed := func(rolledBack bool) error {
		return &workspace.DeployError{
			End: workspace.Failed, Revision: revision.Revision{Number: 2}, Err: errors.New("failed: app web: crashed"), RolledBack: rolledBack,
		}
	}
	none := &workspace.PodError{Pod: "shop", Err: workspace.ErrNoneBefore}
	full := errors.New("no space left on device")
	for _, c := range []struct {
		name   string
		err    error
		text   string
		hint   string
		silent bool
	}{
		{"alone", failed(false), "r2 failed: app web: crashed", "psc deploy retries", false},
		{"nothing to roll back to", errors.Join(failed(false), none), "r2 failed: app web: crashed\nthere is no earlier revision that was ready", "psc deploy retries", false},
		{"rolled back", errors.Join(failed(true), nil), "r2 failed: app web: crashed", "psc deploy retries", true},
		{"rolled back, but not shown", errors.Join(failed(true), full), "no space left on device", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fault.Of(worded(c.err))
			if got.Err.Error() != c.text || got.Hint != c.hint || got.Silent != c.silent || got.Code != fault.Failed {
				t.Errorf("got %q, hint %q, silent %v, code %d, want %q, hint %q, silent %v", got.Err, got.Hint, got.Silent, got.Code, c.text, c.hint, c.silent)
			}
		})
	}
}
