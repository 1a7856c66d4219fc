package kube

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// blip is for how long no request may have got an answer until people are told. A refused connection is told at once.
const blip = 2 * time.Second

// outage passes requests on, and tells once when the API server has stopped to answer them.
type outage struct {
	next http.RoundTripper
	tell func(why error)

	mu    sync.Mutex
	alive bool      // it has answered once
	since time.Time // when the first request got no answer; zero when the last one got one
	told  bool
}

// RoundTrip implements http.RoundTripper.
func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.next.RoundTrip(r)
	why := err
	if err == nil && willPass(answer.StatusCode) {
		why = fmt.Errorf("%s", answer.Status)
	}
	if r.Context().Err() == nil {
		o.ended(why, time.Now())
	}
	return answer, err
}

// ended takes in how a request ended.
func (o *outage) ended(why error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if why == nil {
		o.alive, o.since, o.told = true, time.Time{}, false
		return
	}
	if o.since.IsZero() {
		o.since = now
	}
	gone := o.alive && utilnet.IsConnectionRefused(why) // else the address is wrong, which is told as an error
	if !o.told && (gone || now.Sub(o.since) >= blip) {
		o.told = true
		o.tell(innermost(why))
	}
}
