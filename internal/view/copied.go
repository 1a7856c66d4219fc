package view

import (
	"time"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// Copied writes what was copied, and warns of what was left out.
func (v *View) Copied(c report.Copied) error {
	for _, l := range c.LeftOut {
		v.Warn("%s was left out: %s", l.Path, l.Reason)
	}
	return v.Line(c, []string{c.Ref()}, "copied %s to %s (%s, %s)", c.Source, c.Target, pod.Count(c.Files, "file"), bytesText(int(c.Bytes)))
}

// copyPeriod is how often the bytes of a copy are redrawn.
const copyPeriod = 200 * time.Millisecond

// Copying shows the bytes of a copy on a terminal, until end is called. count adds bytes.
func (v *View) Copying() (count func(int), end func()) {
	var n int
	var next time.Time
	shown := false
	count = func(more int) {
		n += more
		if now := time.Now(); v.Redraw && !v.Quiet && !now.Before(next) {
			_ = v.err.draw("\r\x1b[K" + dim.Render(bytesText(n)))
			next, shown = now.Add(copyPeriod), true
		}
	}
	return count, func() {
		if shown {
			_ = v.err.draw("\r\x1b[K")
		}
	}
}
