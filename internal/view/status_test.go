package view_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/pscdev/psc/internal/view"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// A status has a resource of every kind that a deploy waits for, also of a kind without a table of its own.
func TestStatusHasEveryKind(t *testing.T) {
	all := []report.Resource{
		{Name: pod.Ref{Kind: pod.KindApp, Name: "web"}, Status: health.Status{State: health.Ready}},
		{Name: pod.Ref{Kind: pod.KindRoute, Name: "shop"}, Status: health.Status{State: health.Ready}},
		{Name: pod.Ref{Kind: "Task", Name: "migrate"}, Status: health.Status{State: health.Failed, Reason: "ended with exit code 1"}},
	}
	var out bytes.Buffer
	v, err := view.New(&out, &bytes.Buffer{}, "", false, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Status(report.Status{Pod: "team", Others: report.Others(all)}, view.StatusNext{}); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "task/migrate   failed   ended with exit code 1") || strings.Contains(got, "web") {
		t.Errorf("got\n%s", got)
	}
}
