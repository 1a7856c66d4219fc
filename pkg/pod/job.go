package pod

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Job is a program that runs to its end: at the times of a schedule, before each deploy that changes it, or when someone starts
// it. It runs in the image of an app, with what the app has, or in an image of its own.
type Job struct {
	// App is the name of an app of this pod. The job has the image, user, variables, files, scratch folders and size of the app,
	// always those of the same revision. Its own fields come on top. It does not have the ports, checks, disks and other
	// processes of the app.
	App string `json:"app,omitempty"`
	// Image is the container image, for a job without an app.
	Image string `json:"image,omitempty" psc:"image"`
	// User is the numeric user to run as, such as 1000. The default is the user of the app, or of the image.
	User *int64 `json:"user,omitempty"`
	// ImageUser is the numeric user of the image. psc reads it from the image when it pins it.
	ImageUser *int64 `json:"imageUser,omitempty" psc:"user"`
	// Command replaces the image's entrypoint. It is run as it is written: $(NAME) does not stand for a variable.
	Command []string `json:"command,omitempty"`
	// Args replaces the image's arguments. They are passed as they are written, as the command is.
	Args []string `json:"args,omitempty"`
	// Schedule is when the job runs, as cron has it: minute, hour, day of the month, month, day of the week. With "0 3 * * 1-5"
	// it runs at 3 in the morning from Monday to Friday. Words such as @daily work too.
	Schedule string `json:"schedule,omitempty"`
	// TimeZone is the time zone of the schedule, such as Europe/Amsterdam. The default is UTC.
	TimeZone string `json:"timeZone,omitempty"`
	// Paused stops the schedule. The job still runs when someone starts it.
	Paused bool `json:"paused,omitempty"`
	// Concurrency says what happens if the job still runs when its time comes: forbid (this time is left out), allow (both
	// run) or replace (the older run is ended). The default is forbid.
	Concurrency string `json:"concurrency,omitempty"`
	// Before is deploy for a job that runs before the apps are deployed, such as a migration of a database. It runs in each deploy
	// that changes what it runs. If it fails, the deploy fails, and the apps stay as they are.
	Before string `json:"before,omitempty"`
	// Timeout is how long one attempt may take, such as 30m. The default is 1h.
	Timeout string `json:"timeout,omitempty"`
	// Retries is how often a run that failed is tried again. The default is 0: not every program may start again after it has
	// done a part of its work.
	Retries *int `json:"retries,omitempty"`
	// History is how many runs that succeeded, and how many that failed, are kept with their logs. The default is 3.
	History *int `json:"history,omitempty"`
	// Size sets the CPU and memory. The default is the size of the app, or small.
	Size string `json:"size,omitempty"`
	// CPU is the CPU request, such as 500m or 2. It overrides the size.
	CPU string `json:"cpu,omitempty"`
	// CPULimit is the most CPU that the job may use, such as 1. By default there is no limit. If a quota of the pod demands a
	// limit, the default is the CPU request, and at least 500m.
	CPULimit string `json:"cpuLimit,omitempty"`
	// Memory is the memory request and limit, such as 512Mi. It overrides the size.
	Memory string `json:"memory,omitempty"`
	// Env are the environment variables. A value is a string, in which a dollar is a dollar, or it refers to something else.
	Env map[string]EnvValue `json:"env,omitempty"`
	// EnvFrom turns all keys of secrets, and all files of configs, into variables. A variable of env takes precedence, and else
	// that of the later item.
	EnvFrom []EnvFrom `json:"envFrom,omitempty"`
	// Files mounts configs and secrets into the file system of the job.
	Files []FileMount `json:"files,omitempty"`
	// Disks mounts disks into the file system of the job. While an app uses a disk that is not shared, the job can only use it on
	// the node of the app, and waits until it runs there.
	Disks []DiskMount `json:"disks,omitempty"`
	// Scratch are empty folders to write to. They end with the run.
	Scratch []Scratch `json:"scratch,omitempty"`
}

// BeforeDeploy is the value of Job.Before.
const BeforeDeploy = "deploy"

// The choices of Job.Concurrency.
const (
	ConcurrencyForbid  = "forbid"
	ConcurrencyAllow   = "allow"
	ConcurrencyReplace = "replace"
)

// Concurrencies returns the choices of Job.Concurrency.
func Concurrencies() []string {
	return []string{ConcurrencyForbid, ConcurrencyAllow, ConcurrencyReplace}
}

const (
	// jobTime is how long an attempt may take by default, and maxJobTime at most.
	jobTime, maxJobTime = time.Hour, 30 * 24 * time.Hour
	// maxRetries and maxKept guard against typing errors.
	maxRetries, maxKept = 100, 100
	// keptRuns is how many runs of each outcome are kept by default.
	keptRuns = 3
	// maxJobName is the longest name of a CronJob, which adds the time to it:
	// https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
	maxJobName = 52
)

// Kind implements Resource.
func (*Job) Kind() Kind { return KindJob }

// Job returns the job with a name, or nil.
func (s Spec) Job(name string) *Job {
	j, _ := s[Ref{KindJob, name}].(*Job)
	return j
}

// Jobs iterates over the jobs, sorted by name.
func (s Spec) Jobs() iter.Seq2[string, *Job] { return each[*Job](s) }

// Releases reports whether the job runs before a deploy.
func (j *Job) Releases() bool { return j.Before == BeforeDeploy }

