package kube

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/pscdev/psc/pkg/object"
)

// TestAway holds that what follows a pod goes on after an outage, and ends after an answer.
func TestAway(t *testing.T) {
	c := &Client{config: &rest.Config{}, Server: "https://away"}
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&url.Error{Op: "Get", Err: syscall.ECONNREFUSED}, true},
		{&url.Error{Op: "Get", Err: errors.New("http2: client connection lost")}, true},
		{apierrors.NewGenericServerResponse(http.StatusServiceUnavailable, "get", resource(object.Pod).GroupResource(), "", "", 0, false), true},
		{apierrors.NewForbidden(resource(object.Pod).GroupResource(), "", nil), false},
		{apierrors.NewNotFound(resource(object.Pod).GroupResource(), "web-1"), false},
		{&url.Error{Op: "Get", Err: context.Canceled}, false},
	} {
		if got := Away(c.wrapList(test.err, "list", object.Pod)); got != test.want {
			t.Errorf("%v: got %t", test.err, got)
		}
	}
}
