package health

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// over reports whether a node has stopped an instance for good. Another instance replaces it.
func over(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
}

// evicted returns why the node evicted the instance. If its program ended with exit code 0, only an event has the reason.
func (i instance) evicted() (message string, ok bool) {
	if i.Status.Reason == "Evicted" {
		return i.Status.Message, true
	}
	if e := last(i.events, "Evicted"); e != nil && i.Status.Reason == "" {
		return e.Message, true
	}
	return "", false
}

var fullFolder = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`EmptyDir volume "([^"]+)" exceeds the limit "([^"]+)"`)
})

// stopped returns the reason why the node stopped the instance for good.
func (i instance) stopped() trouble {
	t := trouble{cause: strings.ToLower(i.Status.Reason) + ": " + i.Status.Message, response: retries, next: i.set("memory", "")}
	message, evicted := i.evicted()
	full := fullFolder().FindStringSubmatch(message)
	switch {
	case full != nil:
		path := i.mountPath(full[1])
		t.cause = fmt.Sprintf("evicted: it wrote more than %s to its scratch folder %s", full[2], path)
		t.next = []pod.Next{{
			Do: pod.DoSet, Kind: i.of.Kind, Name: i.of.Name, Set: map[string]string{"scratch": path + "=scratch/SIZE"}, Deploy: true,
		}}
	case evicted:
		t.cause = "evicted: " + message
	case i.Status.Reason == "":
		t.cause, t.next = "was stopped by its node", nil
	}
	return t
}

// mountPath returns the path of a volume in the first container that mounts it.
func (i instance) mountPath(volume string) string {
	for _, c := range i.Spec.Containers {
		for _, m := range c.VolumeMounts {
			if m.Name == volume {
				return m.MountPath
			}
		}
	}
	return volume
}
