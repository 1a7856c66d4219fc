package kube

import (
	"errors"
	"net/url"
	"syscall"
	"testing"
	"time"
)

// An outage is reported once, when it is certain. A failure after the next answer is a new outage.
func TestOutage(t *testing.T) {
	refused, broken := &url.Error{Op: "Get", Err: syscall.ECONNREFUSED}, errors.New("EOF")
	begin := time.Now()
	reports := 0
	o := &outage{tell: func(error) { reports++ }}
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
		{time.Minute + blip - 1, broken, 1},
		{time.Minute + blip - 1, nil, 1},
		{time.Minute + blip, broken, 1},
		{time.Minute + 2*blip, broken, 2},
		{time.Minute + 3*blip, broken, 2},
	} {
		if o.ended(step.why, begin.Add(step.after)); reports != step.want {
			t.Errorf("step %d: reported %d times, want %d", i, reports, step.want)
		}
	}
}
