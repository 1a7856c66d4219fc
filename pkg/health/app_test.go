package health_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/pkg/health"
)

// made is when the objects of these tests were.
var made = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(d time.Duration) metav1.Time { return metav1.NewTime(made.Add(d)) }

func owned(by, name string) metav1.ObjectMeta {
	controller := true
	return metav1.ObjectMeta{
		Name: name, UID: types.UID(name), CreationTimestamp: at(0),
		OwnerReferences: []metav1.OwnerReference{{UID: types.UID(by), Controller: &controller}},
	}
}

// deployment is one that asks for 2 instances and has taken up its second generation.
func deployment(status appsv1.DeploymentStatus) *appsv1.Deployment {
	replicas := int32(2)
	d := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &replicas}, Status: status}
	d.Name, d.UID, d.Generation = "web", "web", 2
	d.Annotations = map[string]string{"deployment.kubernetes.io/revision": "2"}
	d.Status.ObservedGeneration = 2
	return d
}

func replicaSet(name, revision string, available int32) *appsv1.ReplicaSet {
	rs := &appsv1.ReplicaSet{ObjectMeta: owned("web", name), Status: appsv1.ReplicaSetStatus{AvailableReplicas: available}}
	rs.Annotations = map[string]string{"deployment.kubernetes.io/revision": revision}
	return rs
}

func instance(replicaSet string, containers ...corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: owned(replicaSet, replicaSet+"-1"), Status: corev1.PodStatus{ContainerStatuses: containers}}
}

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Image: "web:2", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

// ended is a container that is not running now, with the end of its last run.
func ended(restarts int32, t corev1.ContainerStateTerminated) corev1.ContainerStatus {
	return corev1.ContainerStatus{RestartCount: restarts, State: corev1.ContainerState{Terminated: &t}}
}

// running is a container that runs since some seconds after it was made, with the end of its last run.
func running(since time.Duration, restarts int32, t corev1.ContainerStateTerminated) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		RestartCount:         restarts,
		State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(since)}},
		LastTerminationState: corev1.ContainerState{Terminated: &t},
	}
}

