package view

import (
	"context"
	"io"
	"os"
)

// Output is where answers go: stdout. It never fails, so that nothing that a command does is left half done because its
// answer cannot be written. Err says so at the end.
type Output struct {
	to     io.Writer
	err    error
	closed bool
}

// NewOutput returns an Output that writes to a stream.
func NewOutput(to io.Writer) *Output { return &Output{to: to} }

// Write implements io.Writer. Nothing is written after the first error.
func (o *Output) Write(p []byte) (int, error) {
	if o.closed {
		return len(p), nil
	}
	if _, err := o.to.Write(p); err != nil {
		o.closed = true
		if !brokenPipe(err) {
			o.err = err
		}
	}
	return len(p), nil
}

// Err returns the first error. A reader that has gone, such as head, is none: it has read what it wanted.
func (o *Output) Err() error { return o.err }

// Gone reports whether the reader has gone.
func (o *Output) Gone() bool { return o.closed && o.err == nil }

// WaitGone returns when the reader has gone, also if nothing is written, or soon after ctx has ended.
func (o *Output) WaitGone(ctx context.Context) {
	if f, ok := o.to.(*os.File); ok {
		waitGone(ctx, f)
		return
	}
	<-ctx.Done()
}

// stream is the stream that a writer leads to.
func stream(w io.Writer) io.Writer {
	if o, ok := w.(*Output); ok {
		return o.to
	}
	return w
}
