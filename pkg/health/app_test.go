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
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// made is when the objects of these tests were created.
var made = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(d time.Duration) metav1.Time { return metav1.NewTime(made.Add(d)) }

func owned(by, name string) metav1.ObjectMeta {
	controller := true
	return metav1.ObjectMeta{
		Name: name, UID: types.UID(name), CreationTimestamp: at(0),
		OwnerReferences: []metav1.OwnerReference{{UID: types.UID(by), Controller: &controller}},
	}
}

// deployment asks for 2 instances, and Kubernetes has processed its second generation.
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
	rs.Annotations = map[string]string{"deployment.kubernetes.io/revision": revision, object.AnnotationHash: name}
	return rs
}

func instance(replicaSet string, containers ...corev1.ContainerStatus) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: owned(replicaSet, replicaSet+"-1"), Status: corev1.PodStatus{ContainerStatuses: containers}}
}

func waiting(reason, message string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "web", Image: "web:2", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
}

// ended is a container that is not running now, with the end of its last run.
func ended(restarts int32, t corev1.ContainerStateTerminated) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: "web", RestartCount: restarts, State: corev1.ContainerState{Terminated: &t}}
}

// running is a container whose current run began that long after its creation, with the end of its last run.
func running(since time.Duration, restarts int32, t corev1.ContainerStateTerminated) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name:                 "web",
		RestartCount:         restarts,
		State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(since)}},
		LastTerminationState: corev1.ContainerState{Terminated: &t},
	}
}

// set is the step that changes some fields of the app.
func set(fields map[string]string) []pod.Next {
	return []pod.Next{{Do: pod.DoSet, Kind: pod.KindApp, Name: "web", Set: fields, Deploy: true}}
}

