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

// Transient failures are retried, permanent ones are not, and a broken webhook is retried only briefly. An address that has
// never answered is taken to be wrong; one that has answered is expected to answer again.
func TestPasses(t *testing.T) {
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
		{refused, patience},
		{answer(429), patience},
		{answer(500), webhookPatience},
		{answer(502), patience},
		{answer(503), patience},
		{answer(504), patience},
		{&url.Error{Op: "Get", Err: io.EOF}, patience},
		{fmt.Errorf("read the answer: %w", io.ErrUnexpectedEOF), patience},
		{&url.Error{Op: "Get", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, patience},
		{answer(400), 0},
		{answer(401), 0},
		{answer(403), 0},
		{answer(404), 0},
		{answer(409), 0},
		{answer(422), 0},
		{errors.New("x509: certificate signed by unknown authority"), 0},
	} {
		if got := c.passes(test.err); got != test.want {
			t.Errorf("%v: %s, want %s", test.err, got, test.want)
		}
	}
}

// An interrupted request returns the cause of the interruption, not the error of the network.
func TestAgainInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	_, err := again(ctx, &Client{}, func() (int, error) {
		cancel(interrupted)
		return 0, &url.Error{Op: "Get", Err: context.Canceled}
	})
	if err != interrupted { //nolint:errorlint // must be the cause itself, not wrapped
		t.Errorf("got %v", err)
	}
}
