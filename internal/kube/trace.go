package kube

import (
	"net/http"
	"time"
)

// Request is what there is to say about one request to the API server. It never holds a header or a body.
type Request struct {
	Method, Path string
	// Status is the answer's; 0 when there was none.
	Status int
	// Err is why there was no answer.
	Err error
	// Duration is the time until the answer began.
	Duration time.Duration
}

// tracer tells of each request that passes.
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