// The counts of a Deployment show whether an app is ready, and the reason if it is not.
func TestAppCounts(t *testing.T) {
	current := []*appsv1.ReplicaSet{replicaSet("old", "1", 2), replicaSet("new", "2", 1)}
	unseen := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2})
	unseen.Status.ObservedGeneration = 1
	zero := int32(0)
	stopping, stopped, one := deployment(appsv1.DeploymentStatus{Replicas: 1}), deployment(appsv1.DeploymentStatus{}), deployment(appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1, AvailableReplicas: 1})
	left := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 1, AvailableReplicas: 2})
	stopping.Spec.Replicas, stopped.Spec.Replicas, one.Spec.Replicas, left.Spec.Replicas = &zero, &zero, nil, nil
	old := map[string]int{"old": 2}
	for name, test := range map[string]struct {
		d    *appsv1.Deployment
		want health.Status
	}{
		"missing":        {want: health.Status{State: health.Progressing, Reason: "not found in the cluster"}},
		"not processed":  {d: unseen, want: health.Status{State: health.Progressing, Desired: 2, Ready: 2, Reason: "waiting for Kubernetes to process the change"}},
		"new":            {d: deployment(appsv1.DeploymentStatus{}), want: health.Status{State: health.Progressing, Desired: 2, Reason: "starting", Old: old}},
		"surging":        {d: deployment(appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 1, AvailableReplicas: 3}), want: health.Status{State: health.Progressing, Desired: 2, Ready: 1, Reason: "starting", Old: old}},
		"starting":       {d: deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1}), want: health.Status{State: health.Progressing, Desired: 2, Ready: 1, Reason: "starting", Old: old}},
		"old one serves": {d: deployment(appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 2, AvailableReplicas: 2}), want: health.Status{State: health.Progressing, Desired: 2, Ready: 1, Reason: "starting", Old: old}},
		"old ones left":  {d: left, want: health.Status{State: health.Progressing, Desired: 1, Ready: 1, Reason: "instances still stopping: 1", Old: old}},
		"ready":          {d: deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}), want: health.Status{State: health.Ready, Desired: 2, Ready: 2}},
		"one by default": {d: one, want: health.Status{State: health.Ready, Desired: 1, Ready: 1}},
		"stopping":       {d: stopping, want: health.Status{State: health.Progressing, Reason: "stopping", Old: old}},
		"stopped":        {d: stopped, want: health.Status{State: health.Stopped}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, health.App(health.Objects{Deployment: test.d, ReplicaSets: current}, made)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// verdict is the status of an app with one instance of the current version, some time after its creation.
func verdict(d *appsv1.Deployment, p *corev1.Pod, after time.Duration, events ...*corev1.Event) health.Status {
	return health.App(health.Objects{
		Deployment: d, ReplicaSets: []*appsv1.ReplicaSet{replicaSet("new", "2", 0)}, Instances: []*corev1.Pod{p}, Events: health.NewEvents(events),
	}, made.Add(after))
}

// The state of an instance's container tells why an app does not start. It fails at once if only a change can help; if
// waiting may help, it gives the reason and waits. The situations of testdata have the rest.
func TestAppContainers(t *testing.T) {
	crash := corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, Message: "starting\ncannot connect\n  at main.go:3\n"}
	daily := crash
	daily.FinishedAt = at(0)
	daily.StartedAt = at(-24 * time.Hour)
	long := corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, Message: strings.Repeat("é", 201)}
	escape := corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, Message: "\x1b[31mred\a"}
	arch := corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, Message: "exec /app: exec format error"}
	memory := corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}
	killed := corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 137}
	start := corev1.ContainerStateTerminated{Reason: "StartError", ExitCode: 128, Message: "runc create failed: unable to start container process: no such file\nmore"}
	// after is a container that has just ended, and how the run before it ended.
	after := func(before corev1.ContainerStateTerminated, c corev1.ContainerStatus) corev1.ContainerStatus {
		c.LastTerminationState.Terminated = &before
		return c
	}
	backOff := func(c corev1.ContainerStatus) corev1.ContainerStatus {
		c.LastTerminationState, c.State = c.State, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
		return c
	}
	const none = "starting"
	for name, test := range map[string]struct {
		container corev1.ContainerStatus
		after     time.Duration
		reason    string
		failed    bool
	}{
		"creating":      {container: waiting("ContainerCreating", ""), reason: none},
		"not ready yet": {container: corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, after: time.Hour, reason: none},
		"manifest":      {container: waiting("ImagePullBackOff", "manifest unknown"), reason: "image web:2 was not found", failed: true},
		"platform":      {container: waiting("ErrImagePull", "no match for platform in manifest"), reason: "image web:2 was not built for the processor of node one", failed: true},
		"registry down": {container: waiting("ImagePullBackOff", "connection refused"), reason: "image web:2 cannot be pulled: connection refused", after: time.Hour},
		// A number is not yet a status.
		"port 5401":      {container: waiting("ErrImagePull", "dial tcp 10.0.0.1:5401: connection refused"), reason: "image web:2 cannot be pulled: dial tcp 10.0.0.1:5401: connection refused", after: time.Hour},
		"forbidden":      {container: waiting("ErrImagePull", "unexpected status: 403 Forbidden"), after: 12 * time.Second, reason: "image web:2 cannot be pulled: it does not exist, or its registry denies access (403 Forbidden)", failed: true},
		"certificate":    {container: waiting("ErrImagePull", "x509: unknown authority"), after: 34 * time.Second, reason: "image web:2 cannot be pulled: x509: unknown authority"},
		"certificate, 2": {container: waiting("ErrImagePull", "x509: unknown authority"), after: 35 * time.Second, reason: "image web:2 cannot be pulled: x509: unknown authority", failed: true},
		"secret":         {container: waiting("CreateContainerConfigError", `secret "db" not found`), reason: `cannot be started: secret "db" not found`, after: 4 * time.Second},
		"secret, late":   {container: waiting("CreateContainerConfigError", `secret "db" not found`), reason: `cannot be started: secret "db" not found`, after: 5 * time.Second, failed: true},
		"create, late":   {container: waiting("CreateContainerError", "name is reserved"), reason: "cannot be started: name is reserved", after: 5 * time.Second, failed: true},
		"start":          {container: backOff(ended(0, start)), reason: "cannot be started: no such file"},
		"start, again":   {container: backOff(ended(1, start)), reason: "cannot be started: no such file", failed: true},
		"crash":          {container: ended(0, crash), reason: "ended with exit code 1: cannot connect"},
		"twice":          {container: after(crash, ended(1, crash)), reason: "ended 2 times with exit code 1: cannot connect"},
		"twice, back":    {container: backOff(ended(1, crash)), reason: "ended 2 times with exit code 1: cannot connect"},
		"twice, running": {container: running(0, 2, crash), reason: "ended 2 times with exit code 1: cannot connect"},
		"thrice":         {container: after(crash, ended(2, crash)), reason: "ended 3 times with exit code 1: cannot connect", failed: true},
		// The verdict is the same later.
		"thrice, back":     {container: backOff(ended(2, crash)), reason: "ended 3 times with exit code 1: cannot connect", failed: true},
		"thrice, runs":     {container: running(0, 3, crash), reason: "ended 3 times with exit code 1: cannot connect", failed: true},
		"four times, runs": {container: running(0, 4, crash), after: 9 * time.Minute, reason: "ended 4 times with exit code 1: cannot connect", failed: true},
		// One that crashes once a day is not in a crash loop.
		"after a day": {container: backOff(ended(6, daily)), reason: "ended with exit code 1: cannot connect"},
		// An instance that crashed last week and does not answer now is not in a crash loop.
		"long ago":     {container: running(0, 4, crash), after: 10 * time.Minute, reason: none},
		"long words":   {container: ended(0, long), reason: "ended with exit code 1: " + strings.Repeat("é", 200) + "…"},
		"escape codes": {container: ended(0, escape), reason: "ended with exit code 1: [31mred"},
		"processor":    {container: ended(0, arch), reason: "ended with exit code 1: exec /app: exec format error", failed: true},
		"memory":       {container: ended(0, memory), reason: "was killed for using too much memory"},
		"killed":       {container: ended(0, killed), reason: "ended with exit code 137 (killed)"},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
			want := test.reason
			switch {
			case want == none:
			case test.failed:
				want = "instance new-1: " + want + "; no instance serves"
			default:
				want = "instance new-1: " + want + "; trying again; no instance serves"
			}
			p := instance("new", test.container)
			p.Spec.NodeName = "one"
			got := verdict(d, p, test.after)
			if diff := cmp.Diff(want, got.Reason); diff != "" || (got.State == health.Failed) != test.failed {
				t.Errorf("%s: -want +got\n%s", got.State, diff)
			}
			// The same for a container that runs before the app's own: a service mesh adds one.
			early := instance("new")
			early.Spec.NodeName, early.Status.InitContainerStatuses = "one", []corev1.ContainerStatus{test.container}
			got = verdict(d, early, test.after)
			want = strings.Replace(want, "new-1: ", "new-1: init container web: ", 1)
			if diff := cmp.Diff(want, got.Reason); diff != "" || (got.State == health.Failed) != test.failed {
				t.Errorf("init container, %s: -want +got\n%s", got.State, diff)
			}
		})
	}
}

