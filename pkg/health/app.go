package health

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revisionAnnotation numbers the ReplicaSets of a Deployment; the one with the Deployment's own number is current. Age
// does not tell: going back takes up an old ReplicaSet again.
const revisionAnnotation = "deployment.kubernetes.io/revision"

const (
	// crashes is how often a container has to end before it is a crash loop: two are often a dependency that starts
	// later.
	crashes = 3
	// forgiven is how long a container has to run until its earlier crashes are history, as they are for the kubelet:
	// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
	forgiven = 10 * time.Minute
	// configGrace is how long a missing Secret or ConfigMap may take to appear.
	configGrace = 5 * time.Second
	// nodeGrace is how long a cluster may take to add a node for an instance.
	nodeGrace = 2 * time.Minute
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
	available := int(d.Status.AvailableReplicas)
	s := Status{State: Progressing, Desired: desired, Ready: available}
	if d.Status.ObservedGeneration < d.Generation {
		s.Reason = "the change has not been taken up yet"
		return s
	}
	// Only new instances count while a rollout is under way: the old ones serve, but are on their way out.
	current := currentReplicaSet(d, replicaSets)
	s.Ready = 0
	if current != nil {
		s.Ready = min(available, int(current.Status.AvailableReplicas))
	}
	if cause, fatal := trouble(d, current, instances, now); cause != "" {
		s.Reason = cause
		if old := available - s.Ready; old > 0 {
			s.Reason += fmt.Sprintf("; the old version still serves (%d ready)", old)
		}
		if fatal {
			s.State = Failed
			return s
		}
	}
	switch {
	case desired == 0 && d.Status.Replicas == 0:
		return Status{State: Stopped}
	case int(d.Status.UpdatedReplicas) == desired && available == desired && int(d.Status.Replicas) == desired:
		return Status{State: Ready, Desired: desired, Ready: desired}
	case s.Reason == "":
		s.Reason = waitingFor(d, desired)
	}
	return s
}

func waitingFor(d *appsv1.Deployment, desired int) string {
	if int(d.Status.UpdatedReplicas) < desired || int(d.Status.AvailableReplicas) < desired {
		return "starting"
	}
	return fmt.Sprintf("instances still stopping: %d", int(d.Status.Replicas)-desired)
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
	if c := deploymentCondition(d, appsv1.DeploymentReplicaFailure); c != nil && c.Status == corev1.ConditionTrue {
		cause, fatal = "no more instances can be made: "+c.Message, refused(c.Message)
	}
	if c := deploymentCondition(d, appsv1.DeploymentProgressing); c != nil && c.Reason == "ProgressDeadlineExceeded" {
		cause, fatal = cmp.Or(cause, "no progress for too long"), true
	}
	return cause, fatal
}

func deploymentCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == kind {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

// refused tells messages of the API server that only a change can satisfy from those that time may.
func refused(message string) bool {
	for _, sign := range []string{"violates PodSecurity", "usage per", "must specify", "denied request:"} {
		if strings.Contains(message, sign) {
			return true
		}
	}
	return neverFits(message)
}

var quotaMessage = regexp.MustCompile(`exceeded quota: .*requested: (.*), used: .*, limited: (.*)`)

// neverFits says whether an instance asks for more than a quota allows at all, whatever else there is.
func neverFits(message string) bool {
	match := quotaMessage.FindStringSubmatch(message)
	if match == nil {
		return false
	}
	limits := amounts(match[2])
	for name, requested := range amounts(match[1]) {
		if limit, ok := limits[name]; ok && requested.Cmp(limit) > 0 {
			return true
		}
	}
	return false
}

// amounts reads "requests.cpu=500m,pods=1".
func amounts(text string) map[string]resource.Quantity {
	out := map[string]resource.Quantity{}
	for part := range strings.SplitSeq(text, ",") {
		name, amount, _ := strings.Cut(part, "=")
		if q, err := resource.ParseQuantity(amount); err == nil {
			out[name] = q
		}
	}
	return out
}

func instanceTrouble(p *corev1.Pod, now time.Time) (cause string, fatal bool) {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			message, _, _ := strings.Cut(c.Message, ". ")
			return fmt.Sprintf("instance %s finds no node: %s", p.Name, message), now.Sub(c.LastTransitionTime.Time) >= nodeGrace
		}
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
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
	if c.Ready || c.State.Running != nil && now.Sub(c.State.Running.StartedAt.Time) >= forgiven {
		return "", false
	}
	ended, times := c.LastTerminationState.Terminated, int(c.RestartCount)
	if c.State.Running == nil {
		times++ // the restart that follows the last end has not been counted yet
	}
	if t := c.State.Terminated; t != nil {
		ended = t
	}
	if ended == nil {
		return "", false
	}
	often := ""
	if times > 1 {
		often = fmt.Sprintf(" %d times", times)
	}
	switch ended.Reason {
	case "StartError", "ContainerCannotRun":
		return "cannot be started: " + startError(ended.Message), c.RestartCount >= 1
	case "OOMKilled":
		cause = fmt.Sprintf("was killed%s for using more memory than it is given", often)
	default:
		cause = fmt.Sprintf("ended%s with exit code %d", often, ended.ExitCode)
	}
	if said := lastWords(ended.Message); said != "" {
		cause += ": " + said
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

// startError leaves out the layers of the container runtime that a message came through.
func startError(message string) string {
	message, _, _ = strings.Cut(message, "\n")
	if _, cause, ok := strings.Cut(message, "unable to start container process: "); ok {
		return cause
	}
	return message
}

// maxWords is how much of an app's own words stands in a sentence.
const maxWords = 200

// lastWords finds the line of a log's end that says most: Go's panic, or the last line that is not part of a stack.
func lastWords(log string) string {
	said := ""
	for line := range strings.Lines(log) {
		text := strings.TrimSpace(line)
		if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
			said = text
			break
		}
		if text != "" && line[0] != ' ' && line[0] != '\t' {
			said = text
		}
	}
	if runes := []rune(said); len(runes) > maxWords {
		said = string(runes[:maxWords]) + "…"
	}
	return said
}
