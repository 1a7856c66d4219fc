package health

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/pkg/pod"
)

// Job returns the status of one run of a job: it is Ready when the run has succeeded. job is nil if there is none. instances may
// include those of other runs.
func Job(of pod.Ref, job *batchv1.Job, instances []*corev1.Pod, events Events, now time.Time) Status {
	if job == nil {
		return Status{State: Progressing, Reason: NotFound}
	}
	last := instance{Pod: Newest(job, instances), of: of, all: events, now: now}
	if last.Pod != nil {
		last.events = events.of("Pod", last.Name)
	}
	switch done, message := Finished(job); {
	case done == batchv1.JobComplete:
		return Status{State: Ready}
	case done == batchv1.JobFailed:
		t := trouble{cause: line(message, maxReason)}
		if last.Pod != nil && over(last.Pod) {
			t = last.failure()
		}
		return Status{State: Failed, Reason: line(t.cause, maxReason) + attempts(job), Next: t.next, Log: t.log}
	case last.Pod == nil:
		return refusedRun(of, job, events, now)
	case over(last.Pod) && last.Status.Phase == corev1.PodFailed: // Kubernetes tries again, or is about to say that it does not
		t := last.failure()
		return Status{State: Progressing, Reason: line(t.cause, maxReason) + attempts(job), Next: t.next, Log: t.log}
	}
	s := last.running()
	if job.Status.Failed > 0 {
		s.Reason += fmt.Sprintf(" (attempt %d of %d)", job.Status.Failed+1, limit(job)+1)
	}
	return s
}

// running returns the status of an instance that runs once and has not failed.
func (i instance) running() Status {
	for _, c := range i.Status.ContainerStatuses {
		log := Log{Instance: i.Name, Container: c.Name}
		switch {
		case c.Name != i.of.Name:
		case c.State.Running != nil:
			return Status{State: Progressing, Reason: "running", Log: log}
		case c.State.Terminated != nil:
			return Status{State: Progressing, Reason: "ending", Log: log}
		}
	}
	s := Start(i.of, i.Pod, i.all, i.now)
	s.Reason = cmp.Or(s.Reason, "starting")
	return s
}

// Finished returns how a Job has ended, JobComplete or JobFailed, with the message of Kubernetes; or "".
func Finished(job *batchv1.Job) (how batchv1.JobConditionType, message string) {
	for _, c := range job.Status.Conditions {
		if c.Status == corev1.ConditionTrue && (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) {
			return c.Type, c.Message
		}
	}
	return "", ""
}

// Newest returns the newest instance of a Job among some, or nil.
func Newest(job *batchv1.Job, instances []*corev1.Pod) *corev1.Pod {
	var newest *corev1.Pod
	for _, p := range instances {
		if p != nil && metav1.IsControlledBy(p, job) && (newest == nil || newest.CreationTimestamp.Before(&p.CreationTimestamp)) {
			newest = p
		}
	}
	return newest
}

func limit(job *batchv1.Job) int32 {
	if job.Spec.BackoffLimit == nil {
		return 0
	}
	return *job.Spec.BackoffLimit
}

// attempts says how often a run was tried that may be tried several times.
func attempts(job *batchv1.Job) string {
	if limit(job) == 0 || job.Status.Failed == 0 {
		return ""
	}
	return fmt.Sprintf(" (attempt %d of %d)", job.Status.Failed, limit(job)+1)
}

// failure returns why the only program of an instance has failed.
func (i instance) failure() trouble {
	t := i.stopped()
	for _, c := range i.Status.ContainerStatuses {
		if end := c.State.Terminated; c.Name == i.of.Name && end != nil && end.ExitCode != 0 {
			t = i.end(c, end, 1)
			t.log = Log{Instance: i.Name, Container: c.Name, Said: end.Message}
		}
	}
	if reason, next := Ended(i.of, i.Pod); reason != "" {
		t.cause, t.next = reason, next
	}
	return t
}

// refusedRun returns the status of a run of which Kubernetes has created no instance.
func refusedRun(of pod.Ref, job *batchv1.Job, events Events, now time.Time) Status {
	s := Status{State: Progressing, Reason: "starting"}
	e := last(events.of("Job", job.Name), "FailedCreate")
	if e == nil {
		return s
	}
	t := refusedInstance(of, strings.TrimPrefix(e.Message, "Error creating: "), now.Sub(job.CreationTimestamp.Time))
	s.Reason, s.Next = line(t.cause, maxReason)+t.response, t.next
	if t.fatal {
		s.State, s.Reason = Failed, line(t.cause, maxReason)
	}
	return s
}

// InHistory sorts Jobs, the newest first.
func InHistory(a, b *batchv1.Job) int {
	return b.CreationTimestamp.Compare(a.CreationTimestamp.Time)
}

// Excess returns the ended runs beyond the newest most of each outcome.
func Excess(jobs []*batchv1.Job, most int) []*batchv1.Job {
	all := slices.SortedFunc(slices.Values(jobs), InHistory)
	count := map[batchv1.JobConditionType]int{}
	return slices.DeleteFunc(all, func(job *batchv1.Job) bool {
		how, _ := Finished(job)
		count[how]++
		return how == "" || count[how] <= most
	})
}
