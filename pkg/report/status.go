package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pscdev/psc/pkg/plan"
	"github.com/pscdev/psc/pkg/revision"
)

// Status has the live revision of a pod, the states of its resources, and the waiting drafts.
type Status struct {
	Pod     string              `json:"pod"`
	Context string              `json:"context"`
	Live    *revision.Revision  `json:"live,omitempty"`
	Head    *revision.Revision  `json:"head,omitempty"`
	Drafts  []revision.Revision `json:"drafts"`
	Apps    []App               `json:"apps"`
	Routes  []Route             `json:"routes"`
	// Jobs are the jobs with their last runs.
	Jobs []Job `json:"jobs,omitempty"`
	// Others are the resources of other kinds that a deploy waits for.
	Others []Other `json:"resources,omitempty"`
	// Serving is the number of the revision whose instances still serve, after the deploy of the live one failed; 0 for none,
	// and if it is not known.
	Serving int `json:"serving,omitempty"`
	// Drift is what differs from the live revision.
	Drift []Drift `json:"drift,omitempty"`
	// Missing are the newest numbers if their records are missing, although psc did not remove them.
	Missing []int `json:"missing,omitempty"`

	// Unready are the resources that have failed or are not ready yet.
	Unready []Resource `json:"-"`
	// Holder is the running deploy, or nil.
	Holder *Holder `json:"-"`
}

// Holder is a running deploy.
type Holder struct {
	// ID is user@host/run.
	ID string
	// Since is when it began, on the clock of its client.
	Since time.Time
	// Target is the number of the revision that it deploys. Next is the number of the one that is to supersede it; 0 for none.
	Target, Next int
}

// Client returns the user who deploys, and the name of the machine on which psc runs.
func (h Holder) Client() (user, host string) {
	at := max(strings.LastIndex(h.ID, "@"), 0) // a user name may have one too
	host, _, _ = strings.Cut(strings.TrimPrefix(h.ID[at:], "@"), "/")
	return cmp.Or(h.ID[:at], "someone"), host // other tools need not say who
}

// String returns "alice is deploying r7 (since 12:04:05, on laptop)". A holder that is not psc has no revision and no time.
func (h Holder) String() string {
	user, host := h.Client()
	if h.Target == 0 {
		return fmt.Sprintf("%s is deploying (on %s)", user, host)
	}
	return fmt.Sprintf("%s is deploying r%d (since %s, on %s)", user, h.Target, h.Since.Local().Format(time.TimeOnly), host)
}

// Drift is an object that differs from the live revision.
type Drift struct {
	Kind   string       `json:"kind"`
	Name   string       `json:"name"`
	Reason string       `json:"reason"`
	Fields []DriftField `json:"fields,omitempty"`

	// Late means that a deploy which failed may not have come to it, and that nobody else caused it. Held is the same for a deploy
	// that failed because of a job.
	Late, Held bool `json:"-"`
}

// DriftField is a field that differs.
type DriftField struct {
	Path   string      `json:"path"`
	Change plan.Change `json:"change"`
	By     string      `json:"by,omitempty"`
	At     time.Time   `json:"at,omitzero"`
}

// Ref implements Item.
func (d Drift) Ref() string { return d.Kind + "/" + d.Name }

// Live is how the cluster differs from the live revision.
type Live struct {
	Live  int     `json:"live"`
	Drift []Drift `json:"drift"`
}

// Drifts returns the drift that some steps would revert.
func Drifts(steps []plan.Step) []Drift {
	out := []Drift{}
	for _, s := range plan.Writes(steps) {
		d := Drift{Kind: s.Kind.Kind, Name: s.Name, Reason: s.Reason, Late: s.Late() && s.TakesBack() == "", Held: s.Held() && s.TakesBack() == ""}
		if s.Action == plan.Create && s.UID == "" {
			d.Reason = "missing"
		}
		for _, f := range s.Fields {
			d.Fields = append(d.Fields, DriftField(f))
		}
		out = append(out, d)
	}
	return out
}

// unwritten reports whether an object differs from a revision because it failed before the object was written. held means that a job
// has not succeeded which has to come first.
func (d Drift) unwritten(live revision.Revision, held bool) bool {
	return live.State == revision.Failed && (d.Late || held && d.Held)
}

// Unwritten words the drift from a revision that failed before everything was written.
func Unwritten(drift []Drift, live revision.Revision, held bool) []Drift {
	for i := range drift {
		if drift[i].unwritten(live, held) {
			drift[i].Reason = fmt.Sprintf("not written: %s failed before", live.Name())
		}
	}
	return drift
}

// Caused returns the drift without what was not written because the revision failed.
func Caused(drift []Drift, live revision.Revision, held bool) []Drift {
	return slices.DeleteFunc(drift, func(d Drift) bool { return d.unwritten(live, held) })
}

// Deployed is a revision that was deployed, by a deploy or a rollback.
type Deployed struct {
	revision.Revision
	Apps     []App   `json:"apps"`
	Duration float64 `json:"duration"` // seconds
}

// Plan says what a deploy writes.
type Plan struct {
	// Create, Update, Delete and Keep count objects.
	Create, Update, Delete, Keep int
	// Resources are the resources whose objects are written: "app web".
	Resources map[plan.Action][]string
	// Runs are the jobs that run before anything else is written: "job migrate".
	Runs []string
	// TakesBack lists what others did to objects and the deploy takes back: "Deployment web: edited by kubectl-edit: spec.paused".
	TakesBack []string
	// Autoscalers are the names of the autoscalers that are not psc's, by the name of the app whose number of instances they own.
	Autoscalers map[string]string
}

// PlanOf sums up the steps of a deploy.
func PlanOf(steps []plan.Step) Plan {
	p := Plan{TakesBack: plan.TakeBack(steps), Autoscalers: plan.Autoscaled(steps), Runs: plan.Runs(steps), Resources: map[plan.Action][]string{}}
	for _, s := range steps {
		if named := p.Resources[s.Action]; s.Resource != "" && !slices.Contains(named, s.Resource) {
			p.Resources[s.Action] = append(named, s.Resource)
		}
		switch s.Action {
		case plan.Create:
			p.Create++
		case plan.Update:
			p.Update++
		case plan.Delete:
			p.Delete++
		case plan.Keep:
			p.Keep++
		}
	}
	return p
}
