package health

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/pscdev/psc/pkg/pod"
)

const (
	// accountGrace is how long a ServiceAccount may take to appear.
	accountGrace = 10 * time.Second
	// refusalGrace is how long it may take until a quota has room or a webhook answers. Kubernetes retries less and
	// less often, in the end every 15 minutes, so it is better to fail and to deploy again.
	refusalGrace = 30 * time.Second
)

// Refusal returns the cause and the next steps after Kubernetes refused an instance of a resource with a message, and whether there
// may be room for the instance once others stop.
func Refusal(of pod.Ref, message string) (cause string, next []pod.Next, room bool) {
	return forbidden(message), refusedInstance(of, message, refusalGrace).next, strings.Contains(message, "exceeded quota") && !neverFits(message)
}

// refusedInstance returns the reason why Kubernetes does not create an instance of a resource. since is for how long.
func refusedInstance(of pod.Ref, message string, since time.Duration) trouble {
	t := trouble{cause: noMore + forbidden(message), response: retries}
	switch {
	case strings.Contains(message, "runAsNonRoot"): // the image runs as root, or as a user that only has a name
		t.fatal, t.next = true, setFields(of, map[string]string{"user": ""})
	case strings.Contains(message, "securityContext.capabilities.add"):
		without := pod.Next{Do: pod.DoClear, Kind: of.Kind, Name: of.Name, Set: map[string]string{"capabilities": ""}, Deploy: true}
		t.fatal, t.next = true, append([]pod.Next{without}, ask("ask an admin of the cluster for the Pod Security level privileged")...)
	case strings.Contains(message, "violates PodSecurity"), strings.Contains(message, "denied request:"):
		t.fatal, t.next = true, ask("ask an admin of the cluster what this pod allows")
	case strings.Contains(message, "must specify limits.cpu"):
		t.fatal, t.next = true, setFields(of, map[string]string{"cpuLimit": ""})
	case strings.Contains(message, "limited: pods=0"): // no instance at all, of any size
		t.fatal, t.next = true, largerQuota()
	case strings.Contains(message, "usage per"), strings.Contains(message, "must specify"), neverFits(message):
		t.fatal, t.next = true, append(smaller(of), largerQuota()...)
	case strings.Contains(message, "requested: pods="): // only what exceeds is listed
		t.fatal, t.next = since >= refusalGrace, append(scale(of), largerQuota()...)
	case strings.Contains(message, "exceeded quota"):
		t.fatal, t.next = since >= refusalGrace, append(smaller(of), largerQuota()...)
	case strings.Contains(message, "serviceaccount "):
		t.fatal, t.next = since >= accountGrace, recreate()
	default:
		t.fatal, t.next = since >= refusalGrace, askAdmin()
	}
	return t
}

// forbidden removes the name of an instance that was never created.
func forbidden(message string) string {
	if strings.HasPrefix(message, "pods ") {
		if _, cause, ok := strings.Cut(message, " is forbidden: "); ok {
			return cause
		}
	}
	return message
}

var quotaMessage = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`exceeded quota: .*requested: (.*), used: .*, limited: (.*)`)
})

// neverFits reports whether an instance asks for more than the whole quota.
func neverFits(message string) bool {
	match := quotaMessage().FindStringSubmatch(message)
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