// The grace period for a missing object begins when the containers could be started, not when the instance was created.
func TestAppGrace(t *testing.T) {
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
	p := instance("new", waiting("CreateContainerConfigError", "x"))
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReadyToStartContainers, Status: corev1.ConditionTrue, LastTransitionTime: at(time.Minute)}}
	for after, want := range map[time.Duration]health.State{64 * time.Second: health.Progressing, 65 * time.Second: health.Failed} {
		if got := verdict(d, p, after); got.State != want {
			t.Errorf("%s: got %v, want %s", after, got, want)
		}
	}
}

// If all instances run, but one of them crashed a moment ago, the app is not ready yet. Then it is ready, and for a while
// the crash is still mentioned: an app that crashes once a minute is ready in between.
func TestAppSettles(t *testing.T) {
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2})
	again := running(0, 1, corev1.ContainerStateTerminated{ExitCode: 1})
	again.Ready = true
	const crashed = "ended with exit code 1"
	for after, want := range map[time.Duration]health.Status{
		9 * time.Second: {
			State: health.Progressing, Desired: 2, Reason: "instance new-1: " + crashed + "; trying again",
			Log: health.Log{Instance: "new-1", Container: "web", Previous: true},
		},
		10 * time.Second: {State: health.Ready, Desired: 2, Ready: 2, Reason: "instance new-1: runs again; before that: " + crashed},
		10 * time.Minute: {State: health.Ready, Desired: 2, Ready: 2},
	} {
		if diff := cmp.Diff(want, verdict(d, instance("new", again), after)); diff != "" {
			t.Errorf("%s: -want +got\n%s", after, diff)
		}
	}
	again.LastTerminationState.Terminated.Reason = "StartError"
	if got := verdict(d, instance("new", again), time.Second); got.State != health.Progressing {
		t.Errorf("it has started now, but: %v", got)
	}
	// The reason is the present trouble, not the past one.
	other := waiting("ErrImagePull", "refused")
	if got := verdict(d, instance("new", again, other), time.Minute); got.Cause() != "image web:2 cannot be pulled: refused; trying again" {
		t.Errorf("got %q", got.Cause())
	}
}

