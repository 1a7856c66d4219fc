package pod_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

// Whatever Kubernetes would refuse of a job, or never run, is a problem that names the field and the way out.
func TestJobProblems(t *testing.T) {
	for fields, want := range map[string]string{
		`app: web, command: [x], before: deploy`:                                                 "",
		`image: web, schedule: "*/5 * * * *", timeZone: Europe/Amsterdam`:                        "",
		`image: web, schedule: "@daily", paused: true, concurrency: replace`:                     "",
		`image: web, timeout: 240h, retries: 0, history: 1`:                                      "",
		`image: web, schedule: "0 0 29 2 *"`:                                                     "",
		`command: [x]`:                                                                           "job/j spec: needs an app or an image: app runs the image of an app, with its variables and files",
		`app: web, image: web, command: [x]`:                                                     "job/j spec: needs exactly one of app and image",
		`app: web`:                                                                               `job/j spec.command: is missing: say what to run in the image of app "web"`,
		`app: wbe, command: [x]`:                                                                 `job/j spec.app: no app named "wbe", did you mean "web"?`,
		`app: web, command: [x], cpuLimit: 200m`:                                                 `job/j spec.cpuLimit: "200m" is less than the CPU request, 500m`,
		`image: web, before: start`:                                                              `job/j spec.before: must be deploy, is "start"`,
		`image: web, before: deploy, schedule: "@daily"`:                                         "job/j spec.before: cannot be combined with a schedule: make two jobs",
		`image: web, schedule: "0 3 * *"`:                                                        `job/j spec.schedule: "0 3 * *" is not a schedule such as "0 3 * * *": expected exactly 5 fields, found 4: [0 3 * *]`,
		`image: web, schedule: "0 25 * * *"`:                                                     `job/j spec.schedule: "0 25 * * *" is not a schedule such as "0 3 * * *": end of range (25) above maximum (23): 25`,
		`image: web, schedule: "TZ=UTC 0 3 * * *"`:                                               `job/j spec.schedule: "TZ=UTC 0 3 * * *" is not a schedule such as "0 3 * * *": name the time zone in timeZone`,
		`image: web, schedule: "CRON_TZ="`:                                                       `job/j spec.schedule: "CRON_TZ=" is not a schedule such as "0 3 * * *": name the time zone in timeZone`,
		`image: web, schedule: "0 0 31 2 *"`:                                                     `job/j spec.schedule: "0 0 31 2 *" never comes: there is no such day`,
		`image: web, schedule: "@daily", timeZone: Mars/Base`:                                    `job/j spec.timeZone: "Mars/Base" is not a time zone such as Europe/Amsterdam or UTC`,
		`image: web, schedule: "@daily", timeZone: Local`:                                        `job/j spec.timeZone: "Local" is not a time zone such as Europe/Amsterdam or UTC`,
		`image: web, schedule: "@daily", concurrency: queue`:                                     `job/j spec.concurrency: must be forbid, allow or replace, is "queue"`,
		`image: web, timeZone: UTC`:                                                              "job/j spec.timeZone: is for a job with a schedule, which this one does not have",
		`image: web, paused: true`:                                                               "job/j spec.paused: is for a job with a schedule, which this one does not have",
		`image: web, timeout: 721h`:                                                              `job/j spec.timeout: "721h" is not a duration such as 90s, in whole seconds, of at most 720h`,
		`image: web, retries: -1, history: 0`:                                                    "job/j spec.history: must be 1 to 100, is 0\njob/j spec.retries: must be 0 to 100, is -1",
		`image: web, env: {URL: {template: "$(HOST)"}}`:                                          `job/j spec.env.URL: no variable named "HOST" in the same app`,
		`app: web, command: [x], env: {URL: {template: "$(MODE)"}}`:                              "",
		`image: web, disks: [{path: /data, disk: data}], files: [{path: /etc/web, config: web}]`: `job/j spec.files[/etc/web]: no config named "web"`,
	} {
		spec, err := pod.Decode([]byte(`
{apiVersion: psc.dev/v1, kind: App, metadata: {name: web}, spec: {image: web, cpu: 500m, env: {MODE: production}, disks: [{path: /data, disk: data}]}}
---
{apiVersion: psc.dev/v1, kind: Disk, metadata: {name: data}, spec: {size: 1Gi}}
---
{apiVersion: psc.dev/v1, kind: Job, metadata: {name: j}, spec: {` + fields + `}}`))
		if err == nil {
			err = pod.Validate(spec)
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", fields, got, want)
		}
	}
	long := pod.Spec{{Kind: pod.KindJob, Name: strings.Repeat("j", 53)}: &pod.Job{Image: "web"}}
	if err := pod.Validate(long); err == nil || !strings.Contains(err.Error(), "at most 52 characters") {
		t.Errorf("a name that is too long for a CronJob: %v", err)
	}
}

