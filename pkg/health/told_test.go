package health

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An event has the words of a status for the same cause, and those of Kubernetes where psc has none.
func TestTold(t *testing.T) {
	for _, test := range []struct{ kind, path, reason, message, want string }{
		{"Pod", "", "FailedScheduling", "0/1 nodes are available: 1 Insufficient memory. preemption: 0/1 nodes are available", "finds no node: 0/1 nodes are available: 1 Insufficient memory"},
		{"Pod", "", "FailedScheduling", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found", "waits for its disks: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims"},
		{"ReplicaSet", "", "FailedCreate", `Error creating: pods "web-7d9f5c6b8-x2x9z" is forbidden: exceeded quota: q`, "no more instances can be created: exceeded quota: q"},
		{"Job", "", "FailedCreate", "Error creating: no", "FailedCreate: Error creating: no"},
		{"Pod", "{web}", "Failed", `Failed to pull image "x:1": rpc error: code = NotFound desc = failed to pull: x:1: not found`, "image x:1 was not found"},
		{"Pod", "{web}", "Failed", "Error: ErrImagePull", "cannot be started: its image cannot be pulled"},
		{"Pod", "{worker}", "Failed", `Error: failed to create containerd task: unable to start container process: exec: "/no": no such file`, `container worker: cannot be started: exec: "/no": no such file`},
		{"Pod", "{web}", "BackOff", `Back-off pulling image "x:1": ErrImagePull: x`, "waits before it pulls image x:1 again"},
		{"Pod", "{worker}", "BackOff", `Back-off pulling image "x:1"`, "container worker: waits before it pulls image x:1 again"},
		{"Pod", "{web}", "BackOff", "Back-off restarting failed container web in pod web-7d9f5c6b8-x2x9z_shop(1f2)", "container web ended, and waits before it starts again"},
		{"Pod", "{web}", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", "its readiness probe failed: it got the answer 503"},
		{"Pod", "{web}", "Unhealthy", `(combined from similar events): Readiness probe failed: Get "http://10.42.0.9:8080/": dial tcp 10.42.0.9:8080: connect: connection refused`, "its readiness probe failed: nothing listens on its port"},
		{"Pod", "{worker}", "Unhealthy", "Liveness probe errored and resulted in unknown state: no shell", "container worker: its liveness probe failed: no shell"},
		{"Pod", "{web}", "Unhealthy", "who knows", "Unhealthy: who knows"},
		{"Pod", "{web}", "Killing", "Container web failed liveness probe, will be restarted", "was stopped because its liveness probe failed"},
		{"Pod", "{web}", "Killing", "Stopping container web", "is being stopped"},
		{"Pod", "{web}", "Killing", "Preempted by another", "Killing: Preempted by another"},
		{"Pod", "{web}", "Pulling", `Pulling image "ghcr.io/acme/x:1@sha256:c58f55dcde103dfeb44f09e3a9e2ae391cc3c0157bae5ac0f71568ab57291acb"`, "pulling image x:1"},
		{"Pod", "{web}", "Pulled", `Container image "x:1" already present on machine and can be accessed by the pod`, "image x:1 is on the node already"},
		{"Pod", "{web}", "Pulled", "Container image is there", "Pulled: Container image is there"},
		{"Pod", "", "Scheduled", "Successfully assigned shop/web-7d9f5c6b8-x2x9z to n1", "placed on node n1"},
		{"Pod", "", "Scheduled", "elsewhere", "Scheduled: elsewhere"},
		{"Pod", "{worker}", "Created", "Created container: worker", "container worker: container created"},
		{"Pod", "{web}", "Started", "Container started", "container started"},
		{"Deployment", "", "ScalingReplicaSet", "Scaled up replica set web-7d9f5c6b8 from 0 to 2", "scaled up web-7d9f5c6b8 from 0 to 2 instances"},
		{"Deployment", "", "ScalingReplicaSet", "Scaled down replica set web-* from 2 to 1", "scaled down web-* from 2 to 1 instance"},
		{"Deployment", "", "ScalingReplicaSet", "Scaled up replica set web-7d9f5c6b8 to 2", "ScalingReplicaSet: Scaled up replica set web-7d9f5c6b8 to 2"},
		{"ReplicaSet", "", "SuccessfulCreate", "Created pod: web-7d9f5c6b8-x2x9z", "created instance web-7d9f5c6b8-x2x9z"},
		{"ReplicaSet", "", "SuccessfulDelete", "Deleted pod: web-7d9f5c6b8-x2x9z", "deleted instance web-7d9f5c6b8-x2x9z"},
		{"PodDisruptionBudget", "", "NoPods", "No matching pods found", "its disruption budget finds no instances yet"},
		{"Pod", "{web}", "Pulled", `Successfully pulled image "x:1" in 12ms (12ms including waiting). Image size: 5 bytes.`, "pulled image x:1"},
		{"Pod", "", "FailedMount", `MountVolume.SetUp failed for volume "files" : configmap "c" not found`, `its files or disks cannot be mounted: configmap "c" not found`},
		{"PersistentVolumeClaim", "", "ProvisioningFailed", "no class", "disk data cannot be created: no class"},
		{"Service", "", "", "", ""},
	} {
		e := &corev1.Event{Reason: test.reason, Message: test.message, InvolvedObject: corev1.ObjectReference{Kind: test.kind, Name: "data"}}
		if test.path != "" {
			e.InvolvedObject.FieldPath = "spec.containers" + test.path
		}
		if got := Told("web", e); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.reason, test.message, got, test.want)
		}
	}
}

// The order of events does not depend on which field has the time.
func TestWhen(t *testing.T) {
	early, late := time.Unix(1, 0), time.Unix(2, 0)
	for name, e := range map[string]corev1.Event{
		"series":        {Series: &corev1.EventSeries{LastObservedTime: metav1.NewMicroTime(late)}, EventTime: metav1.NewMicroTime(early)},
		"empty series":  {Series: &corev1.EventSeries{}, EventTime: metav1.NewMicroTime(late), FirstTimestamp: metav1.NewTime(early)},
		"lastTimestamp": {LastTimestamp: metav1.NewTime(late), FirstTimestamp: metav1.NewTime(early)},
		"first only":    {FirstTimestamp: metav1.NewTime(late)},
	} {
		if got := When(&e); !got.Equal(late) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