// Releases reports whether any job of the spec runs before a deploy.
func (s Spec) Releases() bool {
	for _, j := range s.Jobs() {
		if j.Releases() {
			return true
		}
	}
	return false
}

// TimeLimit returns how long one attempt may take.
func (j *Job) TimeLimit() time.Duration {
	d, _ := time.ParseDuration(j.Timeout)
	return cmp.Or(d, jobTime)
}

// Attempts returns how often a run is tried.
func (j *Job) Attempts() int {
	if j.Retries == nil {
		return 1
	}
	return 1 + *j.Retries
}

// Kept returns how many runs of each outcome are kept.
func (j *Job) Kept() int {
	if j.History == nil {
		return keptRuns
	}
	return *j.History
}

// own returns what a job sets itself as an app.
func (j *Job) own() *App {
	return &App{
		Image: j.Image, User: j.User, ImageUser: j.ImageUser, Command: j.Command, Args: j.Args, Size: j.Size, CPU: j.CPU, CPULimit: j.CPULimit,
		Memory: j.Memory, Env: j.Env, EnvFrom: j.EnvFrom, Files: j.Files, Disks: j.Disks, Scratch: j.Scratch,
	}
}

// Program returns what a job of this spec runs as an app without ports, with what it has of its app.
func (s Spec) Program(j *Job) *App {
	app := s.App(j.App)
	if app == nil {
		return j.own()
	}
	bare := *app
	bare.Disks = nil
	out := bare.with(j.own())
	out.Capabilities, out.StopGrace = app.Capabilities, app.StopGrace
	if j.Size == "" { // a size of the job replaces all that the app says
		out.Size, out.CPU, out.Memory = app.Size, cmp.Or(j.CPU, app.CPU), cmp.Or(j.Memory, app.Memory)
		if j.CPU == "" {
			out.CPULimit = cmp.Or(j.CPULimit, app.CPULimit)
		}
	}
	return out
}

// Describe implements Resource. An example is "app web · bin/migrate · before deploy".
func (j *Job) Describe() string {
	words := []string{ShortImage(j.Image)}
	if j.App != "" {
		words[0] = "app " + j.App
	}
	if command := strings.Join(slices.Concat(j.Command, j.Args), " "); command != "" {
		words = append(words, command)
	}
	if when := j.When(); when != "" {
		words = append(words, when)
	}
	return strings.Join(words, " · ")
}

// When returns when a job runs: "at 0 3 * * * Europe/Amsterdam", "before deploy", or "" if only people start it.
func (j *Job) When() string {
	switch {
	case j.Releases():
		return "before deploy"
	case j.Schedule == "":
		return ""
	case j.Paused:
		return "paused"
	}
	return strings.TrimSpace("at " + j.Schedule + " " + j.TimeZone)
}

func (j *Job) refs(add func(Kind, string)) {
	add(KindApp, j.App)
	j.own().refs(add)
}

func (j *Job) problems(name string, s Spec) []Problem {
	var p problems
	p.rule("metadata.name", name, func(name string) []string {
		if len(name) > maxJobName {
			return []string{"too long"}
		}
		return validation.IsDNS1123Label(name)
	}, ruleJob)
	program, own := s.Program(j), j.own()
	switch {
	case j.App == "" && j.Image == "":
		p.add("spec", "needs an app or an image: app runs the image of an app, with its variables and files")
	case j.App != "" && j.Image != "":
		p.add("spec", "needs exactly one of app and image")
	case j.Image != "":
		p.image("spec.image", j.Image)
	case s.App(j.App) == nil:
		p.missing("spec.app", KindApp, j.App, "", s)
	case len(j.Command)+len(j.Args) == 0:
		p.add("spec.command", "is missing: say what to run in the image of app %q", j.App)
	}
	if own.Size == "" && own.CPU == "" { // which the limit must not be below
		own.CPU = program.CPU
		own.Size = program.Size
	}
	own.programProblems(&p, "spec", "", s.Variables(program), s)
	j.timeProblems(&p)
	p.within("spec.retries", j.Retries, 0, maxRetries)
	p.within("spec.history", j.History, 1, maxKept)
	return p
}

// timeProblems checks when a job runs, and for how long.
func (j *Job) timeProblems(p *problems) {
	if j.Before != "" && j.Before != BeforeDeploy {
		p.add("spec.before", "must be %s, is %q", BeforeDeploy, j.Before)
	}
	if j.Before != "" && j.Schedule != "" {
		p.add("spec.before", "cannot be combined with a schedule: make two jobs")
	}
	p.schedule("spec.schedule", j.Schedule)
	p.timeZone("spec.timeZone", j.TimeZone)
	if j.Concurrency != "" && !slices.Contains(Concurrencies(), j.Concurrency) {
		p.add("spec.concurrency", "must be %s, %s or %s, is %q", ConcurrencyForbid, ConcurrencyAllow, ConcurrencyReplace, j.Concurrency)
	}
	for field, set := range map[string]bool{"timeZone": j.TimeZone != "", "concurrency": j.Concurrency != "", "paused": j.Paused} {
		if set && j.Schedule == "" {
			p.add("spec."+field, "is for a job with a schedule, which this one does not have")
		}
	}
	p.durationTo("spec.timeout", j.Timeout, maxJobTime)
}

// within checks an optional number.
func (p *problems) within(path string, n *int, least, most int) {
	if n != nil && (*n < least || *n > most) {
		p.add(path, "must be %d to %d, is %d", least, most, *n)
	}
}
