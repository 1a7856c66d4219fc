package rollout

import (
	"context"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/pkg/health"
)

const (
	// quoted is of how many apps the log is quoted, and quotedLines how much of it.
	quoted, quotedLines = 3, 10
	// quoteTime is how long that may take: a node that is gone never answers.
	quoteTime = 2 * time.Second
)

// quote adds the last lines of the log to the resources that are not ready and have one. Nothing of it is kept in the
// cluster: a log may hold what should not be there.
func (o Observer) quote(ctx context.Context, statuses []Status) []Status {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quoteTime)
	defer cancel()
	anyFailed := slices.ContainsFunc(statuses, func(s Status) bool { return s.State == health.Failed })
	var group errgroup.Group
	left := quoted
	for i := range statuses {
		s := &statuses[i]
		if s.Log == (health.Log{}) || left == 0 || anyFailed && s.State != health.Failed {
			continue
		}
		left--
		group.Go(func() error {
			// Without the log there is what the cluster itself kept of its end.
			if said := strings.TrimSpace(s.Log.Said); said != "" {
				lines := strings.Split(said, "\n")
				s.Lines = lines[max(0, len(lines)-quotedLines):]
			}
			if lines, err := o.Kube.LastLines(ctx, o.Pod, s.Log.Instance, s.Log.Container, s.Log.Previous, quotedLines); err == nil && len(lines) > 0 {
				s.Lines = lines
			}
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	return statuses
}
