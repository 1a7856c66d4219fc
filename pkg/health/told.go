package health

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// The words of causes that a status and an event share.
const (
	noNode    = "finds no node: "
	noDisks   = "waits for its disks: "
	noMount   = "its files or disks cannot be mounted: "
	noSandbox = "its sandbox cannot be created: "
	noStart   = "cannot be started: "
	noMore    = "no more instances can be created: "
)

// Told returns what an event of an app says: in the words of a Status for the same cause, or else with the reason and the
// message of Kubernetes. The app is "" if the event is of none.
func Told(app string, e *corev1.Event) string {
	message := strings.TrimPrefix(e.Message, similar)
	switch e.Reason {
	case "FailedScheduling":
		if message = unplaced(message); has(message, "ersistent") {
			return noDisks + message
		}
		return noNode + message
	case "FailedCreate":
		if e.InvolvedObject.Kind == "ReplicaSet" {
			return noMore + forbidden(strings.TrimPrefix(message, "Error creating: "))
		}
	case "FailedMount", "FailedAttachVolume":
		return noMount + unmounted(message)
	case "FailedCreatePodSandBox":
		return noSandbox + lastPart(message)
	case "FailedBinding", "ProvisioningFailed":
		return uncreatedDisk(e.InvolvedObject.Name, message)
	case "Evicted":
		return "evicted: " + message
	case "Pulling":
		if image, ok := quoted(message, "Pulling image "); ok {
			return "pulling image " + pod.ShortImage(image)
		}
		return pulling(message)
	case "Pulled":
		if image, ok := quoted(message, "Successfully pulled image "); ok { // the rest says how long it took
			return "pulled image " + pod.ShortImage(image)
		}
		if image, ok := quoted(message, "Container image "); ok && has(message, "already present") {
			return of(app, e) + "image " + pod.ShortImage(image) + " is on the node already"
		}
	case "Failed":
		return of(app, e) + failed(e, message)
	case "BackOff":
		if image, ok := quoted(message, "Back-off pulling image "); ok {
			return of(app, e) + fmt.Sprintf("waits before it pulls image %s again", image)
		}
		return backOff(message)
	case "Scheduled", "ScalingReplicaSet", "SuccessfulCreate", "SuccessfulDelete", "Created", "Started", "NoPods":
		if said := usual(e.Reason, message); said != "" {
			return of(app, e) + said
		}
	case "Killing":
		if strings.HasPrefix(message, "Stopping container ") {
			return of(app, e) + "is being stopped"
		}
		for _, probe := range []string{"liveness", "startup"} {
			if has(message, "failed "+probe+" probe") {
				return of(app, e) + fmt.Sprintf("was stopped because its %s probe failed", probe)
			}
		}
	case "Unhealthy":
		return of(app, e) + unhealthy(message)
	}
	return strings.TrimPrefix(e.Reason+": "+message, ": ")
}

// usual describes an event of the usual life of an app, or returns "".
func usual(reason, message string) string {
	switch reason {
	case "Scheduled":
		if _, node, ok := strings.Cut(message, " to "); ok && strings.HasPrefix(message, "Successfully assigned ") {
			return "placed on node " + node
		}
	case "ScalingReplicaSet":
		var way, name string
		var from, to int
		if n, _ := fmt.Sscanf(message, "Scaled %s replica set %s from %d to %d", &way, &name, &from, &to); n == 4 {
			return fmt.Sprintf("scaled %s %s from %d to %s", way, name, from, pod.Count(to, "instance"))
		}
	case "SuccessfulCreate":
		if name, ok := strings.CutPrefix(message, "Created pod: "); ok {
			return "created instance " + name
		}
	case "SuccessfulDelete":
		if name, ok := strings.CutPrefix(message, "Deleted pod: "); ok {
			return "deleted instance " + name
		}
	case "Created":
		return "container created"
	case "Started":
		return "container started"
	case "NoPods":
		return "its disruption budget finds no instances yet"
	}
	return ""
}

// of names the container that an event is about, unless it is the app's own.
func of(app string, e *corev1.Event) string {
	_, path, _ := strings.Cut(e.InvolvedObject.FieldPath, "{")
	if name := strings.TrimSuffix(path, "}"); name != app && name != "" {
		return beside + name + ": "
	}
	return ""
}

// failed describes an event of a container that cannot be started.
func failed(e *corev1.Event, message string) string {
	if image, ok := quoted(message, "Failed to pull image "); ok {
		_, cause, _ := strings.Cut(message, `": `)
		i := instance{Pod: &corev1.Pod{Spec: corev1.PodSpec{NodeName: e.Source.Host}}}
		return i.unpulled(image, cause).cause
	}
	message = strings.TrimPrefix(message, "Error: ")
	if has(message, "ErrImagePull", "ImagePullBackOff") {
		return noStart + "its image cannot be pulled"
	}
	return noStart + innermost(message)
}

// backOff describes a pause of the kubelet.
func backOff(message string) string {
	if _, container, ok := strings.Cut(message, "restarting failed container"); ok {
		container, _, _ = strings.Cut(strings.TrimLeft(container, " ="), " ")
		return fmt.Sprintf("container %s ended, and waits before it starts again", container)
	}
	return "BackOff: " + message
}

// unhealthy describes a probe that failed. An event does not know what the probe asked for.
func unhealthy(message string) string {
	kind, said := probed(message)
	if kind == message {
		return "Unhealthy: " + message
	}
	probe := "its " + strings.ToLower(kind) + " probe "
	switch _, code, answered := strings.Cut(said, "statuscode: "); {
	case answered:
		return probe + "failed: it got the answer " + code
	case has(said, "connection refused"):
		return probe + "failed: nothing listens on its port"
	case timedOut(said):
		return probe + "failed: no answer in time"
	case said == "":
		return probe + "failed"
	}
	return probe + "failed: " + said
}

// quoted returns the text in quotes after some words at the beginning of a message.
func quoted(message, words string) (text string, ok bool) {
	rest, ok := strings.CutPrefix(message, words+`"`)
	if !ok {
		return "", false
	}
	text, _, ok = strings.Cut(rest, `"`)
	return text, ok
}
