package health

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Objects are the objects of an app in the cluster.
type Objects struct {
	// Deployment is nil if there is none.
	Deployment  *appsv1.Deployment
	ReplicaSets []*appsv1.ReplicaSet
	// Instances may include those of older versions.
	Instances []*corev1.Pod
	// Autoscaler is nil if the app has none.
	Autoscaler *autoscalingv2.HorizontalPodAutoscaler
	// Events may be nil. Some causes are only found in them, but never whether an app is ready.
	Events Events
}

// revisionAnnotation numbers the ReplicaSets of a Deployment; the one with the Deployment's own number is current. The
// newest is not always current: a rollback reuses an old ReplicaSet.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// App returns the status of an app.
func App(o Objects, now time.Time) Status {
	d := o.Deployment
	if d == nil {
		return Status{State: Progressing, Reason: NotFound}
	}
	desired := 1
	if d.Spec.Replicas != nil {
		desired = int(*d.Spec.Replicas)
	}
	available := int(d.Status.AvailableReplicas)
	s := Status{State: Progressing, Desired: desired, Ready: available}
	if d.Status.ObservedGeneration < d.Generation {
		s.Reason = "waiting for Kubernetes to process the change"
		return s
	}
	// During a rollout only new instances count: the old ones still serve, but will be stopped.
	current := currentReplicaSet(d, o.ReplicaSets)
	s.Ready = 0
	if current != nil {
		s.Ready = min(available, int(current.Status.AvailableReplicas))
	}
	complete := int(d.Status.UpdatedReplicas) == desired && available == desired && int(d.Status.Replicas) == desired
	t := worst(o.instanceTrouble(current, complete, now), o.rolloutTrouble(complete, now), o.evictedAgain(current, complete, now))
	if !complete {
		s.Old = o.old(current)
	}
	if t.cause == "" || t.past {
		return quiet(o, s, complete, t.cause, now)
	}
	if t.fatal = t.fatal || !complete && deadlineExceeded(d); t.fatal {
		s.State, t.response, s.Crashes = Failed, "", t.crashes
	}
	s.Reason, s.Next, s.Log = line(t.cause, maxReason)+t.response+o.serving(s), t.next, t.log
	return s
}

// quiet returns the status of an app without trouble. past is an earlier trouble.
func quiet(o Objects, s Status, complete bool, past string, now time.Time) Status {
	d := o.Deployment
	switch {
	case s.Desired == 0 && d.Status.Replicas == 0:
		return Status{State: Stopped}
	case complete:
		return Status{State: Ready, Desired: s.Desired, Ready: s.Desired, Reason: line(cmp.Or(past, autoscalerTrouble(o.Autoscaler, now)), maxReason)}
	case deadlineExceeded(d):
		s.State, s.Reason = Failed, NoProgress+o.serving(s)
	default:
		s.Reason = o.waitingFor(s)
	}
	return s
}

// old counts the ready instances of older versions. Kubernetes copies the hash of a Deployment to its ReplicaSets.
func (o Objects) old(current *appsv1.ReplicaSet) map[string]int {
	var old map[string]int
	for _, rs := range o.ReplicaSets {
		if n := int(rs.Status.AvailableReplicas); n > 0 && metav1.IsControlledBy(rs, o.Deployment) && rs != current {
			if old == nil {
				old = map[string]int{}
			}
			old[rs.Annotations[object.AnnotationHash]] += n
		}
	}
	return old
}

// serving returns which version serves requests while the new one does not start.
func (o Objects) serving(s Status) string {
	d, old := o.Deployment, s.Serving()
	switch {
	case old > 0:
		return fmt.Sprintf("; the old version still serves (%d ready)", old)
	case d.Status.AvailableReplicas == 0 && d.Annotations[revisionAnnotation] != "1": // there was a version before
		return "; no instance serves"
	}
	return ""
}

func (o Objects) waitingFor(s Status) string {
	d := o.Deployment
	if s.Desired == 0 {
		return "stopping"
	}
	current := currentReplicaSet(d, o.ReplicaSets)
	isNew := func(p *corev1.Pod) bool { return current != nil && metav1.IsControlledBy(p, current) }
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType && len(o.Instances) > 0 && !slices.ContainsFunc(o.Instances, isNew) {
		return fmt.Sprintf("waiting until the old version has stopped: its instances have up to %ds", o.grace())
	}
	if more := int(d.Status.Replicas) - s.Desired; s.Ready >= s.Desired && more > 0 {
		return fmt.Sprintf("instances still stopping: %d", more)
	}
	return "starting"
}

// grace is the longest time in seconds that an instance has to stop.
func (o Objects) grace() int64 {
	longest := int64(0)
	for _, p := range o.Instances {
		if seconds := p.Spec.TerminationGracePeriodSeconds; seconds != nil {
			longest = max(longest, *seconds)
		}
	}
	return longest
}

func refOf(d *appsv1.Deployment) pod.Ref { return pod.Ref{Kind: pod.KindApp, Name: d.Name} }

