//go:build !windows

package view

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// waitGone returns when nobody can read a pipe anymore, or soon after ctx has ended.
func waitGone(ctx context.Context, pipe *os.File) {
	const period = 500 // milliseconds
	for ctx.Err() == nil {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(pipe.Fd())}}, period); n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}
