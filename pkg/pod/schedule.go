package pod

import (
	"strings"
	"time"
	_ "time/tzdata" // Windows and small images have no time zones

	"github.com/robfig/cron/v3"
)

// schedule checks a schedule with the library that Kubernetes uses for CronJobs.
func (p *problems) schedule(path, text string) {
	if text == "" {
		return
	}
	const form = `%q is not a schedule such as "0 3 * * *": %s`
	if strings.Contains(text, "TZ") { // the library reads a time zone there, Kubernetes does not
		p.add(path, form, text, "name the time zone in timeZone")
		return
	}
	switch plan, err := cron.ParseStandard(text); {
	case err != nil:
		p.add(path, form, text, strings.Replace(err.Error(), ": "+text, "", 1))
	case plan.Next(time.Unix(0, 0).UTC()).IsZero():
		p.add(path, "%q never comes: there is no such day", text)
	}
}

// timeZone checks the name of a time zone.
func (p *problems) timeZone(path, name string) {
	if name == "" {
		return
	}
	if _, err := time.LoadLocation(name); err != nil || strings.EqualFold(name, "local") {
		p.add(path, "%q is not a time zone such as Europe/Amsterdam or UTC", name)
	}
}

// Next returns the next time after now at which a job runs by its schedule, in its time zone. It is the zero time for a job that is
// paused, or without a schedule.
func (j *Job) Next(now time.Time) time.Time {
	zone, err := time.LoadLocation(j.TimeZone)
	if err != nil || j.Schedule == "" || j.Paused {
		return time.Time{}
	}
	plan, err := cron.ParseStandard(j.Schedule)
	if err != nil {
		return time.Time{}
	}
	return plan.Next(now.In(zone))
}
