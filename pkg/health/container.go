package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/pscdev/psc/pkg/pod"
)

const (
	// crashes is how often a container has to end before it is a crash loop: the cause of two ends is often a dependency that
	// starts later. The ends are not compared: only the last two are known, and only until the kubelet backs off.
	crashes = 3
	// settled is how long a container has to run after a crash until the crash is over.
	settled = 10 * time.Second
	// forgiven is how long a container has to run until its earlier crashes no longer count, as for the kubelet:
	// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
	forgiven = 10 * time.Minute
	// configGrace is how long a missing Secret or ConfigMap may take to appear.
	configGrace = 5 * time.Second
)

// container returns the trouble of one container. where names it in the sentence.
func (i instance) container(c corev1.ContainerStatus, where string) trouble {
	t := i.waiting(c)
	if t.cause == "" {
		t = i.ended(c)
	}
	if t.cause == "" {
		t = i.unready(c)
	}
	if t.cause != "" {
		t.cause = where + t.cause
	}
	for n, next := range t.next { // the flags of an app are about its own container
		if strings.HasPrefix(where, beside) && (next.Do == pod.DoSet || next.Do == pod.DoClear) {
			t.next = append(t.next[:n:n], pod.Next{Do: pod.DoEdit, Kind: i.of.Kind, Name: i.of.Name, Note: "change container " + c.Name})
			break
		}
	}
	return t
}

// waiting returns the reason why a container cannot be started.
func (i instance) waiting(c corev1.ContainerStatus) trouble {
	w := c.State.Waiting
	if w == nil {
		return trouble{}
	}
	switch w.Reason {
	case "InvalidImageName":
		return trouble{cause: fmt.Sprintf("image %q is not a valid image name: %s", c.Image, innermost(w.Message)), fatal: true, next: i.set("image", "")}
	case "ErrImageNeverPull":
		return trouble{cause: fmt.Sprintf("image %s is not on the node, and the pull policy is Never", c.Image), fatal: true, next: i.set("image", "")}
	case "ErrImagePull", "ImagePullBackOff":
		return i.unpulled(c.Image, w.Message)
	case "CreateContainerConfigError", "CreateContainerError":
		if has(w.Message, "runAsNonRoot") {
			cause, _, _ := strings.Cut(w.Message, " (pod: ")
			return trouble{cause: noStart + cause, fatal: true, next: i.set("user", "")}
		}
		return trouble{cause: noStart + innermost(w.Message), response: retries, fatal: i.now.Sub(i.startedAt()) >= configGrace, next: missing(w.Message)}
	case "PostStartHookError":
		return trouble{cause: "was stopped because its start hook failed: " + innermost(strings.TrimSuffix(w.Message, `, message: ""`)), response: retries, fatal: c.RestartCount >= 1, next: foreign()}
	}
	return trouble{}
}

// unpulled returns the reason why an image cannot be pulled. It waits for one retry if the registry denies access, since the password
// may have just changed, for two if it looks like a typo or a broken name service, and without end for other causes.
func (i instance) unpulled(image, message string) trouble {
	tried := i.now.Sub(i.startedAt()) // the kubelet retries after 10 s, and then after 20 s
	cause := innermost(strings.TrimPrefix(message, "rpc error: "))
	if _, answer, asked := strings.Cut(cause, `": `); asked && has(cause, `Head "`, `Get "`) {
		cause = answer
	}
	t := trouble{cause: fmt.Sprintf("image %s cannot be pulled: %s", image, cause), response: retries, next: i.set("image", "")}
	switch {
	case has(message, "code = NotFound", "manifest unknown"):
		t.cause, t.fatal = fmt.Sprintf("image %s was not found", image), true
	case has(message, "no match for platform"):
		t.cause, t.fatal = fmt.Sprintf("image %s was not built for the processor of node %s", image, i.Spec.NodeName), true
	case has(message, "401 Unauthorized", "403 Forbidden", "access denied", "insufficient_scope", "no basic auth", "denied:"):
		t.cause = fmt.Sprintf("image %s cannot be pulled: it does not exist, or its registry denies access (%s)", image, lastPart(cause)) + i.pullSecrets()
		t.next = append(outside("make the image public"), ask("ask an admin of the cluster for access to its registry")...)
		t.fatal = tried >= 12*time.Second
	case has(message, "no such host", "x509", "certificate"):
		t.fatal = tried >= 35*time.Second
	}
	return t
}

func (i instance) pullSecrets() string {
	if e := last(i.events, "FailedToRetrieveImagePullSecret"); e != nil {
		_, names, _ := strings.Cut(e.Message, "(")
		names, _, _ = strings.Cut(names, ")")
		return fmt.Sprintf("; the credentials %s are missing", names)
	}
	return ""
}

// ended describes how the last run of a container ended.
func (i instance) ended(c corev1.ContainerStatus) trouble {
	ran := time.Duration(0)
	if c.State.Running != nil {
		ran = i.now.Sub(c.State.Running.StartedAt.Time)
	}
	end := cmp.Or(c.State.Terminated, c.LastTerminationState.Terminated)
	if end == nil || ran >= forgiven || c.Ready && c.State.Running == nil {
		return trouble{}
	}
	times := int(c.RestartCount)
	if c.State.Running == nil {
		times++ // the restart that follows the last end has not been counted yet
	}
	if end.FinishedAt.Sub(end.StartedAt.Time) >= forgiven {
		times = 1
	}
	t := i.end(c, end, times)
	if c.Ready && ran >= settled {
		return trouble{cause: "runs again; before that: " + t.cause, past: true}
	}
	t.response = retries
	if has(end.Reason, "StartError", "ContainerCannotRun") {
		t.fatal = !c.Ready && c.RestartCount >= 1
		return t
	}
	t.fatal = t.fatal || !c.Ready && times >= crashes
	t.log = Log{Instance: i.Name, Container: c.Name, Previous: c.State.Running != nil, Said: end.Message}
	return t
}