func currentReplicaSet(d *appsv1.Deployment, all []*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	for _, rs := range all {
		if metav1.IsControlledBy(rs, d) && rs.Annotations[revisionAnnotation] == d.Annotations[revisionAnnotation] {
			return rs
		}
	}
	return nil
}

// Before returns the ReplicaSet of the version that a Deployment had before the current one, or nil.
func Before(d *appsv1.Deployment, all []*appsv1.ReplicaSet) *appsv1.ReplicaSet {
	var before *appsv1.ReplicaSet
	current, newest := revisionOf(d), 0
	for _, rs := range all {
		if n := revisionOf(rs); metav1.IsControlledBy(rs, d) && n < current && n > newest {
			before, newest = rs, n
		}
	}
	return before
}

func revisionOf(o metav1.Object) int {
	n, _ := strconv.Atoi(o.GetAnnotations()[revisionAnnotation])
	return n
}

// evictions is how many instances have to be evicted until the trouble is permanent: one node may have too little of something.
const evictions = 2

// instanceTrouble returns the trouble of the instances of the current version. It ignores instances that are being deleted,
// those of older versions, and stopped ones that were replaced.
func (o Objects) instanceTrouble(current *appsv1.ReplicaSet, complete bool, now time.Time) trouble {
	var all []trouble
	evicted := 0
	byName := func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) } // so that the reason is the same each time
	for _, p := range slices.SortedStableFunc(slices.Values(o.Instances), byName) {
		if current == nil || !metav1.IsControlledBy(p, current) || p.DeletionTimestamp != nil {
			continue
		}
		if over(p) && (complete || now.Sub(p.CreationTimestamp.Time) >= forgiven) {
			continue
		}
		i := instance{Pod: p, of: refOf(o.Deployment), events: o.Events.of("Pod", p.Name), all: o.Events, now: now}
		t := i.trouble()
		if _, ok := i.evicted(); ok && over(p) {
			evicted++
			t.fatal = evicted >= evictions
		}
		if t.cause != "" {
			t.cause = ofInstance(p.Name) + ": " + t.cause
		}
		all = append(all, t)
	}
	return worst(all...)
}

// evictedAgain returns the trouble of an app that counts as ready although its instances are evicted again and again.
func (o Objects) evictedAgain(current *appsv1.ReplicaSet, complete bool, now time.Time) trouble {
	times, message := 0, ""
	for _, p := range o.Instances {
		i := instance{Pod: p, of: refOf(o.Deployment), events: o.Events.of("Pod", p.Name), all: o.Events, now: now}
		if current == nil || !metav1.IsControlledBy(p, current) || !over(p) || now.Sub(p.CreationTimestamp.Time) >= forgiven {
			continue
		}
		if _, ok := i.evicted(); ok {
			times, message = times+1, i.stopped().cause
		}
	}
	if !complete || times < evictions {
		return trouble{}
	}
	return trouble{cause: fmt.Sprintf("%d instances were stopped by their nodes in the last %.0f minutes, the last one %s", times, forgiven.Minutes(), message), past: true}
}

// rolloutTrouble is the trouble that the Deployment itself reports.
func (o Objects) rolloutTrouble(complete bool, now time.Time) trouble {
	d := o.Deployment
	failure := deploymentCondition(d, appsv1.DeploymentReplicaFailure)
	switch {
	case complete:
		return trouble{}
	case d.Spec.Paused:
		return trouble{cause: "is paused, so the change is not rolled out", fatal: true, next: []pod.Next{{Do: pod.DoRedeploy}}}
	case failure != nil && failure.Status == corev1.ConditionTrue:
		t := refusedInstance(refOf(d), failure.Message, now.Sub(failure.LastTransitionTime.Time))
		stopping := func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil }
		if has(failure.Message, "exceeded quota") && !neverFits(failure.Message) && slices.ContainsFunc(o.Instances, stopping) {
			t.cause, t.fatal = t.cause+"; instances that are still stopping count too", false
		}
		return t
	}
	return trouble{}
}

// deadlineExceeded reports whether Kubernetes has given up on the rollout.
func deadlineExceeded(d *appsv1.Deployment) bool {
	c := deploymentCondition(d, appsv1.DeploymentProgressing)
	return c != nil && c.Reason == "ProgressDeadlineExceeded"
}

func deploymentCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range d.Status.Conditions {
		if d.Status.Conditions[i].Type == kind {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

// metricsGrace is how long it may take until new instances have metrics.
const metricsGrace = 2 * time.Minute

// autoscalerTrouble returns the reason why the number of instances does not follow the load. The app still runs.
func autoscalerTrouble(h *autoscalingv2.HorizontalPodAutoscaler, now time.Time) string {
	if h == nil {
		return ""
	}
	for _, c := range h.Status.Conditions {
		if c.Type == autoscalingv2.ScalingActive && c.Status == corev1.ConditionFalse && c.Reason != "ScalingDisabled" &&
			now.Sub(c.LastTransitionTime.Time) >= metricsGrace {
			cause := c.Message
			if c.Reason == "FailedGetResourceMetric" {
				cause = "the cluster has no metrics (metrics-server is missing)"
			}
			return "is not autoscaled: " + cmp.Or(cause, c.Reason)
		}
	}
	return ""
}
