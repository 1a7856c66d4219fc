package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/pkg/health"
)

// unready says of each resource that is not ready why.
func unready(statuses []Status) (reasons []string) {
	for _, s := range statuses {
		if s.State != health.Ready && s.State != health.Stopped {
			count := ""
			if s.Desired > 0 {
				count = fmt.Sprintf("%d/%d ready, ", s.Ready, s.Desired)
			}
			reasons = append(reasons, fmt.Sprintf("%s %s: %s%s", s.Ref.Kind.Word(), s.Ref.Name, count, s.Reason))
		}
	}
	return reasons
}

// fitting returns as many lines as an annotation may have.
func fitting(lines []string) []string {
	size := 0
	for i, line := range lines {
		if size += len(line); size > maxReasons && i > 0 {
			return append(slices.Clone(lines[:i]), fmt.Sprintf("%d more", len(lines)-i))
		}
	}
	return lines
}

// maxReasons is the size in bytes that the reasons of all failed resources may have together: a revision stores them in an
// annotation.
const maxReasons = 1 << 10

// tally counts the resources that are not ready yet, and returns the reasons of those that have failed.
func tally(statuses []Status) (open int, failed []string) {
	size, more := 0, 0
	for _, s := range statuses {
		switch s.State {
		case health.Failed:
			text := fmt.Sprintf("%s %s: %s", s.Ref.Kind.Word(), s.Ref.Name, s.Reason)
			if size += len(text); size > maxReasons && len(failed) > 0 {
				more++
				continue
			}
			failed = append(failed, text)
		case health.Progressing:
			open++
		case health.Ready, health.Stopped:
		}
	}
	if more > 0 {
		failed = append(failed, fmt.Sprintf("%d more failed", more))
	}
	return open, failed
}

const (
	// maxQuotes is the number of apps whose logs are quoted, and maxLines the number of lines of each.
	maxQuotes, maxLines = 3, 10
	// quoteTimeout is how long reading logs may take: a lost node never answers.
	quoteTimeout = 2 * time.Second
)

// quote adds the last lines of the log to the resources that are not ready, or only to those that have failed if there are
// any. They are not stored in the cluster, because a log may contain secrets.
func (o Observer) quote(ctx context.Context, statuses []Status) []Status {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quoteTimeout)
	defer cancel()
	anyFailed := slices.ContainsFunc(statuses, func(s Status) bool { return s.State == health.Failed })
	var group errgroup.Group
	left := maxQuotes
	for i := range statuses {
		s := &statuses[i]
		if s.Log == (health.Log{}) || left == 0 || anyFailed && s.State != health.Failed {
			continue
		}
		left--
		group.Go(func() error {
			// If the log is gone, the cluster may have kept its end with the instance.
			if kept := strings.TrimSpace(s.Log.Said); kept != "" {
				lines := strings.Split(kept, "\n")
				s.Lines = lines[max(0, len(lines)-maxLines):]
			}
			if lines, err := o.Kube.LastLines(ctx, o.Pod, s.Log.Instance, s.Log.Container, s.Log.Previous, maxLines); err == nil && len(lines) > 0 {
				s.Lines = lines
			}
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors
	return statuses
}