// Only instances of the current version count, and of those the worst.
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
			want:        health.Status{State: health.Failed, Desired: 2, Reason: `instance new-1: image "web:2" is not a valid image name: bad; no instance serves`, Next: set(map[string]string{"image": ""})},
		},
		"else the first": {
			replicaSets: all,
			instances:   []*corev1.Pod{instance("new", crashed), instance("new", waiting("ErrImagePull", "refused"))},
			want: health.Status{
				State: health.Progressing, Desired: 2, Reason: "instance new-1: ended with exit code 1; trying again; no instance serves",
				Log: health.Log{Instance: "new-1", Container: "web"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
			if diff := cmp.Diff(test.want, health.App(health.Objects{Deployment: d, ReplicaSets: test.replicaSets, Instances: test.instances}, made)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// The counts of the older ReplicaSets say what serves: those of the Deployment and of its new ReplicaSet are not updated
// at the same time.
func TestAppServing(t *testing.T) {
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1})
	for old, want := range map[int32]string{0: "", 1: "; the old version still serves (1 ready)"} {
		got := health.App(health.Objects{
			Deployment: d, ReplicaSets: []*appsv1.ReplicaSet{replicaSet("old", "1", old), replicaSet("new", "2", 0)},
			Instances: []*corev1.Pod{instance("new", waiting("ErrImagePull", "manifest unknown"))},
		}, made)
		if want := "instance new-1: image web:2 was not found" + want; got.Reason != want {
			t.Errorf("got %q, want %q", got.Reason, want)
		}
	}
}

// An instance without a node may get one when the cluster grows. After a while it has failed, unless the cluster says
// that it is growing.
func TestAppUnschedulable(t *testing.T) {
	p := instance("new")
	p.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, LastTransitionTime: at(0),
		Message: "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate",
	}}
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
	grows := &corev1.Event{Reason: "TriggeredScaleUp", InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "new-1"}}
	if got := verdict(d, p, time.Hour, grows); got.State != health.Progressing {
		t.Errorf("got %v", got)
	}
	if got := verdict(d, p, time.Hour); got.State != health.Failed {
		t.Errorf("got %v", got)
	}
}

// The message of an event is used in the middle of a sentence. Anyone may write events, in any language, or empty ones.
func TestAppPulling(t *testing.T) {
	for message, want := range map[string]string{
		`Pulling image "web:2"`: `instance new-1: pulling image "web:2"; no instance serves`,
		"Ölt das Getriebe":      "instance new-1: ölt das Getriebe; no instance serves",
		"":                      "instance new-1: pulling its image; no instance serves",
	} {
		e := &corev1.Event{Reason: "Pulling", Message: message, InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "new-1"}}
		p := instance("new", waiting("ContainerCreating", ""))
		if got := verdict(deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2}), p, time.Minute, e); got.Reason != want {
			t.Errorf("%q: got %v", message, got)
		}
	}
}

// One instance that is evicted for lack of memory may be chance, two are not.
func TestAppEvicted(t *testing.T) {
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
	p := instance("new")
	p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "The node was low on resource: memory."
	o := health.Objects{Deployment: d, ReplicaSets: []*appsv1.ReplicaSet{replicaSet("new", "2", 0)}, Instances: []*corev1.Pod{p}}
	want := "instance new-1: evicted: The node was low on resource: memory."
	if got := health.App(o, made); got.State != health.Progressing || got.Reason != want+"; trying again; no instance serves" {
		t.Errorf("got %v", got)
	}
	o.Instances = append(o.Instances, p)
	if got := health.App(o, made); got.State != health.Failed || got.Reason != want+"; no instance serves" {
		t.Errorf("got %v", got)
	}
	if got := health.App(o, made.Add(10*time.Minute)); got.State != health.Progressing || got.Reason != "starting" {
		t.Errorf("after a while: got %v", got)
	}
	o.Deployment = deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2})
	if got := health.App(o, made); got.State != health.Ready {
		t.Errorf("others have replaced them: got %v", got)
	}
}

