package kube

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

const (
	// patience is for how long a request is made again that got no answer, or one that will pass.
	patience = 30 * time.Second
	// webhookPatience is the same for an internal error, which is often a broken webhook and does not pass.
	webhookPatience = 5 * time.Second
	// pauses between attempts double from the first to the longest.
	firstPause, longestPause = 100 * time.Millisecond, 4 * time.Second
)

// again makes a request until it gets an answer that counts. Requests may arrive twice: the answer of one that was
// taken may be lost. So all that change something are made such that the second time does nothing: what is created is
// there already, and what is changed is not in the version any more that it was read in.
func again[T any](ctx context.Context, c *Client, request func() (T, error)) (T, error) {
	begin, refused := time.Now(), false
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		out, err := request()
		if err != nil && ctx.Err() != nil {
			return out, context.Cause(ctx) // what net/http makes of it looks like a broken network
		}
		limit := c.passes(err)
		if apierrors.IsUnauthorized(err) && !refused { // a plugin that gives tokens is asked for a new one then
			refused = true
			continue
		}
		if limit == 0 {
			return out, err
		}
		wait := pause/2 + rand.N(pause) //nolint:gosec // it only keeps requests from coming back all at once
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

// passes says for how long it makes sense to try again after an error; 0 for not at all.
func (c *Client) passes(err error) time.Duration {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		c.answered.Store(true)
	case errors.As(err, &status):
		c.answered.Store(true)
		switch code := int(status.Status().Code); {
		case willPass(code):
			return patience
		case code == http.StatusInternalServerError:
			return webhookPatience
		}
	case utilnet.IsConnectionReset(err), utilnet.IsProbableEOF(err), utilnet.IsHTTP2ConnectionLost(err), utilnet.IsTimeout(err),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return patience
	case utilnet.IsConnectionRefused(err) && c.answered.Load(): // it is being restarted; else the address is wrong
		return patience
	}
	return 0
}

// willPass says whether an answer only tells that the server is busy, or away.
func willPass(code int) bool {
	switch code {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}
