package convert

import (
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/pscdev/psc/pkg/pod"
)

// What Kubernetes does if a CronJob does not say it: https://kubernetes.io/docs/concepts/workloads/controllers/job/
const (
	cronRetries = 6
	maxCronName = 52
)

// cronJob converts a CronJob to a job with a schedule.
func (c *conversion) cronJob(s *source) {
	if len(validation.IsDNS1123Label(s.name)) > 0 || len(s.name) > maxCronName {
		c.named(s, "use a-z, 0-9 and -, start and end with a letter or digit, at most 52 characters")
		return
	}
	spec := s.child("spec")
	job := &pod.Job{Schedule: spec.text("schedule"), TimeZone: spec.text("timeZone"), Paused: spec.flag("suspend")}
	switch spec.text("concurrencyPolicy") {
	case "", "Allow":
		job.Concurrency = pod.ConcurrencyAllow
	case "Replace":
		job.Concurrency = pod.ConcurrencyReplace
	}
	if n, ok := spec.number("successfulJobsHistoryLimit"); ok && n != 3 {
		kept := int(n)
		job.History = &kept
	}
	spec.usual("failedJobsHistoryLimit", 1)
	run := spec.child("jobTemplate", "spec")
	spec.child("jobTemplate", "metadata").ignore("creationTimestamp")
	retries := cronRetries
	if n, ok := run.number("backoffLimit"); ok {
		retries = int(n)
	}
	job.Retries = &retries
	if n, ok := run.number("activeDeadlineSeconds"); ok {
		job.Timeout = seconds(n)
		if retries > 0 {
			c.leave(s, "spec.jobTemplate.spec.activeDeadlineSeconds", "it is the time of all attempts, and the timeout of psc is that of each: %s", job.Timeout)
		}
	} else {
		c.leave(s, "spec.jobTemplate.spec.activeDeadlineSeconds", "it is not set, and psc ends an attempt after %s: set the timeout if it needs more", job.TimeLimit())
	}
	run.usual("parallelism", 1)
	run.usual("completions", 1)
	c.jobProgram(s, run.child("template"), job)
	c.rest(s)
	c.Spec[pod.Ref{Kind: pod.KindJob, Name: s.name}] = job
}

// jobProgram converts what a job runs: its first container.
func (c *conversion) jobProgram(s *source, template node, job *pod.Job) {
	meta, instance := template.child("metadata"), template.child("spec")
	meta.ignore("creationTimestamp")
	c.leaveKeys(s, "spec.jobTemplate.spec.template.metadata.labels", meta.texts2("labels"), ownLabel, "psc sets its own labels: what selects by these finds nothing")
	c.leaveKeys(s, "spec.jobTemplate.spec.template.metadata.annotations", meta.texts2("annotations"), ownAnnotation,
		"psc has no annotations: a tool that reads these no longer finds them")
	usualInstance(instance)
	instance.usual("restartPolicy", "Never", "OnFailure")
	instance.usual("terminationGracePeriodSeconds", 30)
	a := &app{App: &pod.App{}, source: s, name: s.name}
	volumes := c.volumes(a, instance)
	user := c.podSecurity(instance)
	all := instance.list("containers")
	if len(all) == 0 {
		return
	}
	all[0].ignore("name")
	x := c.program(a, all[0], volumes, true)
	if x.User == nil {
		x.User = user
	}
	for _, name := range a.Capabilities {
		c.leave(s, all[0].at("securityContext.capabilities.add"), "%s: a job has no added capabilities", name)
	}
	volumes.rest()
	job.Image, job.User, job.Command, job.Args, job.CPU, job.CPULimit, job.Memory = x.Image, x.User, x.Command, x.Args, x.CPU, a.CPULimit, x.Memory
	job.Env, job.EnvFrom, job.Files, job.Disks, job.Scratch = x.Env, x.EnvFrom, x.Files, x.Disks, x.Scratch
	if !a.memory {
		c.noMemory(s, all[0].at("resources"), job.CPU)
	}
}
