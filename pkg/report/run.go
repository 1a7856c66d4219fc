package report

import "time"

// RunState is the state of a run.
type RunState string

// The states of a run.
const (
	RunStarting RunState = "starting"
	RunRunning  RunState = "running"
	RunDone     RunState = "done"
	RunFailed   RunState = "failed"
)

// Run is a one-off instance of an app.
type Run struct {
	Name    string    `json:"name"`
	App     string    `json:"app"`
	State   RunState  `json:"state"`
	Author  string    `json:"author,omitempty"`
	Created time.Time `json:"created,omitzero"`
	// Command is empty for the command of the app.
	Command []string `json:"command,omitempty"`
	// ExitCode is that of a run whose program has ended.
	ExitCode *int `json:"exitCode,omitempty"`
	// Reason is why it failed, if it was not the program itself.
	Reason string `json:"reason,omitempty"`
}

// Ref implements Item.
func (r Run) Ref() string { return "run/" + r.Name }
