package health

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/pkg/pod"
)

const (
	// nodeGrace is how long it may take until a cluster has room for an instance, or has added a node.
	nodeGrace = 2 * time.Minute
	// mountGrace is how long something that is mounted may be missing: mostly another tool writes it.
	mountGrace = 30 * time.Second
	// sandboxes is how often the sandbox of the containers has to fail until the trouble is permanent: a node that has just
	// started may cause it too.
	sandboxes = 3
)

// instance is an instance of a resource, with its events.
type instance struct {
	*corev1.Pod
	of     pod.Ref
	events []*corev1.Event // its own
	all    Events
	now    time.Time
}

// beside begins the sentence about a container beside the resource's own.
const beside = "container "

func (i instance) trouble() trouble {
	if over(i.Pod) {
		return i.stopped()
	}
	if t := i.unscheduled(); t.cause != "" {
		return t
	}
	if i.nodeLost() {
		return trouble{cause: fmt.Sprintf("its node %s does not answer", i.Spec.NodeName), next: askAdmin()}
	}
	var all []trouble
	for _, c := range i.Status.InitContainerStatuses {
		all = append(all, i.container(c, "init container "+c.Name+": "))
	}
	for _, c := range i.Status.ContainerStatuses {
		where := ""
		if c.Name != i.of.Name { // a process of an app, or someone added it
			where = beside + c.Name + ": "
		}
		all = append(all, i.container(c, where))
	}
	if t := worst(all...); t.cause != "" {
		return t
	}
	return i.creating()
}

func (i instance) condition(kind corev1.PodConditionType) corev1.PodCondition {
	for _, c := range i.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return corev1.PodCondition{}
}

// unscheduled returns the reason why the instance has no node.
func (i instance) unscheduled() trouble {
	c := i.condition(corev1.PodScheduled)
	if c.Status != corev1.ConditionFalse || c.Reason != corev1.PodReasonUnschedulable {
		if i.Spec.NodeName == "" { // the scheduler may wait for the disks that it has asked for
			if t, found := i.uncreated(); found {
				return t
			}
		}
		return trouble{}
	}
	since := i.now.Sub(c.LastTransitionTime.Time)
	message := unplaced(c.Message)
	if has(message, "ersistent") {
		return i.unbound(message, since)
	}
	t := trouble{cause: noNode + message, response: "; waiting for one", fatal: since >= nodeGrace && last(i.events, "TriggeredScaleUp") == nil}
	if t.next = askAdmin(); has(message, "Insufficient") {
		t.next = smaller(i.of)
	}
	return t
}

// unplaced is the scheduler's message without the rest about preemption, which is mostly noise.
func unplaced(message string) string {
	message, _, _ = strings.Cut(message, ". ")
	return message
}

// unbound returns the reason why a disk of the instance is missing.
func (i instance) unbound(message string, since time.Duration) trouble {
	t := trouble{cause: noDisks + message, response: retries, fatal: since >= nodeGrace}
	for _, v := range i.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := v.PersistentVolumeClaim.ClaimName
		if has(message, fmt.Sprintf("%q not found", claim)) {
			return trouble{cause: fmt.Sprintf("disk %s does not exist", claim), response: retries, fatal: since >= mountGrace, next: recreate()}
		}
	}
	if other, found := i.uncreated(); found {
		other.fatal = other.fatal || t.fatal
		return other
	}
	return t
}

func uncreatedDisk(claim, message string) string {
	return fmt.Sprintf("disk %s cannot be created: %s", claim, message)
}

