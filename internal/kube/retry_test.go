package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Transient errors are retried, and those that a second request would get too are not. A broken webhook is not waited for long.
// An address that never answered counts as wrong, and one that did is expected to come back.
func TestRetryLimit(t *testing.T) {
	refused := &url.Error{Op: "Get", Err: &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}
	answer := func(code int) error {
		return apierrors.NewGenericServerResponse(code, "get", schema.GroupResource{}, "", "", 0, true)
	}
	c := &Client{}
	for _, test := range []struct {
		err  error
		want time.Duration
	}{
		{refused, 0},
		{nil, 0},
		{refused, retryFor},
		{answer(429), retryFor},
		{answer(500), retryInternalFor},
		{apierrors.NewInternalError(errors.New("etcdserver: mvcc: database space exceeded")), 0},
		{answer(502), retryFor},
		{answer(503), retryFor},
		{answer(504), retryFor},
		{&url.Error{Op: "Get", Err: io.EOF}, retryFor},
		{fmt.Errorf("read the answer: %w", io.ErrUnexpectedEOF), retryFor},
		{&url.Error{Op: "Get", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, retryFor},
		{answer(400), 0},
		{answer(401), 0},
		{answer(403), 0},
		{answer(404), 0},
		{answer(409), 0},
		{answer(422), 0},
		{errors.New("x509: certificate signed by unknown authority"), 0},
	} {
		if got := c.retryLimit(test.err); got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}

// The error of an interrupted request is the interrupt, not the error of the network.
func TestRetryInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	_, err := retry(ctx, &Client{}, func() (int, error) {
		cancel(interrupted)
		return 0, &url.Error{Op: "Get", Err: context.Canceled}
	})
	if err != interrupted { //nolint:errorlint // must be the cause itself, not wrapped
		t.Errorf("got %v", err)
	}
}
