package view

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// brokenPipe reports whether the reader of a pipe has gone.
func brokenPipe(err error) bool {
	return errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

// waitGone waits until ctx ends: here only a write tells that nobody reads.
func waitGone(ctx context.Context, _ *os.File) { <-ctx.Done() }
