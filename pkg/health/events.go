package health

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Events are the events of a pod by the object that they are about. They only help to explain a status: Kubernetes drops them
// after an hour, and earlier if there are many.
type Events map[subject][]*corev1.Event

type subject struct{ kind, name string }

// NewEvents groups events by the object that they are about, and sorts each group by time.
func NewEvents(all []*corev1.Event) Events {
	out := Events{}
	for _, e := range all {
		about := subject{kind: e.InvolvedObject.Kind, name: e.InvolvedObject.Name}
		out[about] = append(out[about], e)
	}
	for _, events := range out {
		slices.SortStableFunc(events, func(a, b *corev1.Event) int { return When(a).Compare(When(b)) })
	}
	return out
}

// NoCause lists the reasons of events that never explain why something does not start. Most events have one of them.
func NoCause() []string {
	return []string{
		"Scheduled", "Pulled", "Created", "Started", "SuccessfulCreate", "SuccessfulDelete", "ScalingReplicaSet",
		"BackOff", "FailedScheduling", "FailedCreate", "Failed",
	}
}

func (e Events) of(kind, name string) []*corev1.Event { return e[subject{kind: kind, name: name}] }

// When is the last time that an event happened. The scheduler and the kubelet write it into different fields.
func When(e *corev1.Event) time.Time {
	if e.Series != nil && !e.Series.LastObservedTime.IsZero() {
		return e.Series.LastObservedTime.Time
	}
	return cmp.Or(e.LastTimestamp.Time, e.EventTime.Time, e.FirstTimestamp.Time)
}

// last returns the latest event that has one of the reasons, or nil.
func last(events []*corev1.Event, reasons ...string) *corev1.Event {
	for _, e := range slices.Backward(events) {
		if slices.Contains(reasons, e.Reason) {
			return e
		}
	}
	return nil
}
