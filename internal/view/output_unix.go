//go:build !windows

package view

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// brokenPipe reports whether the reader of a pipe has gone.
func brokenPipe(err error) bool { return errors.Is(err, unix.EPIPE) }

// waitGone returns when nobody can read a pipe anymore, or soon after ctx has ended.
func waitGone(ctx context.Context, pipe *os.File) {
	const period = 500 // milliseconds
	for ctx.Err() == nil {
		if n, err := unix.Poll([]unix.PollFd{{Fd: int32(pipe.Fd())}}, period); n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
