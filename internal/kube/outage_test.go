package kube

import (
	"errors"
	"net/url"
	"syscall"
	"testing"
	"time"
)

// An outage is told once, when it is sure to be one; after the next answer it is another one.
func TestOutage(t *testing.T) {
	refused, broken := &url.Error{Op: "Get", Err: syscall.ECONNREFUSED}, errors.New("EOF")
	begin := time.Now()
	told := 0
	o := &outage{tell: func(error) { told++ }}
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
		if o.ended(step.why, begin.Add(step.after)); told != step.want {
			t.Errorf("step %d: told %d times, want %d", i, told, step.want)
		}
	}
}
