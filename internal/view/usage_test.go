package view

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/report"
)

// TestAmount holds that what was not measured is never shown as 0, and that the bar is the share of the limit.
func TestAmount(t *testing.T) {
	used := func(n float64) *float64 { return &n }
	for _, test := range []struct {
		amount report.Amount
		text   func(float64) string
		want   string
	}{
		{report.Amount{Used: used(0.0001), Request: 0.1}, cores, "░░░░░ 1m of 100m"},
		{report.Amount{Used: used(0.24), Request: 0.1}, cores, "█████ 240m of 100m"},
		{report.Amount{Used: used(1.25), Request: 0.5, Limit: 4}, cores, "██░░░ 1.2 of 500m, limit 4"},
		{report.Amount{Used: used(0)}, cores, "0m"},
		{report.Amount{Request: 0.1, Limit: 1}, cores, "not running, request 100m, limit 1"},
		{report.Amount{}, cores, "not running"},
		{report.Amount{Used: used(34 << 20), Request: 64 << 20, Limit: 64 << 20}, bytesShort, "███░░ 34Mi of 64Mi"},
		{report.Amount{Used: used(1.5 * (1 << 30)), Limit: 2 << 30}, bytesShort, "████░ 1.5Gi of 2Gi"},
		{report.Amount{Used: used(600 << 10)}, bytesShort, "600Ki"},
		{report.Amount{Request: 64 << 20, Limit: 64 << 20}, bytesShort, "not running, limit 64Mi"},
	} {
		if got := unstyled(amount(test.amount, test.text, "not running")); got != test.want {
			t.Errorf("%+v: got %q, want %q", test.amount, got, test.want)
		}
	}
}

// TestUsage holds that psc says why a number is missing, and that no document has a 0 for it.
func TestUsage(t *testing.T) {
	known := 0.5
	one := report.AppUsage{Name: "web", Instances: []report.InstanceUsage{
		{Name: "web-1", Running: true, Usage: report.Usage{CPU: report.Amount{Used: &known}}},
		{Name: "web-2", Running: true, Usage: report.Usage{Restarts: 2, LastRestart: &report.Ending{Reason: "Error", ExitCode: 3}}},
		{Name: "web-3"},
	}}
	show := func(format string, unmeasured error) (stdout, stderr string) {
		var out, err bytes.Buffer
		v, wrong := New(&out, &err, format, false, time.Now)
		if wrong != nil {
			t.Fatal(wrong)
		}
		if wrong := v.Usage([]report.AppUsage{one}, unmeasured, ""); wrong != nil {
			t.Fatal(wrong)
		}
		return out.String(), err.String()
	}
	for _, test := range []struct {
		format     string
		unmeasured error
		want       [2]string
	}{
		{"", nil, [2]string{`APP       CPU                MEMORY             RESTARTS   LAST RESTART
web       not measured yet   not measured yet
  web-1   500m               not measured yet
  web-2   not measured yet   not measured yet   2          exit code 3, -
  web-3   not running        not running
`, "No numbers yet for 1 instance: the cluster measures a new one after about 15 s\n"}},
		{"", errors.New("why"), [2]string{`APP       CPU    RESTARTS   LAST RESTART
web
  web-1   500m
  web-2          2          exit code 3, -
  web-3
`, "warning: CPU and memory in use are not known: why\n"}},
		{"jsonpath={.items[0].instances[1].cpu}{.items[0].instances[0].cpu.used}", nil, [2]string{"{}0.5", "No numbers yet for 1 instance: the cluster measures a new one after about 15 s\n"}},
	} {
		out, err := show(test.format, test.unmeasured)
		if diff := cmp.Diff(test.want, [2]string{out, err}); diff != "" {
			t.Errorf("-o %q: -want +got\n%s", test.format, diff)
		}
	}
}
