package cli_test

import (
	"fmt"
	"testing"
)

// BenchmarkLogs reads 300,000 lines of six instances, which psc orders by time and kubectl does not. The metrics are lines a
// second, psc's as a multiple of kubectl's, the time until the last lines are shown, and the peak memory of psc.
func BenchmarkLogs(b *testing.B) {
	if why := noNode(); why != "" {
		b.Skip("real nodes cannot run here: " + why)
	}
	const instances, lines = 6, 50_000
	c := start(b, "real")
	w := bench(b, c)
	w.psc(b, "new-pod", "psc-bench")
	w.psc(b, "app", "create", "web", "--image", c.Registry+"/hello:v1", "--port", "8080", "--env", fmt.Sprintf("LINES=%d", lines),
		"--instances", fmt.Sprint(instances), "--deploy")
	w.peak = 0
	b.ResetTimer()
	for range b.N {
		ours := seconds(func() { w.psc(b, "logs", "web", "--tail", "-1") })
		theirs := seconds(func() {
			w.kubectl(b, "logs", "-n", "psc-bench", "-l", "psc.dev/app=web", "--tail=-1", "--prefix", "--max-log-requests", fmt.Sprint(instances))
		})
		b.ReportMetric(instances*lines/ours, "lines/s")
		b.ReportMetric(theirs/ours, "x-kubectl")
		w.median(b, "last-ms", "logs", "web")
		b.ReportMetric(float64(w.peak)/1024, "peak-MiB")
	}
	b.ReportMetric(0, "ns/op")
}