// uncreated returns the reason why a disk of the instance cannot be created, if the cluster has reported it.
func (i instance) uncreated() (t trouble, found bool) {
	since := i.now.Sub(i.CreationTimestamp.Time)
	for _, v := range i.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		claim := v.PersistentVolumeClaim.ClaimName
		e := last(i.all.of("PersistentVolumeClaim", claim), "FailedBinding", "ProvisioningFailed")
		if e == nil {
			continue
		}
		next := pod.Next{
			Do: pod.DoCreate, Kind: pod.KindDisk, Name: claim + "-2", Set: map[string]string{"class": "", "size": ""},
			Note: "create a disk of a class that the cluster has",
		}
		t = trouble{cause: uncreatedDisk(claim, e.Message), response: retries, fatal: since >= nodeGrace}
		switch {
		case has(e.Message, "not found", "no storage class"):
			t.fatal = since >= mountGrace
		case has(e.Message, "access mode", "AccessMode", "ReadWriteMany", "ReadWriteOnce", "MULTI_NODE"):
			t.cause += "; its class may not offer disks for several apps"
			t.fatal = since >= mountGrace
			next.Set["shared"] = ""
			next.Note = "create a disk of a class that offers ReadWriteMany, or make one app of those that share it, with processes"
		}
		t.next, found = []pod.Next{next}, true
	}
	return t, found
}

// nodeLost reports whether the node has not sent the instance's status for a while: Kubernetes then marks the instance as
// not ready, and leaves the status of its containers unchanged.
func (i instance) nodeLost() bool {
	c := i.condition(corev1.PodReady)
	return c.Status != "" && c.Status != corev1.ConditionTrue && c.Reason == "" && i.Spec.NodeName != "" &&
		len(i.Status.ContainerStatuses) > 0 &&
		!slices.ContainsFunc(i.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return !c.Ready })
}

// creating returns what an instance waits for before its first container starts. Only events have this information.
func (i instance) creating() trouble {
	started := func(c corev1.ContainerStatus) bool {
		return c.State.Waiting == nil || c.State.Waiting.Reason != "ContainerCreating" && c.State.Waiting.Reason != "PodInitializing"
	}
	if slices.ContainsFunc(slices.Concat(i.Status.InitContainerStatuses, i.Status.ContainerStatuses), started) {
		return trouble{}
	}
	e := last(i.events, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "Pulling")
	switch {
	case e == nil:
		return trouble{}
	case e.Reason == "Pulling":
		return trouble{cause: pulling(e.Message)}
	case e.Reason == "FailedCreatePodSandBox":
		return i.noSandbox()
	}
	cause := unmounted(e.Message)
	return trouble{
		cause:    noMount + cause,
		response: retries,
		fatal:    has(cause, "not found") && i.now.Sub(i.startedAt()) >= mountGrace,
		next:     missing(cause),
	}
}

// pulling describes the event Pulling.
func pulling(message string) string {
	first, size := utf8.DecodeRuneInString(message)
	if size == 0 { // anyone may write events
		return "pulling its image"
	}
	return string(unicode.ToLower(first)) + message[size:]
}

// unmounted is the cause in a message about a volume.
func unmounted(message string) string {
	if _, cause, found := strings.Cut(message, " : "); found {
		return cause
	}
	return message
}

// tiny is too little memory for the container runtime itself.
const tiny = 16 << 20

func (i instance) noSandbox() trouble {
	t := trouble{response: retries, next: askAdmin()}
	times := 0
	for _, e := range i.events {
		if e.Reason == "FailedCreatePodSandBox" {
			times += max(1, int(e.Count))
			t.cause = noSandbox + lastPart(e.Message)
		}
	}
	t.fatal = times >= sandboxes
	for _, c := range i.Spec.Containers {
		if memory := i.memory(c.Name); !memory.IsZero() && memory.Value() < tiny {
			t.cause += fmt.Sprintf("; %s of memory may be too little to start", memory.String())
			t.next = i.set("memory", "64Mi")
		}
	}
	return t
}

// startedAt is when the containers of the instance could be started.
func (i instance) startedAt() time.Time {
	if c := i.condition(corev1.PodReadyToStartContainers); c.Type != "" {
		return c.LastTransitionTime.Time
	}
	return i.CreationTimestamp.Time
}