func (i instance) end(c corev1.ContainerStatus, end *corev1.ContainerStateTerminated, times int) trouble {
	often := ""
	if times > 1 {
		often = fmt.Sprintf(" %d times", times)
	}
	var t trouble
	switch probe := i.killed(c.Name); {
	case has(end.Reason, "StartError", "ContainerCannotRun"):
		cause := innermost(end.Message)
		if _, where, ok := strings.Cut(cause, `to rootfs at "`); ok { // the rest are paths of the node
			path, _, _ := strings.Cut(where, `"`)
			return trouble{
				cause: fmt.Sprintf("cannot be started: nothing can be mounted at %s: %s", path, lastPart(cause)),
				next: []pod.Next{{
					Do: pod.DoShow, Kind: i.of.Kind, Name: i.of.Name,
					Note: "check whether it mounts a file where the image has a folder, or a folder where it has a file",
				}},
			}
		}
		return trouble{cause: noStart + cause, next: append(i.set("command", ""), pod.Next{
			Do: pod.DoClear, Kind: i.of.Kind, Name: i.of.Name, Set: map[string]string{"command": ""}, Deploy: true,
			Note: "use the image's own command",
		})}
	case end.Reason == "OOMKilled":
		t = i.outOfMemory(c.Name, often)
	case probe != "":
		t = trouble{cause: fmt.Sprintf("was stopped%s because its %s probe failed", often, probe), crashes: true}
		var answered []pod.Next
		if e := i.lastProbe(c.Name); e != nil {
			var cause string
			cause, answered = i.answer(c.Name, e.Message)
			t.cause += ": " + cause
		}
		t.next = i.afterKill(c.Name, probe, answered)
		return t
	case end.ExitCode == 0:
		t = trouble{cause: fmt.Sprintf("ended%s with exit code 0, but an app must keep running", often), crashes: true}
	default:
		t = trouble{cause: fmt.Sprintf("ended%s with exit code %d%s", often, end.ExitCode, signal(end.ExitCode)), crashes: true}
	}
	if said := lastWords(end.Message); said != "" {
		t.cause += ": " + said
		if has(said, "exec format error") {
			t.next, t.fatal = outside(fmt.Sprintf("build the image for the processor of node %s, and deploy it", i.Spec.NodeName)), true
			t.crashes = false
		}
	}
	return t
}

// afterKill returns what can be done about a container that a probe stopped: more time to start, another check, or none.
func (i instance) afterKill(container, probe string, answered []pod.Next) []pod.Next {
	switch p := i.spec(container).StartupProbe; {
	case container != i.of.Name: // psc has not written it
		return foreign()
	case p != nil && probe == "startup":
		return append(i.set("startGrace", fmt.Sprintf("%ds", 2*p.FailureThreshold*p.PeriodSeconds)), i.set("health.path", "")...)
	case probe == "liveness":
		return append(answered, pod.Next{
			Do: pod.DoClear, Kind: i.of.Kind, Name: i.of.Name, Set: map[string]string{"liveness": ""}, Deploy: true, Note: "do not restart it",
		})
	}
	return foreign()
}

// signal names the most common signals behind exit codes.
func signal(code int32) string {
	switch code {
	case 137:
		return " (killed)"
	case 139:
		return " (segmentation fault)"
	}
	return ""
}

// killed names the probe for which the kubelet stopped a container: "liveness", "startup", or "" for none.
func (i instance) killed(container string) string {
	for _, e := range slices.Backward(i.events) {
		if e.Reason != "Killing" || !about(e, container) {
			continue
		}
		for _, probe := range []string{"liveness", "startup"} {
			if has(e.Message, "failed "+probe+" probe") {
				return probe
			}
		}
	}
	return ""
}

// about reports whether an event is about a container: its path is "spec.containers{web}".
func about(e *corev1.Event, container string) bool {
	return strings.HasSuffix(e.InvolvedObject.FieldPath, "{"+container+"}")
}

func (i instance) spec(container string) corev1.Container {
	for _, c := range slices.Concat(i.Spec.InitContainers, i.Spec.Containers) {
		if c.Name == container {
			return c
		}
	}
	return corev1.Container{}
}

// memory is the memory limit of a container; zero if it has none.
func (i instance) memory(container string) resource.Quantity {
	return i.spec(container).Resources.Limits[corev1.ResourceMemory]
}

func (i instance) outOfMemory(container, often string) trouble {
	memory := i.memory(container)
	if memory.IsZero() { // the node had no more
		return trouble{cause: fmt.Sprintf("was killed%s for using too much memory", often), next: i.set("memory", "")}
	}
	more := memory.DeepCopy()
	more.Add(memory)
	return trouble{
		cause: fmt.Sprintf("was killed%s for using more than its %s of memory", often, memory.String()),
		next:  i.set("memory", more.String()),
	}
}
