package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/pscdev/psc/pkg/report"
)

// settings describes the settings of a pod.
func settings(s report.PodSettings) [][2]string {
	var quotas, labels []string
	for _, name := range report.QuotaNames() {
		if q, ok := s.Quota[name]; ok {
			quotas = append(quotas, QuotaWords(name, q))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		labels = append(labels, key+"="+s.Labels[key])
	}
	return [][2]string{
		{"quota", strings.Join(quotas, "\n")},
		{"other quotas", strings.Join(s.OtherQuotas, ", ")},
		{"default size", s.DefaultSize},
		{"security", s.Security},
		{"isolation", isolation(s.Isolation)},
		{"labels", strings.Join(labels, "\n")},
	}
}

// isolation describes the isolation of a pod.
func isolation(state string) string {
	return map[string]string{
		report.IsolationOn:  "on: only the pod itself and the Gateway reach its instances",
		report.IsolationOff: "off: instances of other pods reach those of this one",
		report.IsolationOld: "outdated: the Gateway moved, or someone changed NetworkPolicy psc-isolation",
	}[state]
}

// QuotaWords describes one limit of a quota: "cpu: 300m of 2".
func QuotaWords(name string, q report.Quota) string {
	unit, ok := map[string]func(float64) string{"cpu": cores, "memory": bytesShort, "disk": bytesShort}[name]
	text := func(n float64) string {
		if !ok || n == 0 {
			return short(n)
		}
		return unit(n)
	}
	of := text(q.Limit)
	if q.Used != nil {
		of = text(*q.Used) + " of " + of
	}
	return name + ": " + of
}

// Settings writes how the settings of a pod change.
func (v *View) Settings(doc report.Pod) error {
	return v.Answer(doc, []string{doc.Ref()}, func(w io.Writer) {
		if len(doc.Changes) == 0 {
			v.Say("No change: the pod already looks like this")
			return
		}
		fmt.Fprintf(w, "%spod %s on %s\n", warning.Render("~ "), doc.Name, doc.Context)
		for _, f := range doc.Changes {
			v.field(w, f)
		}
	})
}
