package health

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revisionAnnotation numbers the ReplicaSets of a Deployment; the one with the Deployment's own number is current. Age
// does not tell: going back takes up an old ReplicaSet again.
const revisionAnnotation = "deployment.kubernetes.io/revision"

const (
	// crashes is how often a container has to end before it is a crash loop: two are often a dependency that starts
	// later.
	crashes = 3
	// configGrace is how long a missing Secret or ConfigMap may take to appear.
	configGrace = 5 * time.Second
)

// App tells how an app fares from its Deployment, the Deployment's ReplicaSets and all of their instances. d is nil
// when there is no Deployment.
func App(d *appsv1.Deployment, replicaSets []*appsv1.ReplicaSet, instances []*corev1.Pod, now time.Time) Status {
	if d == nil {
		return Status{State: Progressing, Reason: "is not in the cluster"}
	}
	desired := 1
	if d.Spec.Replicas != nil {
		desired = int(*d.Spec.Replicas)
	}
	s := Status{State: Progressing, Desired: desired, Ready: int(d.Status.AvailableReplicas)}
	if d.Status.ObservedGeneration < d.Generation {
		s.Reason = "the change has not been taken up yet"
		return s
	}
	// Only new instances count while a rollout is under way: the old ones serve, but are on their way out.
	s.Ready = min(int(d.Status.AvailableReplicas), int(d.Status.UpdatedReplicas))
	current := currentReplicaSet(d, replicaSets)
	if cause, fatal := trouble(d, current, instances, now); cause != "" {
		s.Reason = cause
		if fatal {
			s.State = Failed
			return s
		}
	}
	switch {
	case desired == 0 && d.Status.Replicas == 0:
		return Status{State: Stopped}
	case int(d.Status.UpdatedReplicas) == desired && int(d.Status.AvailableReplicas) == desired && int(d.Status.Replicas) == desired:
		return Status{State: Ready, Desired: desired, Ready: desired}
	case s.Reason == "":
		s.Reason = waitingFor(d, desired)
	}
	return s
}

func waitingFor(d *appsv1.Deployment, desired int) string {
	switch {
	case int(d.Status.UpdatedReplicas) < desired:
		return fmt.Sprintf("%d of %d new instances started", d.Status.UpdatedReplicas, desired)
	case int(d.Status.AvailableReplicas) < desired:
		return fmt.Sprintf("%d of %d instances ready", d.Status.AvailableReplicas, desired)
	default:
		return fmt.Sprintf("%d old instances stopping", int(d.Status.Replicas)-desired)
	}
}

func currentReplicaSet(d *appsv1.Deployment, all []*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	for _, rs := range all {
		if metav1.IsControlledBy(rs, d) && rs.Annotations[revisionAnnotation] == d.Annotations[revisionAnnotation] {
			return rs
		}
	}
	return nil
}

// trouble finds what keeps the current instances from running. fatal means that waiting does not help.
func trouble(d *appsv1.Deployment, current *appsv1.ReplicaSet, instances []*corev1.Pod, now time.Time) (cause string, fatal bool) {
	if current != nil {
		for _, instance := range instances {
			if !metav1.IsControlledBy(instance, current) || instance.DeletionTimestamp != nil {
				continue
			}
			if c, f := instanceTrouble(instance, now); f {
				return c, true
			} else if cause == "" {
				cause = c
			}
		}
	}
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue:
			return "no instance can be made: " + c.Message, refused(c.Message)
		case c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded":
			if cause == "" {
				cause = "no progress for too long"
			}
			return cause, true
		}
	}
	return cause, false
}

// refused tells messages of the API server that only a change can satisfy from those that time may.
func refused(message string) bool {
	for _, sign := range []string{"violates PodSecurity", "usage per", "must specify", "denied request:"} {
		if strings.Contains(message, sign) {
			return true
		}
	}
	return false
}

func instanceTrouble(p *corev1.Pod, now time.Time) (cause string, fatal bool) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			message, _, _ := strings.Cut(c.Message, ". ")
			return fmt.Sprintf("instance %s finds no node: %s", p.Name, message), false
		}
	}
	for _, c := range p.Status.ContainerStatuses {
		if cause, fatal = containerTrouble(p, c, now); cause != "" {
			return fmt.Sprintf("instance %s: %s", p.Name, cause), fatal
		}
	}
	return "", false
}

func containerTrouble(p *corev1.Pod, c corev1.ContainerStatus, now time.Time) (cause string, fatal bool) {
	if w := c.State.Waiting; w != nil {
		switch w.Reason {
		case "InvalidImageName", "ErrImageNeverPull":
			return fmt.Sprintf("image %s cannot be used: %s", c.Image, w.Message), true
		case "ErrImagePull", "ImagePullBackOff":
			return pullTrouble(c.Image, w.Message)
		case "CreateContainerConfigError", "CreateContainerError":
			fatal = strings.Contains(w.Message, "runAsNonRoot") || now.Sub(startedAt(p)) >= configGrace
			return "cannot be started: " + w.Message, fatal
		}
	}
	ended, times := c.LastTerminationState.Terminated, int(c.RestartCount)
	if t := c.State.Terminated; t != nil {
		ended, times = t, times+1
	}
	if ended == nil || c.Ready {
		return "", false
	}
	switch ended.Reason {
	case "StartError", "ContainerCannotRun":
		return "cannot be started: " + firstLine(ended.Message), c.RestartCount >= 1
	case "OOMKilled":
		cause = "needs more memory than it is given: it was killed"
	default:
		cause = fmt.Sprintf("ended with exit code %d", ended.ExitCode)
	}
	cause += fmt.Sprintf(", %d times", times)
	if tail := strings.TrimSpace(ended.Message); tail != "" {
		cause += ": " + lastLine(tail)
	}
	return cause, times >= crashes
}

func pullTrouble(image, message string) (cause string, fatal bool) {
	for _, sign := range []string{"code = NotFound", "manifest unknown", "no match for platform"} {
		if strings.Contains(message, sign) {
			return fmt.Sprintf("image %s was not found", image), true
		}
	}
	return fmt.Sprintf("image %s cannot be pulled: %s", image, message), false
}

// startedAt is when the instance was ready to have its containers started.
func startedAt(p *corev1.Pod) time.Time {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReadyToStartContainers {
			return c.LastTransitionTime.Time
		}
	}
	return p.CreationTimestamp.Time
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }
