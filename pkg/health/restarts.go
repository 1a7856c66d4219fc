package health

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Restarts counts how often the containers of instances were restarted, without instances that are ending or have ended for good. last
// is how the newest run ended of those that have ended, or nil.
func Restarts(instances ...*corev1.Pod) (count int, last *corev1.ContainerStateTerminated) {
	for _, p := range instances {
		if over(p) || p.DeletionTimestamp != nil {
			continue
		}
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			count += int(c.RestartCount)
			if c.RestartCount == 0 { // an init container that has done its work
				continue
			}
			end := c.LastTerminationState.Terminated
			if end != nil && (last == nil || last.FinishedAt.Before(&end.FinishedAt)) {
				last = end
			}
		}
	}
	return count, last
}