// What a Deployment counts says whether an app is there, and what it waits for.
func TestAppCounts(t *testing.T) {
	current := []*appsv1.ReplicaSet{replicaSet("old", "1", 2), replicaSet("new", "2", 1)}
	unseen := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2})
	unseen.Status.ObservedGeneration = 1
	zero := int32(0)
	stopping, stopped, one := deployment(appsv1.DeploymentStatus{Replicas: 1}), deployment(appsv1.DeploymentStatus{}), deployment(appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1})
	stopping.Spec.Replicas, stopped.Spec.Replicas, one.Spec.Replicas = &zero, &zero, nil
	for name, test := range map[string]struct {
		d    *appsv1.Deployment
		want health.Status
	}{
		"missing":        {want: health.Status{State: health.Progressing, Reason: "is not in the cluster"}},
		"not taken up":   {d: unseen, want: health.Status{State: health.Progressing, Desired: 2, Ready: 2, Reason: "the change has not been taken up yet"}},
		"new":            {d: deployment(appsv1.DeploymentStatus{}), want: health.Status{State: health.Progressing, Desired: 2, Reason: "starting"}},
		"surging":        {d: deployment(appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 1, AvailableReplicas: 3}), want: health.Status{State: health.Progressing, Desired: 2, Ready: 1, Reason: "starting"}},
		"starting":       {d: deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1}), want: health.Status{State: health.Progressing, Desired: 2, Ready: 1, Reason: "starting"}},
		"old ones left":  {d: deployment(appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 2, AvailableReplicas: 2}), want: health.Status{State: health.Progressing, Desired: 2, Ready: 1, Reason: "instances still stopping: 1"}},
		"ready":          {d: deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}), want: health.Status{State: health.Ready, Desired: 2, Ready: 2}},
		"one by default": {d: one, want: health.Status{State: health.Ready, Desired: 1, Ready: 1}},
		"stopping":       {d: stopping, want: health.Status{State: health.Progressing, Reason: "instances still stopping: 1"}},
		"stopped":        {d: stopped, want: health.Status{State: health.Stopped}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, health.App(test.d, current, nil, made)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// The state of an instance's container tells why an app does not come up. What only a change can heal fails at once;
// what time may heal is said, and waited for.
func TestAppContainers(t *testing.T) {
	crash := corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, Message: "starting\ncannot connect\n  at main.go:3\n"}
	long := corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, Message: strings.Repeat("é", 201)}
	killed := corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}
	start := corev1.ContainerStateTerminated{Reason: "StartError", ExitCode: 128, Message: "runc create failed: unable to start container process: no such file\nmore"}
	ready := running(0, 5, crash)
	ready.Ready = true
	again := func(c corev1.ContainerStatus, reason string) corev1.ContainerStatus {
		c.LastTerminationState, c.State = c.State, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
		return c
	}
	const none = "starting"
	for name, test := range map[string]struct {
		container corev1.ContainerStatus
		after     time.Duration
		reason    string
		failed    bool
	}{
		"creating":       {container: waiting("ContainerCreating", ""), reason: none},
		"not ready yet":  {container: corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, after: time.Hour, reason: none},
		"invalid name":   {container: waiting("InvalidImageName", "bad"), reason: "image web:2 cannot be used: bad", failed: true},
		"never pulled":   {container: waiting("ErrImageNeverPull", "absent"), reason: "image web:2 cannot be used: absent", failed: true},
		"not found":      {container: waiting("ErrImagePull", "rpc error: code = NotFound"), reason: "image web:2 was not found", failed: true},
		"manifest":       {container: waiting("ImagePullBackOff", "manifest unknown"), reason: "image web:2 was not found", failed: true},
		"platform":       {container: waiting("ErrImagePull", "no match for platform in manifest"), reason: "image web:2 was not found", failed: true},
		"registry down":  {container: waiting("ImagePullBackOff", "connection refused"), reason: "image web:2 cannot be pulled: connection refused", after: time.Hour},
		"secret":         {container: waiting("CreateContainerConfigError", `secret "db" not found`), reason: `cannot be started: secret "db" not found`, after: 4 * time.Second},
		"secret, late":   {container: waiting("CreateContainerConfigError", `secret "db" not found`), reason: `cannot be started: secret "db" not found`, after: 5 * time.Second, failed: true},
		"root image":     {container: waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"), reason: "cannot be started: container has runAsNonRoot and image will run as root", failed: true},
		"create, late":   {container: waiting("CreateContainerError", "name is reserved"), reason: "cannot be started: name is reserved", after: 5 * time.Second, failed: true},
		"start":          {container: again(ended(0, start), "RunContainerError"), reason: "cannot be started: no such file"},
		"start, again":   {container: again(ended(1, start), "CrashLoopBackOff"), reason: "cannot be started: no such file", failed: true},
		"crash":          {container: ended(0, crash), reason: "ended with exit code 1: cannot connect"},
		"twice":          {container: ended(1, crash), reason: "ended 2 times with exit code 1: cannot connect"},
		"twice, backoff": {container: again(ended(1, crash), "CrashLoopBackOff"), reason: "ended 2 times with exit code 1: cannot connect"},
		"twice, running": {container: running(0, 2, crash), reason: "ended 2 times with exit code 1: cannot connect"},
		"thrice":         {container: ended(2, crash), reason: "ended 3 times with exit code 1: cannot connect", failed: true},
		"thrice, back":   {container: again(ended(2, crash), "CrashLoopBackOff"), reason: "ended 3 times with exit code 1: cannot connect", failed: true},
		"thrice, runs":   {container: running(0, 3, crash), after: 9 * time.Minute, reason: "ended 3 times with exit code 1: cannot connect", failed: true},
		// An instance that crashed last week and does not answer now is not in a crash loop.
		"long ago":      {container: running(0, 3, crash), after: 10 * time.Minute, reason: none},
		"ready again":   {container: ready, reason: none},
		"long words":    {container: ended(0, long), reason: "ended with exit code 1: " + strings.Repeat("é", 200) + "…"},
		"memory":        {container: ended(0, killed), reason: "was killed for using more memory than it is given"},
		"memory, again": {container: ended(2, killed), reason: "was killed 3 times for using more memory than it is given", failed: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
			want := health.Status{State: health.Progressing, Desired: 2, Reason: test.reason}
			if test.reason != none {
				want.Reason = "instance new-1: " + test.reason
			}
			if test.failed {
				want.State = health.Failed
			}
			all := []*appsv1.ReplicaSet{replicaSet("new", "2", 0)}
			if diff := cmp.Diff(want, health.App(d, all, []*corev1.Pod{instance("new", test.container)}, made.Add(test.after))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			// The same in a container that runs before the app's own: a service mesh puts one there.
			early := instance("new")
			early.Status.InitContainerStatuses = []corev1.ContainerStatus{test.container}
			if diff := cmp.Diff(want, health.App(d, all, []*corev1.Pod{early}, made.Add(test.after))); diff != "" {
				t.Errorf("init container: -want +got\n%s", diff)
			}
		})
	}
}

