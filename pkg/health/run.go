package health

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// Start returns why an instance that runs once has not started. It is Failed if waiting does not help. The instance is that of an
// app, and its program has not run yet.
func Start(of pod.Ref, p *corev1.Pod, events Events, now time.Time) Status {
	t := instance{Pod: p, of: of, events: events.of("Pod", p.Name), all: events, now: now}.trouble()
	s := Status{State: Progressing, Reason: line(t.cause, maxReason) + t.response, Next: t.next}
	if t.fatal {
		s.State, s.Reason = Failed, line(t.cause, maxReason)
	}
	return s
}

// Ended returns why an instance that runs once has ended, and what can be done about it. The reason is empty if its program ended by
// itself.
func Ended(of pod.Ref, p *corev1.Pod) (reason string, next []pod.Next) {
	i := instance{Pod: p, of: of}
	for _, c := range p.Status.ContainerStatuses {
		end := c.State.Terminated
		switch {
		case p.Status.Reason == "DeadlineExceeded" || end == nil:
		case slices.Contains([]string{"StartError", "ContainerCannotRun"}, end.Reason):
			return line(i.end(c, end, 1).cause, maxReason), nil // its command need not be that of the app
		case end.Reason == "OOMKilled":
			t := i.end(c, end, 1)
			return line(t.cause, maxReason), t.next
		}
	}
	switch deadline := p.Spec.ActiveDeadlineSeconds; {
	case p.Status.Reason == "DeadlineExceeded" && deadline != nil:
		return fmt.Sprintf("it did not end within %s", time.Duration(*deadline)*time.Second), nil
	case p.Status.Reason != "":
		t := i.stopped()
		return line(t.cause, maxReason), t.next
	}
	return "", nil
}
