package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pscdev/psc/internal/fault"
	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/internal/workspace"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// tell writes a message for a note of the engine.
func (s *session) tell(n workspace.Note) {
	switch {
	case n.Includes != nil:
		for _, d := range n.Includes {
			s.say("  %s by %s: %s", d.Name(), d.Author, d.Title())
		}
	case n.Along != nil:
		s.say("Includes your %s: %s", draftNames(n.Along), titles(n.Along))
	case n.Withdrawn != nil:
		s.say("Discarded your %s: nothing of it is left to deploy", draftNames(n.Withdrawn))
	case n.Undoes:
		s.say("No change to deploy. The change becomes a draft, because your other drafts set the same fields")
	case n.Reduced != nil:
		s.say("Draft %s is now %s, without the fields that %s sets", n.Reduced.Draft.Name(), n.Reduced.Now.Name(), n.Reduced.By.Name())
	case n.Deploying != nil:
		s.say("Deploying %s to %s on %s as %s", n.Deploying.Revision.Name(), n.Deploying.Pod, n.Deploying.Context, n.Deploying.User)
		s.progress.Store(s.view.Progress())
	case n.Queued != nil:
		text := fmt.Sprintf("  waiting: %s", n.Queued)
		if n.Queued.Next != 0 {
			text += fmt.Sprintf(", and stops for r%d", n.Queued.Next)
		}
		s.say("%s", text)
	case n.Left != nil:
		s.view.Warn("objects of kind %s are left alone: you may not list them", strings.Join(n.Left, " and "))
	case n.Plan != nil:
		s.say("  %s", view.PlanWords(*n.Plan))
		s.others(*n.Plan)
	case n.Resource != nil:
		if p := s.progress.Load(); p != nil {
			p.Show(*n.Resource)
		}
	case n.Ended:
		s.endProgress()
	case n.Rebased != nil:
		s.say("Rebased %s onto r%d", pod.Count(n.Rebased.Drafts, "waiting draft"), n.Rebased.Onto)
	case n.Discarded != nil:
		s.view.Warn("draft %s by %s is discarded: %v", n.Discarded.Draft.Name(), n.Discarded.Draft.Author, worded(n.Discarded.Why))
	case n.Kept != nil:
		s.say("%s waits as a draft", n.Kept.Name())
	case n.KeptValues != nil:
		s.say("Kept the values of this pod for %s: the file has versions of another pod", strings.Join(n.KeptValues, ", "))
	case n.Restored:
		s.say("Restored content that was missing in the pod")
	case n.Trimmed != nil && n.Trimmed.Limit == 0:
		s.say("Removed %s to make room: a quota of the namespace is full", pod.Count(n.Trimmed.Revisions, "old revision"))
	case n.Trimmed != nil:
		s.say("Removed %s: the history keeps %d (psc revision keep)", pod.Count(n.Trimmed.Revisions, "old revision"), n.Trimmed.Limit)
	case n.NotTrimmed != nil:
		s.view.Warn("old revisions could not be removed: %v", n.NotTrimmed)
	case n.Missing != nil:
		s.view.Warn("%s", view.MissingWords(n.Missing))
	case n.NotPinned != nil:
		text := fmt.Sprintf("%s is not pinned: %v", n.NotPinned.Image, n.NotPinned.Why)
		if hint := fault.Of(n.NotPinned.Why).Hint; hint != "" {
			text += " (" + hint + ")"
		}
		s.view.Warn("%s", text)
	case n.Unavailable != "":
		s.view.Warn("the registry no longer has the image %s: instances start only on nodes that still have it", n.Unavailable)
	case n.RollingBack != nil:
		s.say("%s failed; rolling back to r%d", n.RollingBack.Failed.Name(), n.RollingBack.To)
	case n.NotAdmin != nil:
		s.view.Warn("you are not an admin of the new pod: %v", n.NotAdmin)
	case n.NotIsolated != nil:
		s.view.Warn("the new pod is not isolated: %v", n.NotIsolated)
	}
}

// draftNames returns "draft r2" or "drafts r2, r3".
func draftNames(drafts []revision.Revision) string {
	names := make([]string, len(drafts))
	for i, d := range drafts {
		names[i] = d.Name()
	}
	if len(names) == 1 {
		return "draft " + names[0]
	}
	return "drafts " + strings.Join(names, ", ")
}

// titles returns what drafts change, in one line.
func titles(drafts []revision.Revision) string {
	words := make([]string, len(drafts))
	for i, d := range drafts {
		words[i] = d.Title()
	}
	return strings.Join(words, "; ")
}

// others says what a deploy takes back from others, and what it leaves to them.
func (s *session) others(p report.Plan) {
	for i, line := range p.TakesBack {
		if i == maxTakesBack {
			s.say("  takes back: %d more", len(p.TakesBack)-i)
			break
		}
		s.say("  takes back: %s", line)
	}
	for _, app := range slices.Sorted(maps.Keys(p.Autoscalers)) {
		s.view.Warn("app %s: HorizontalPodAutoscaler %s owns the number of instances, so psc does not change it", app, p.Autoscalers[app])
	}
}

// maxTakesBack is how many objects others names.
const maxTakesBack = 10

// endProgress ends the lines that a deploy redraws.
func (s *session) endProgress() {
	if p := s.progress.Swap(nil); p != nil {
		p.Close()
	}
}
