package kube

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

const (
	// retryFor is how long a request without an answer, or with a transient error, is retried.
	retryFor = 30 * time.Second
	// retryInternalFor is the same for an internal error, which is often a broken webhook and not transient.
	retryInternalFor = 5 * time.Second
	// The pause between attempts doubles from minPause to maxPause.
	minPause, maxPause = 100 * time.Millisecond, 4 * time.Second
)

// retry makes a request until it gets an answer that is not transient. A request may arrive twice, if the answer to the first
// one was lost. So every write is such that the second one changes nothing: a created object exists already, and an updated
// object has another version.
func retry[T any](ctx context.Context, c *Client, request func() (T, error)) (T, error) {
	begin, refused := time.Now(), false
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		out, err := request()
		if err != nil && ctx.Err() != nil {
			return out, context.Cause(ctx) // the error of net/http looks like a broken network
		}
		limit := c.retryLimit(err)
		if apierrors.IsUnauthorized(err) && !refused { // then a credential plugin is asked for a new token
			refused = true
			continue
		}
		if limit == 0 {
			return out, err
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // it only spreads retries over time
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
			wait = max(wait, time.Duration(seconds)*time.Second)
		}
		if time.Since(begin)+wait > limit {
			return out, err
		}
		select {
		case <-ctx.Done():
			return out, err
		case <-time.After(wait):
		}
	}
}

// retryLimit is how long a request is retried after an error; 0 for not at all.
func (c *Client) retryLimit(err error) time.Duration {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		c.answered.Store(true)
	case errors.As(err, &status):
		c.answered.Store(true)
		switch code := int(status.Status().Code); {
		case transient(code):
			return retryFor
		case code == http.StatusInternalServerError && !strings.Contains(err.Error(), databaseFull):
			return retryInternalFor
		}
	case utilnet.IsConnectionReset(err), utilnet.IsProbableEOF(err), utilnet.IsHTTP2ConnectionLost(err), utilnet.IsTimeout(err),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return retryFor
	case utilnet.IsConnectionRefused(err) && c.answered.Load(): // it restarts; else the address is wrong
		return retryFor
	}
	return 0
}

// transient reports whether an answer only says that the server is busy or away.
func transient(code int) bool {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
