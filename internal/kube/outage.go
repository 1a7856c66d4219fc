package kube

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/pscdev/psc/pkg/object"
)

// outageAfter is the time without an answer after which an outage is reported. A refused connection is reported at once.
const outageAfter = 2 * time.Second

// outage passes requests on, and reports once when the API server has stopped answering them.
type outage struct {
	next   http.RoundTripper
	report func(why error)

	mu       sync.Mutex
	alive    bool      // the server has answered at least once
	since    time.Time // when the first request got no answer; zero when the last one got one
	reported bool
}

// RoundTrip implements http.RoundTripper.
func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := o.next.RoundTrip(r)
	why := err
	if err == nil && transient(answer.StatusCode) {
		why = fmt.Errorf("%s", answer.Status)
	}
	if r.Context().Err() == nil && !strings.HasPrefix(r.URL.Path, "/apis/"+object.InstanceMetrics.Group+"/") { // another server
		o.observe(why, time.Now())
	}
	return answer, err
}

// observe records the result of a request. why is nil if it got an answer.
func (o *outage) observe(why error, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if why == nil {
		o.alive, o.since, o.reported = true, time.Time{}, false
		return
	}
	if o.since.IsZero() {
		o.since = now
	}
	down := o.alive && utilnet.IsConnectionRefused(why) // else the address is wrong, which the request's error says
	if !o.reported && (down || now.Sub(o.since) >= outageAfter) {
		o.reported = true
		o.report(rootCause(why))
	}
}
