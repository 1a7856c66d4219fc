package kube

import (
	"net/http"
	"time"
)

// Request describes one request to the API server, without its headers and body.
type Request struct {
	Method, Path string
	// Status is the answer's; 0 when there was none.
	Status int
	// Err is the error if there was no answer.
	Err error
	// Duration is the time until the answer began.
	Duration time.Duration
}

// tracer calls trace with each request that it passes on.
type tracer struct {
	next  http.RoundTripper
	trace func(Request)
}

// RoundTrip implements http.RoundTripper.
func (t tracer) RoundTrip(r *http.Request) (*http.Response, error) {
	begin := time.Now()
	answer, err := t.next.RoundTrip(r)
	request := Request{Method: r.Method, Path: r.URL.RequestURI(), Err: err, Duration: time.Since(begin)}
	if answer != nil {
		request.Status = answer.StatusCode
	}
	t.trace(request)
	return answer, err
}
