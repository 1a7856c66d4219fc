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
	failed := func(back *revision.Revision) error {
		return &workspace.DeployError{
			End: workspace.Failed, Revision: revision.Revision{Number: 2}, Err: errors.New("failed: app web: crashed"), RolledBack: back,
		}
	}
	restored := &revision.Revision{Number: 3, Restores: 1}
	none := &workspace.PodError{Pod: "shop", Err: workspace.ErrNoneBefore}
	full := errors.New("no space left on device")
	for _, c := range []struct {
		name string
		err  error
		text string
		hint string
	}{
		{"alone", failed(nil), "r2 failed: app web: crashed", "psc deploy retries"},
		{"nothing to roll back to", errors.Join(failed(nil), none), "r2 failed: app web: crashed\nthere is no earlier revision that was ready", "psc deploy retries"},
		{"rolled back", errors.Join(failed(restored), nil), "r2 failed: app web: crashed; rolled back to r1 as r3", "psc revision show 2"},
		{"rolled back, but not shown", errors.Join(failed(restored), full), "r2 failed: app web: crashed; rolled back to r1 as r3\nno space left on device", "psc revision show 2"},
		{"never written", failed(&revision.Revision{Number: 1}), "r2 failed: app web: crashed; rolled back to r1", "psc revision show 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := fault.Of(worded(c.err))
			if got.Err.Error() != c.text || got.Hint != c.hint || got.Code != fault.Failed {
				t.Errorf("got %q, hint %q, code %d, want %q, hint %q", got.Err, got.Hint, got.Code, c.text, c.hint)
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
