package report

import "time"

// LogLine is a line that a container has written.
type LogLine struct {
	Time      time.Time `json:"time"`
	App       string    `json:"app"`
	Instance  string    `json:"instance"`
	Container string    `json:"container"`
	// Line has the bytes of the container, without the line break.
	Line string `json:"line"`
}
