package report

import "time"

// AppUsage is what the instances of an app use.
type AppUsage struct {
	Name string `json:"name"`
	Usage
	Instances []InstanceUsage `json:"instances"`
}

// Ref implements Item.
func (a AppUsage) Ref() string { return "app/" + a.Name }

// InstanceUsage is what one instance uses.
type InstanceUsage struct {
	Name string `json:"name"`
	Usage
	// Running means that it has a container that runs: one that does not run uses nothing, and is not measured.
	Running bool `json:"-"`
}

// Usage is what an instance uses, or all instances of an app together.
type Usage struct {
	CPU      Amount `json:"cpu"`    // cores
	Memory   Amount `json:"memory"` // bytes
	Restarts int    `json:"restarts"`
	// LastRestart is how the run before the last restart ended, or nil.
	LastRestart *Ending `json:"lastRestart,omitempty"`
}

// Amount is an amount of CPU or memory.
type Amount struct {
	// Used is nil if it was not measured. Of an app it is the sum of the instances that were measured.
	Used *float64 `json:"used,omitempty"`
	// Request is what the cluster reserves; 0 for nothing.
	Request float64 `json:"request,omitempty"`
	// Limit is what cannot be exceeded; 0 for no limit.
	Limit float64 `json:"limit,omitempty"`
}

// Share returns which part of the limit is used, or without a limit of the request; 0 if there is neither, or nothing is known.
func (a Amount) Share() float64 {
	of := a.Limit
	if of == 0 {
		of = a.Request
	}
	if a.Used == nil || of == 0 {
		return 0
	}
	return *a.Used / of
}

// Ending is how a container ended.
type Ending struct {
	// Reason is that of Kubernetes: OOMKilled, Error, Completed.
	Reason   string    `json:"reason"`
	ExitCode int       `json:"exitCode"`
	Time     time.Time `json:"time"`
}
