package view

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// Usage writes what apps and their instances use. unmeasured is why that is not known, or nil. If there are no apps, empty is the
// message.
func (v *View) Usage(apps []report.AppUsage, unmeasured error, empty string) error {
	if apps == nil {
		apps = []report.AppUsage{}
	}
	err := v.Answer(report.List[report.AppUsage]{Items: apps}, report.Refs(apps...), func(w io.Writer) {
		if len(apps) == 0 {
			v.Say("%s", empty)
			return
		}
		v.usage(w, apps, unmeasured == nil)
	})
	switch late := unmeasuredInstances(apps); {
	case len(apps) == 0:
	case unmeasured != nil:
		v.Warn("CPU and memory in use are not known: %v", unmeasured)
	case late > 0:
		v.Say("No numbers yet for %s: the cluster measures a new one after about 15 s", pod.Count(late, "instance"))
	}
	return err
}

// unmeasuredInstances counts the running instances that were not measured yet.
func unmeasuredInstances(apps []report.AppUsage) int {
	n := 0
	for _, a := range apps {
		for _, i := range a.Instances {
			if i.Running && i.CPU.Used == nil {
				n++
			}
		}
	}
	return n
}

func (v *View) usage(w io.Writer, apps []report.AppUsage, measured bool) {
	var rows [][]string
	add := func(name, missing string, u report.Usage) {
		if !measured {
			missing = ""
		}
		rows = append(rows, []string{name, amount(u.CPU, cores, missing), amount(u.Memory, bytesShort, missing), number(u.Restarts), v.ending(u.LastRestart)})
	}
	for _, a := range apps {
		running := false
		for _, i := range a.Instances {
			running = running || i.Running
		}
		add(a.Name, missing(running), a.Usage)
		for _, i := range a.Instances {
			add("  "+i.Name, missing(i.Running), i.Usage)
		}
	}
	v.table(w, []string{"APP", "CPU", "MEMORY", "RESTARTS", "LAST RESTART"}, rows)
}

// missing says why there are no numbers in a cluster that has metrics.
func missing(running bool) string {
	if running {
		return "not measured yet"
	}
	return "not running"
}

// number returns a number, or "" for 0: a table leaves out a column in which nothing happened.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// amount describes an amount with a bar: "█░░░░ 12m of 100m, limit 1". Without numbers, missing says why.
func amount(a report.Amount, text func(float64) string, missing string) string {
	if a.Used == nil {
		words := []string{missing}
		if a.Request > 0 && a.Request != a.Limit {
			words = append(words, "request "+text(a.Request))
		}
		if a.Limit > 0 {
			words = append(words, "limit "+text(a.Limit))
		}
		return strings.TrimPrefix(strings.Join(words, ", "), ", ")
	}
	of := text(*a.Used)
	switch {
	case a.Request > 0 && a.Request != a.Limit && a.Limit > 0:
		of += fmt.Sprintf(" of %s, limit %s", text(a.Request), text(a.Limit))
	case a.Request > 0:
		of += " of " + text(a.Request)
	case a.Limit > 0:
		of += " of " + text(a.Limit)
	default:
		return of
	}
	return bar(a) + " " + of
}

const (
	// barWidth is the width of a bar.
	barWidth = 5
	// high and full are shares of a limit at which the bar gets another colour.
	high, full = 0.75, 0.9
)

// bar shows the share of the limit, or without a limit of the request, which may be exceeded.
func bar(a report.Amount) string {
	share := a.Share()
	n := min(barWidth, int(math.Round(share*barWidth)))
	text := strings.Repeat("█", n) + strings.Repeat("░", barWidth-n)
	switch {
	case a.Limit > 0 && share >= full:
		return bad.Render(text)
	case a.Limit > 0 && share >= high:
		return warning.Render(text)
	}
	return text
}

// cores returns an amount of CPU as people write it in flags: "12m", "1.5". As in kubectl, an instance that does little uses 1m.
func cores(n float64) string {
	if milli := math.Ceil(n * 1000); milli < 1000 {
		return fmt.Sprintf("%.0fm", milli)
	}
	return short(n)
}

// bytesShort returns an amount of memory as people write it in flags: "34Mi", "1.5Gi".
func bytesShort(n float64) string {
	switch {
	case n >= 1<<30:
		return short(n/(1<<30)) + "Gi"
	case n >= 1<<20:
		return fmt.Sprintf("%.0fMi", n/(1<<20))
	}
	return fmt.Sprintf("%.0fKi", n/(1<<10))
}

// short returns a number with at most one digit behind the point.
func short(n float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") }

// ending says how a container ended: "OOMKilled 2m ago", "exit code 1 10s ago".
func (v *View) ending(e *report.Ending) string {
	if e == nil {
		return ""
	}
	reason := e.Reason
	if reason == "Error" || reason == "Completed" || reason == "" {
		reason = fmt.Sprintf("exit code %d", e.ExitCode)
	}
	return fmt.Sprintf("%s, %s", reason, v.ago(e.Time))
}
