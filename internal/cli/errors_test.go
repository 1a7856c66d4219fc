package cli

import (
	"errors"
	"testing"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
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

// TestWordedUses checks the commands for what a deletion would leave without its resource.
func TestWordedUses(t *testing.T) {
	for path, want := range map[string]string{
		"app/web spec.env.URL":                   "psc app set web --env URL-",
		"app/web spec.envFrom[secret/db]":        "psc app set web --env-from secret/db-",
		"app/web spec.files[/etc/web]":           "psc app set web --mount /etc/web-",
		"app/web spec.disks[/data]":              "psc app set web --mount /data-",
		"app/web spec.processes[cron].files[/a]": "psc edit app/web",
		"app/web spec.processes[cron].env.URL":   "psc edit app/web",
		"route/shop spec.rules[/].to[web]":       "psc route delete shop",
	} {
		inUse := &pod.InUseError{By: pod.Problems{{Path: path, Message: "is missing"}}}
		if got := fault.Of(worded(inUse)).Hint; got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
