package health_test

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// batchJob is a Job that is tried once more after a failure.
func batchJob(failed int32, conditions ...batchv1.JobCondition) *batchv1.Job {
	retries := int32(1)
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", UID: types.UID("web-1"), CreationTimestamp: at(0)},
		Spec:       batchv1.JobSpec{BackoffLimit: &retries},
		Status:     batchv1.JobStatus{Failed: failed, Conditions: conditions},
	}
}

func finished(how batchv1.JobConditionType, message string) batchv1.JobCondition {
	return batchv1.JobCondition{Type: how, Status: corev1.ConditionTrue, Message: message}
}

// attempt is an instance of the Job, the nth.
func attempt(n int, phase corev1.PodPhase, c corev1.ContainerState) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: owned("web-1", "web-1-"+string(rune('a'+n)))}
	p.CreationTimestamp = at(time.Duration(n) * time.Second)
	p.Status = corev1.PodStatus{Phase: phase, ContainerStatuses: []corev1.ContainerStatus{{Name: "web", Image: "web:2", State: c}}}
	return p
}

// The status of a run says what a person needs to know: that it runs, why it does not start, why it has failed, and whether Kubernetes
// tries again. Only what Kubernetes has given up is failed, or what can never start.
func TestJob(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	exit := func(code int32, said string) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: said}}
	}
	nothing := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "rpc error: code = NotFound desc = no"}}
	slow := attempt(0, corev1.PodFailed, exit(137, ""))
	slow.Status.Reason, slow.Spec.ActiveDeadlineSeconds = "DeadlineExceeded", new(int64(60))
	other := attempt(5, corev1.PodFailed, exit(1, "another run"))
	other.OwnerReferences[0].UID = "web-2"
	for name, test := range map[string]struct {
		job       *batchv1.Job
		instances []*corev1.Pod
		state     health.State
		reason    string
		log       string
	}{
		"none":        {nil, nil, health.Progressing, health.NotFound, ""},
		"no instance": {batchJob(0), nil, health.Progressing, "starting", ""},
		"not started": {batchJob(0), []*corev1.Pod{attempt(0, corev1.PodPending, corev1.ContainerState{})}, health.Progressing, "starting", ""},
		"no image":    {batchJob(0), []*corev1.Pod{attempt(0, corev1.PodPending, nothing)}, health.Failed, "image web:2 was not found", ""},
		"running":     {batchJob(0), []*corev1.Pod{attempt(0, corev1.PodRunning, running), other}, health.Progressing, "running", "web-1-a"},
		"ending":      {batchJob(0), []*corev1.Pod{attempt(0, corev1.PodRunning, exit(0, ""))}, health.Progressing, "ending", "web-1-a"},
		"done":        {batchJob(0, finished(batchv1.JobComplete, "")), nil, health.Ready, "", ""},
		"failed once": {batchJob(1), []*corev1.Pod{attempt(0, corev1.PodFailed, exit(3, "no table"))}, health.Progressing, "ended with exit code 3: no table (attempt 1 of 2)", "web-1-a"},
		"second time": {batchJob(1), []*corev1.Pod{attempt(0, corev1.PodFailed, exit(3, "")), attempt(1, corev1.PodRunning, running)}, health.Progressing, "running (attempt 2 of 2)", "web-1-b"},
		"failed":      {batchJob(2, finished(batchv1.JobFailed, "Job has reached the specified backoff limit")), []*corev1.Pod{attempt(0, corev1.PodFailed, exit(3, "")), attempt(1, corev1.PodFailed, exit(4, "still no table"))}, health.Failed, "ended with exit code 4: still no table (attempt 2 of 2)", "web-1-b"},
		"too slow":    {batchJob(1, finished(batchv1.JobFailed, "")), []*corev1.Pod{slow}, health.Failed, "it did not end within 1m0s (attempt 1 of 2)", "web-1-a"},
		"never began": {batchJob(0, finished(batchv1.JobFailed, "Job was active longer than specified deadline")), nil, health.Failed, "Job was active longer than specified deadline", ""},
	} {
		s := health.Job(pod.Ref{Kind: pod.KindJob, Name: "web"}, test.job, test.instances, health.NewEvents(nil), made.Add(10*time.Second))
		if s.State != test.state || s.Reason != test.reason || s.Log.Instance != test.log {
			t.Errorf("%s: got %s %q, log of %q; want %s %q, log of %q", name, s.State, s.Reason, s.Log.Instance, test.state, test.reason, test.log)
		}
	}
}

// A quota that keeps the instance from being created is only found in the events.
func TestJobRefused(t *testing.T) {
	e := &corev1.Event{Reason: "FailedCreate", InvolvedObject: corev1.ObjectReference{Kind: "Job", Name: "web-1"}}
	e.Message = `Error creating: pods "web-1-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1`
	s := health.Job(pod.Ref{Kind: pod.KindJob, Name: "web"}, batchJob(0), nil, health.NewEvents([]*corev1.Event{e}), made.Add(time.Minute))
	if want := "no more instances can be created: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1"; s.State != health.Failed || s.Reason != want {
		t.Errorf("got %s %q, want failed %q", s.State, s.Reason, want)
	}
	if len(s.Next) != 1 || s.Next[0].Do != pod.DoAsk { // a job has no instances that it could do without
		t.Errorf("next is %v", s.Next)
	}
}

// The oldest runs of each outcome are in excess, and never one that still runs.
func TestExcess(t *testing.T) {
	var jobs []*batchv1.Job
	for i, how := range []batchv1.JobConditionType{batchv1.JobComplete, "", batchv1.JobFailed, batchv1.JobComplete, batchv1.JobComplete, "", batchv1.JobFailed} {
		job := batchJob(0)
		if job.Name, job.CreationTimestamp = string(rune('a'+i)), at(time.Duration(i)*time.Minute); how != "" {
			job.Status.Conditions = []batchv1.JobCondition{finished(how, "")}
		}
		jobs = append(jobs, job)
	}
	names := ""
	for _, job := range health.Excess(jobs, 1) {
		names += job.Name
	}
	if names != "dca" {
		t.Errorf("the runs %s are in excess, want d, c, a", names)
	}
}
