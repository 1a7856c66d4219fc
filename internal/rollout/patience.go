package rollout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// patience remembers the apps that crash, perhaps because they need another app of the same deploy that is not ready yet.
type patience map[pod.Ref]*crash

// crash is an app that has failed because it crashes.
type crash struct {
	// failure is final: an app that crashes looks fine for the second in which it runs.
	failure health.Status
	// waited means that another app could still heal it, and again that it was restarted when no app could anymore.
	waited, again bool
}

// judge decides about the apps that have failed because they crash. An app is not given up while another app is still starting and does
// not itself need the first one. When no such app is left, judge returns those to restart, once: Kubernetes itself retries less and
// less often. Everything else that has failed stays failed.
func (p patience) judge(spec pod.Spec, statuses []Status) (restart []pod.Ref) {
	final := false
	var coming []pod.Ref
	for i := range statuses {
		s := &statuses[i]
		c := p[s.Ref]
		switch {
		case s.State == health.Failed && s.Crashes && c == nil:
			p[s.Ref] = &crash{failure: s.Status}
		case s.State == health.Failed:
			final = final || !s.Crashes || c.again
		case s.State != health.Progressing:
			delete(p, s.Ref)
		case c != nil && !c.again:
			s.Status = c.failure
		case s.Ref.Kind == pod.KindApp:
			coming = append(coming, s.Ref)
		}
	}
	others := func(of pod.Ref) (names []string) {
		for _, other := range coming {
			if !needs(spec, other.Name, of.Name, nil) {
				names = append(names, other.Name)
			}
		}
		return names
	}
	hopeless := func(s Status) bool { return s.State == health.Failed && !p[s.Ref].waited && len(others(s.Ref)) == 0 }
	if final || slices.ContainsFunc(statuses, hopeless) {
		return nil
	}
	for i := range statuses {
		s := &statuses[i]
		if s.State != health.Failed {
			continue
		}
		s.State = health.Progressing
		if names := others(s.Ref); len(names) > 0 {
			p[s.Ref].waited = true
			s.Reason += fmt.Sprintf("; perhaps it needs app %s, which is not ready yet", strings.Join(names[:min(len(names), maxNames)], ", "))
			continue
		}
		p[s.Ref].again, restart = true, append(restart, s.Ref)
	}
	return restart
}

// maxNames is how many apps a reason names.
const maxNames = 3

// needs reports whether an app has the address of another one in its variables, or of one that does. seen are those that were
// looked at.
func needs(spec pod.Spec, name, other string, seen []string) bool {
	app := spec.App(name)
	if app == nil || slices.Contains(seen, name) {
		return false
	}
	for _, v := range app.Env {
		if v.App != "" && (v.App == other || needs(spec, v.App, other, append(seen, name))) {
			return true
		}
	}
	return false
}
