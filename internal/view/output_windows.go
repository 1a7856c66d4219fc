package view

import (
	"context"
	"os"
)

// waitGone waits until ctx ends: here only a write tells that nobody reads.
func waitGone(ctx context.Context, _ *os.File) { <-ctx.Done() }