// A job has what its app has, without its disks, and its own on top. Its size replaces all that the app says about it.
func TestProgram(t *testing.T) {
	one, two := int64(1), int64(2)
	app := &pod.App{
		Image: "web:1", User: &one, Command: []string{"serve"}, CPU: "1", CPULimit: "2", Memory: "2Gi", StopGrace: "5s", Capabilities: []string{"NET_RAW"},
		Env: map[string]pod.EnvValue{"A": {Value: "app"}, "B": {Value: "app"}}, Disks: []pod.DiskMount{{Path: "/data", Disk: "data"}},
		Scratch: []pod.Scratch{{Path: "/tmp", Size: "1Gi"}},
	}
	spec := pod.Spec{{Kind: pod.KindApp, Name: "web"}: app}
	want := &pod.App{
		Image: "web:1", User: &two, Args: []string{"x"}, CPU: "1", CPULimit: "2", Memory: "512Mi", StopGrace: "5s", Capabilities: []string{"NET_RAW"},
		Env: map[string]pod.EnvValue{"A": {Value: "app"}, "B": {Value: "job"}}, Disks: []pod.DiskMount{{Path: "/b", Disk: "b"}},
		Scratch: []pod.Scratch{{Path: "/tmp", Size: "1Gi"}},
	}
	job := &pod.Job{
		App: "web", User: &two, Args: []string{"x"}, Memory: "512Mi", Env: map[string]pod.EnvValue{"B": {Value: "job"}}, Disks: []pod.DiskMount{{Path: "/b", Disk: "b"}},
	}
	opts := []cmp.Option{cmp.Transformer("empty", func(m []pod.FileMount) int { return len(m) }), cmp.Transformer("none", func(m []pod.EnvFrom) int { return len(m) })}
	if diff := cmp.Diff(want, spec.Program(job), opts...); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	job.Size = "large"
	if p := spec.Program(job); p.Resources() != (pod.Size{CPU: "500m", Memory: "512Mi"}) || p.CPULimit != "" {
		t.Errorf("a job with a size requests %v with the limit %q", p.Resources(), p.CPULimit)
	}
}

// The next time is in the time zone of the job, also when the clocks change.
func TestNext(t *testing.T) {
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	for want, j := range map[string]pod.Job{
		"2026-03-29T01:30:00Z": {Schedule: "30 3 * * *", TimeZone: "Europe/Amsterdam"}, // summer time begins at 02:00
		"2026-03-29T03:30:00Z": {Schedule: "30 3 * * *"},
		"0001-01-01T00:00:00Z": {Schedule: "30 3 * * *", Paused: true},
	} {
		if got := j.Next(now).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s %s: got %s, want %s", j.Schedule, j.TimeZone, got, want)
		}
	}
	if got := (&pod.Job{}).Next(now); !got.IsZero() {
		t.Errorf("a job without a schedule runs at %s", got)
	}
}
