package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// jobs renders each job: its ServiceAccount, and what starts its runs. Those that people start are rendered by Run.Job.
func jobs(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, pod.Problems) {
	var objects []*unstructured.Unstructured
	for name, j := range spec.Jobs() {
		all := labels(podName, object.LabelJob, name)
		objects = append(objects, account(podName, JobAccount(name), all, c))
		switch b := jobBatch(podName, name, j, spec); {
		case j.Releases():
			b.labels = all
			objects = append(objects, withSpec(object.Job, podName, ReleaseName(name, spec), all, b.spec(spec, c)))
		case j.Schedule != "":
			objects = append(objects, withSpec(object.CronJob, podName, name, all, cronJob(j, b, b.spec(spec, c))))
		}
	}
	return objects, nil
}

// JobAccount returns the name of the ServiceAccount of a job. The one of an app has the name of the app.
func JobAccount(job string) string { return job + ".job" }

// jobBatch returns what a job of the spec runs. The labels are those of a run that no deploy writes.
func jobBatch(podName, name string, j *pod.Job, spec pod.Spec) batch {
	all := labels(podName, object.LabelJob, name)
	delete(all, object.LabelPod)
	return batch{name: name, account: JobAccount(name), program: spec.Program(j), timeout: j.TimeLimit(), attempts: j.Attempts(), labels: all}
}

// cronJob renders the schedule of a job.
func cronJob(j *pod.Job, b batch, work batchv1.JobSpec) batchv1.CronJobSpec {
	policy := map[string]batchv1.ConcurrencyPolicy{
		"": batchv1.ForbidConcurrent, pod.ConcurrencyForbid: batchv1.ForbidConcurrent,
		pod.ConcurrencyAllow: batchv1.AllowConcurrent, pod.ConcurrencyReplace: batchv1.ReplaceConcurrent,
	}
	spec := batchv1.CronJobSpec{
		Schedule:                   j.Schedule,
		TimeZone:                   new("Etc/UTC"),
		ConcurrencyPolicy:          policy[j.Concurrency],
		Suspend:                    new(j.Paused),
		SuccessfulJobsHistoryLimit: new(int32(j.Kept())),
		FailedJobsHistoryLimit:     new(int32(j.Kept())),
		JobTemplate:                batchv1.JobTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: b.labels}, Spec: work},
	}
	if j.TimeZone != "" {
		spec.TimeZone = &j.TimeZone
	}
	return spec
}

// ReleaseName returns the name of the Job with which a job of the spec runs before a deploy. It depends on what the job runs and not on
// how much of the machine it gets, so that it runs again only when that has changed.
func ReleaseName(name string, spec pod.Spec) string {
	b := batch{name: name, program: spec.Program(spec.Job(name))}
	work := b.spec(spec, Cluster{}).Template.Spec
	program := work.Containers[0]
	data, err := json.Marshal(struct {
		Image         string
		Command, Args []string
		Env           []corev1.EnvVar
		Mounts        []corev1.VolumeMount
		Volumes       []corev1.Volume
		User          *corev1.PodSecurityContext
	}{program.Image, program.Command, program.Args, program.Env, program.VolumeMounts, work.Volumes, work.SecurityContext})
	if err != nil {
		panic(fmt.Sprintf("render: job %s has no JSON form: %v", name, err))
	}
	sum := sha256.Sum256(data)
	return name + "-" + hex.EncodeToString(sum[:4])
}