// An instance that wrote too much to a scratch folder is evicted. If its program ends with exit code 0, only an event says so, and
// the instance stays behind as one that has succeeded.
func TestAppFullScratch(t *testing.T) {
	p := instance("new", ended(0, corev1.ContainerStateTerminated{}))
	p.Status.Phase = corev1.PodSucceeded
	p.Spec.Containers = []corev1.Container{{Name: "web", VolumeMounts: []corev1.VolumeMount{{Name: "scratch-0", MountPath: "/tmp"}}}}
	e := &corev1.Event{
		Reason: "Evicted", Message: `Usage of EmptyDir volume "scratch-0" exceeds the limit "1Mi". `,
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: p.Name},
	}
	got := verdict(deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2}), p, time.Minute, e)
	if want := "instance new-1: evicted: it wrote more than 1Mi to its scratch folder /tmp; trying again; no instance serves"; got.Reason != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if diff := cmp.Diff(set(map[string]string{"scratch": "/tmp=scratch/SIZE"}), got.Next); diff != "" {
		t.Errorf("next: -want +got\n%s", diff)
	}
	if got := verdict(deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}), p, time.Minute, e); got.State != health.Ready {
		t.Errorf("another one has replaced it: got %v", got)
	}
	p = instance("new")
	p.Status.Phase = corev1.PodSucceeded
	if got := verdict(deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2}), p, time.Minute); !strings.HasPrefix(got.Reason, "instance new-1: was stopped by its node") {
		t.Errorf("without the event: got %v", got)
	}
}

// A class that offers no disks for several apps says so when the disk is to be created, also while the scheduler waits for it.
func TestAppDiskForSeveral(t *testing.T) {
	p := instance("new")
	p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "up"}}}}
	e := &corev1.Event{
		Reason:         "ProvisioningFailed",
		Message:        `failed to provision volume with StorageClass "local-path": NodePath only supports ReadWriteOnce and ReadWriteOncePod (1.22+) access modes`,
		InvolvedObject: corev1.ObjectReference{Kind: "PersistentVolumeClaim", Name: "up"},
	}
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2})
	for after, failed := range map[time.Duration]bool{10 * time.Second: false, time.Minute: true} {
		got := verdict(d, p, after, e)
		if (got.State == health.Failed) != failed || !strings.Contains(got.Reason, "disk up cannot be created: failed to provision") ||
			!strings.Contains(got.Reason, "its class may not offer disks for several apps") {
			t.Errorf("after %s: got %v", after, got)
		}
	}
}