// The grace for what may still appear begins when the instance could have its containers started, not when it was made.
func TestAppGrace(t *testing.T) {
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
	p := instance("new", waiting("CreateContainerConfigError", "x"))
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: at(time.Minute)}}
	for after, want := range map[time.Duration]health.State{64 * time.Second: health.Progressing, 65 * time.Second: health.Failed} {
		got := health.App(d, []*appsv1.ReplicaSet{replicaSet("new", "2", 0)}, []*corev1.Pod{p}, made.Add(after))
		if got.State != want {
			t.Errorf("%s: got %v, want %s", after, got, want)
		}
	}
}

// Only what belongs to the current version says anything of a deploy, and of that what is worst.
func TestAppWhichInstances(t *testing.T) {
	failing, crashed := waiting("InvalidImageName", "bad"), ended(0, corev1.ContainerStateTerminated{ExitCode: 1})
	going, stranger := instance("new", failing), instance("other", failing)
	going.DeletionTimestamp = &metav1.Time{}
	all := []*appsv1.ReplicaSet{replicaSet("old", "1", 0), replicaSet("new", "2", 0)}
	foreign := replicaSet("other", "2", 0)
	foreign.OwnerReferences[0].UID = "api"
	waits := health.Status{State: health.Progressing, Desired: 2, Reason: "starting"}
	for name, test := range map[string]struct {
		replicaSets []*appsv1.ReplicaSet
		instances   []*corev1.Pod
		want        health.Status
	}{
		"old":            {replicaSets: all, instances: []*corev1.Pod{instance("old", failing)}, want: waits},
		"going":          {replicaSets: all, instances: []*corev1.Pod{going}, want: waits},
		"of another app": {replicaSets: []*appsv1.ReplicaSet{foreign, all[1]}, instances: []*corev1.Pod{stranger}, want: waits},
		"no current one": {replicaSets: all[:1], instances: []*corev1.Pod{instance("old", failing)}, want: waits},
		"the worst counts": {
			replicaSets: all,
			instances:   []*corev1.Pod{instance("new", crashed), instance("new", failing)},
			want:        health.Status{State: health.Failed, Desired: 2, Reason: "instance new-1: image web:2 cannot be used: bad"},
		},
		"else the first": {
			replicaSets: all,
			instances:   []*corev1.Pod{instance("new", crashed), instance("new", waiting("ErrImagePull", "refused"))},
			want:        health.Status{State: health.Progressing, Desired: 2, Reason: "instance new-1: ended with exit code 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
			if diff := cmp.Diff(test.want, health.App(d, test.replicaSets, test.instances, made)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// An instance without a node may get one when the cluster grows; after a while that is not to be expected.
func TestAppUnschedulable(t *testing.T) {
	p := instance("new")
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, LastTransitionTime: at(0),
		Message: "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate",
	}}
	for after, state := range map[time.Duration]health.State{119 * time.Second: health.Progressing, 2 * time.Minute: health.Failed} {
		want := health.Status{State: state, Desired: 2, Reason: "instance new-1 finds no node: 0/1 nodes are available: 1 Insufficient cpu"}
		d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
		if diff := cmp.Diff(want, health.App(d, []*appsv1.ReplicaSet{replicaSet("new", "2", 0)}, []*corev1.Pod{p}, made.Add(after))); diff != "" {
			t.Errorf("%s: -want +got\n%s", after, diff)
		}
	}
}

// What the Deployment itself says ends a deploy when only a change can satisfy it, or when Kubernetes has given up. The
// reason of an instance is better than that of a deadline.
func TestAppConditions(t *testing.T) {
	refusal := func(message string) appsv1.DeploymentCondition {
		return appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: message}
	}
	deadline := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}
	over := refusal("exceeded quota: q, requested: limits.memory=1Gi,pods=1, used: limits.memory=0,pods=0, limited: limits.memory=512Mi,pods=9")
	full := refusal("exceeded quota: q, requested: limits.memory=1Gi,pods=1, used: limits.memory=4Gi,pods=4, limited: limits.memory=4Gi,pods=9")
	past := refusal("forbidden: violates PodSecurity")
	past.Status = corev1.ConditionFalse
	for name, test := range map[string]struct {
		conditions []appsv1.DeploymentCondition
		container  corev1.ContainerStatus
		want       health.Status
	}{
		"pod security":  {conditions: []appsv1.DeploymentCondition{refusal(`pods "web" is forbidden: violates PodSecurity "restricted"`)}, want: health.Status{State: health.Failed, Reason: `no more instances can be made: pods "web" is forbidden: violates PodSecurity "restricted"`}},
		"limits":        {conditions: []appsv1.DeploymentCondition{refusal("maximum cpu usage per Container is 1")}, want: health.Status{State: health.Failed, Reason: "no more instances can be made: maximum cpu usage per Container is 1"}},
		"must specify":  {conditions: []appsv1.DeploymentCondition{refusal("failed quota: q: must specify limits.cpu")}, want: health.Status{State: health.Failed, Reason: "no more instances can be made: failed quota: q: must specify limits.cpu"}},
		"webhook":       {conditions: []appsv1.DeploymentCondition{refusal("admission webhook denied request: no")}, want: health.Status{State: health.Failed, Reason: "no more instances can be made: admission webhook denied request: no"}},
		"webhook down":  {conditions: []appsv1.DeploymentCondition{refusal("failed calling webhook")}, want: health.Status{State: health.Progressing, Reason: "no more instances can be made: failed calling webhook"}},
		"beyond quota":  {conditions: []appsv1.DeploymentCondition{over}, want: health.Status{State: health.Failed, Reason: "no more instances can be made: " + over.Message}},
		"quota in use":  {conditions: []appsv1.DeploymentCondition{full}, want: health.Status{State: health.Progressing, Reason: "no more instances can be made: " + full.Message}},
		"over":          {conditions: []appsv1.DeploymentCondition{past}, want: health.Status{State: health.Progressing, Reason: "starting"}},
		"deadline":      {conditions: []appsv1.DeploymentCondition{deadline}, want: health.Status{State: health.Failed, Reason: "no progress for too long"}},
		"both":          {conditions: []appsv1.DeploymentCondition{full, deadline}, want: health.Status{State: health.Failed, Reason: "no more instances can be made: " + full.Message}},
		"with a reason": {conditions: []appsv1.DeploymentCondition{deadline}, container: waiting("ErrImagePull", "refused"), want: health.Status{State: health.Failed, Reason: "instance new-1: image web:2 cannot be pulled: refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.want.Desired = 2
			d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, Conditions: test.conditions})
			got := health.App(d, []*appsv1.ReplicaSet{replicaSet("new", "2", 0)}, []*corev1.Pod{instance("new", test.container)}, made)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
