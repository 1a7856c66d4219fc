package kube

import (
	"context"
	"net/http"
)

// interruptible ends a request when its context ends, even while a credential plugin runs, which knows no context. The plugin
// gets the signal of the terminal itself.
type interruptible struct{ next http.RoundTripper }

type answer struct {
	response *http.Response
	err      error
}

// RoundTrip implements http.RoundTripper.
func (t interruptible) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := request.Context()
	answers := make(chan answer, 1)
	go func() {
		response, err := t.next.RoundTrip(request) //nolint:bodyclose // the caller closes it, or the function below
		answers <- answer{response, err}
	}()
	select {
	case a := <-answers:
		return a.response, a.err
	case <-ctx.Done():
		go func() {
			if a := <-answers; a.response != nil {
				_ = a.response.Body.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}