// A condition of the Deployment fails an app if only a change can help, if it took too long, or if Kubernetes has given
// up. The reason of an instance is better than that of a deadline.
func TestAppConditions(t *testing.T) {
	refusal := func(message string) appsv1.DeploymentCondition {
		return appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Message: message, LastTransitionTime: at(0)}
	}
	deadline := appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded"}
	full := refusal("exceeded quota: q, requested: limits.memory=1Gi,pods=1, used: limits.memory=4Gi,pods=4, limited: limits.memory=4Gi,pods=9")
	number := refusal("exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4")
	nothing := refusal("exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=0")
	past := refusal("forbidden: violates PodSecurity")
	past.Status = corev1.ConditionFalse
	quota := pod.Next{Do: pod.DoAsk, Note: "ask for a larger quota"}
	const none = "no more instances can be created: "
	for name, test := range map[string]struct {
		conditions []appsv1.DeploymentCondition
		container  corev1.ContainerStatus
		after      time.Duration
		failed     bool
		reason     string
		next       []pod.Next
	}{
		"webhook":       {conditions: []appsv1.DeploymentCondition{refusal("admission webhook denied request: no")}, failed: true, reason: none + "admission webhook denied request: no"},
		"quota in use":  {conditions: []appsv1.DeploymentCondition{full}, after: 29 * time.Second, reason: none + full.Message + "; trying again", next: append(set(map[string]string{"cpu": "", "memory": ""}), quota)},
		"of instances":  {conditions: []appsv1.DeploymentCondition{number}, reason: none + number.Message + "; trying again", next: []pod.Next{{Do: pod.DoScale, Kind: pod.KindApp, Name: "web", Set: map[string]string{"instances": ""}, Deploy: true}, quota}},
		"of none":       {conditions: []appsv1.DeploymentCondition{nothing}, failed: true, reason: none + nothing.Message, next: []pod.Next{quota}},
		"still in use":  {conditions: []appsv1.DeploymentCondition{full}, after: 30 * time.Second, failed: true, reason: none + full.Message},
		"over":          {conditions: []appsv1.DeploymentCondition{past}, reason: "starting"},
		"deadline":      {conditions: []appsv1.DeploymentCondition{deadline}, failed: true, reason: "no progress for too long"},
		"both":          {conditions: []appsv1.DeploymentCondition{full, deadline}, failed: true, reason: none + full.Message},
		"with a reason": {conditions: []appsv1.DeploymentCondition{deadline}, container: waiting("ErrImagePull", "refused"), failed: true, reason: "instance new-1: image web:2 cannot be pulled: refused"},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, Conditions: test.conditions})
			got := verdict(d, instance("new", test.container), test.after)
			reason := strings.TrimSuffix(got.Reason, "; no instance serves")
			if diff := cmp.Diff(test.reason, reason); diff != "" || (got.State == health.Failed) != test.failed {
				t.Errorf("%s: -want +got\n%s", got.State, diff)
			}
			if diff := cmp.Diff(test.next, got.Next); test.next != nil && diff != "" {
				t.Errorf("next: -want +got\n%s", diff)
			}
		})
	}
}

// Where an old instance has to end first, the reason says so, and a quota that it still fills is no failure.
func TestAppOldFirst(t *testing.T) {
	recreate := deployment(appsv1.DeploymentStatus{})
	recreate.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
	old, grace := instance("old"), int64(45)
	old.Spec.TerminationGracePeriodSeconds = &grace
	o := health.Objects{Deployment: recreate, ReplicaSets: []*appsv1.ReplicaSet{replicaSet("old", "1", 0)}, Instances: []*corev1.Pod{old}}
	if got, want := health.App(o, made).Reason, "waiting until the old version has stopped: its instances have up to 45s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	o.ReplicaSets = append(o.ReplicaSets, replicaSet("new", "2", 0))
	o.Instances = append(o.Instances, instance("new"))
	if got := health.App(o, made).Reason; got != "starting" {
		t.Errorf("with a new instance: got %q", got)
	}

	full := deployment(appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{{
		Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, LastTransitionTime: at(0),
		Message: `pods "web-1" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`,
	}}})
	o.Deployment, o.Instances = full, []*corev1.Pod{old}
	if s := health.App(o, made.Add(time.Hour)); s.State != health.Failed {
		t.Errorf("a full quota: %s, %s", s.State, s.Reason)
	}
	deleted := at(0)
	old.DeletionTimestamp = &deleted
	if s := health.App(o, made.Add(time.Hour)); s.State != health.Progressing || !strings.Contains(s.Reason, "; instances that are still stopping count too; trying again") {
		t.Errorf("with an old instance that is stopping: %s, %s", s.State, s.Reason)
	}
}

// The status of a ready app names its evictions, for as long as it names crashes.
func TestAppEvictedAgain(t *testing.T) {
	d := deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2})
	o := health.Objects{Deployment: d, ReplicaSets: []*appsv1.ReplicaSet{replicaSet("new", "2", 2)}}
	for range 2 {
		evicted := instance("new")
		evicted.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."}
		o.Instances = append(o.Instances, evicted)
	}
	want := "2 instances were stopped by their nodes in the last 10 minutes, the last one evicted: The node was low on resource: memory."
	if s := health.App(o, made.Add(time.Minute)); s.State != health.Ready || s.Reason != want {
		t.Errorf("%s: %s", s.State, s.Reason)
	}
	if s := health.App(o, made.Add(10*time.Minute)); s.State != health.Ready || s.Reason != "" {
		t.Errorf("after a while: %s: %s", s.State, s.Reason)
	}
}
