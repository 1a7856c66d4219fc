package kube

import (
	"errors"
	"net/url"
	"syscall"
	"testing"
	"time"
)

// An outage is reported once, when it is certain. After the next answer a new one begins.
func TestOutage(t *testing.T) {
	refused, broken := &url.Error{Op: "Get", Err: syscall.ECONNREFUSED}, errors.New("EOF")
	begin := time.Now()
	reports := 0
	o := &outage{report: func(error) { reports++ }}
	for i, step := range []struct {
		after time.Duration
		why   error
		want  int
	}{
		{0, refused, 0}, // the address may be wrong
		{0, nil, 0},
		{0, refused, 1},
		{time.Minute, refused, 1},
		{time.Minute, nil, 1},
		{time.Minute, broken, 1},
		{time.Minute + outageAfter - 1, broken, 1},
		{time.Minute + outageAfter - 1, nil, 1},
		{time.Minute + outageAfter, broken, 1},
		{time.Minute + 2*outageAfter, broken, 2},
		{time.Minute + 3*outageAfter, broken, 2},
	} {
		if o.observe(step.why, begin.Add(step.after)); reports != step.want {
			t.Errorf("step %d: %d reports, want %d", i, reports, step.want)
		}
	}
}
