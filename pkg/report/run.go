package report

import (
	"slices"
	"time"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// RunState is the state of a run.
type RunState string

// The states of a run.
const (
	RunStarting RunState = "starting"
	RunRunning  RunState = "running"
	RunDone     RunState = "done"
	RunFailed   RunState = "failed"
)

// Run is one run of a command of an app, or of a job.
type Run struct {
	Name    string    `json:"name"`
	App     string    `json:"app,omitempty"`
	Job     string    `json:"job,omitempty"`
	State   RunState  `json:"state"`
	Author  string    `json:"author,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Finished is when it ended.
	Finished time.Time `json:"finished,omitzero"`
	// By is the user who started it, BySchedule or ByDeploy.
	By string `json:"by,omitempty"`
	// Command is empty for the command of the app.
	Command []string `json:"command,omitempty"`
	// ExitCode is that of a run whose program has ended.
	ExitCode *int `json:"exitCode,omitempty"`
	// Reason is why it failed. For a run of an app it is empty if the program itself has ended.
	Reason string `json:"reason,omitempty"`

	// Next lists what can be done about a run that failed.
	Next []pod.Next `json:"-"`
}

// What starts the runs that nobody starts.
const (
	BySchedule = "schedule"
	ByDeploy   = "deploy"
)

// Failed reports whether it ended, and not as it should.
func (r Run) Failed() bool { return r.State == RunFailed }

// Open reports whether it has not ended yet.
func (r Run) Open() bool { return r.State == RunStarting || r.State == RunRunning }

// Ref implements Item.
func (r Run) Ref() string { return "run/" + r.Name }

// Job is the state of a job.
type Job struct {
	Name string `json:"name"`
	// App or Image is what it runs in, and Command what it runs.
	App     string   `json:"app,omitempty"`
	Image   string   `json:"image,omitempty"`
	Command []string `json:"command,omitempty"`
	// Schedule with its TimeZone, or Before, is when it runs; both are empty if only people start it.
	Schedule string `json:"schedule,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
	Paused   bool   `json:"paused,omitempty"`
	Before   string `json:"before,omitempty"`
	// State is failed if its last run has failed, progressing if it runs, draft if only a draft has it, and else ready.
	State  health.State `json:"state"`
	Reason string       `json:"reason,omitempty"`
	// Last is its newest run that the cluster still has.
	Last *Run `json:"last,omitempty"`
	// Next is when it runs by its schedule.
	Next time.Time `json:"next,omitzero"`

	// When is when it runs, in words.
	When string `json:"-"`
}

// Ref implements Item.
func (j Job) Ref() string { return pod.Ref{Kind: pod.KindJob, Name: j.Name}.String() }

// JobOf returns a job without its state.
func JobOf(name string, j *pod.Job) Job {
	return Job{
		Name: name, App: j.App, Image: j.Image, Command: slices.Concat(j.Command, j.Args), Schedule: j.Schedule, TimeZone: j.TimeZone,
		Paused: j.Paused, Before: j.Before, When: j.When(),
	}
}

// WithJobs brings together what a deploy says about jobs, which is exact about those that run before it, and what their last runs say
// about the others. It changes both.
func WithJobs(all []Resource, jobs []Job) []Resource {
	for i := range jobs {
		job := &jobs[i]
		at := slices.IndexFunc(all, func(r Resource) bool { return r.Name == pod.Ref{Kind: pod.KindJob, Name: job.Name} })
		switch {
		case at < 0:
		case job.Before != "":
			job.State, job.Reason = all[at].State, all[at].Reason
		case job.State == health.Failed:
			all[at].State, all[at].Reason = job.State, job.Reason
		}
		if last := job.Last; at >= 0 && last != nil && all[at].State == health.Failed {
			all[at].Next = append(slices.Clone(last.Next), pod.Next{Do: pod.DoLogs, Name: last.Name})
		}
	}
	return all
}
