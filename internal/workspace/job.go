package workspace

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/pscdev/psc/internal/instance"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
	"github.com/pscdev/psc/pkg/revision"
)

// Jobs returns the jobs of the live revision with their last runs, and after them those that only drafts have.
func (rd *Reader) Jobs(ctx context.Context) ([]report.Job, error) {
	h, err := rd.history(ctx)
	if err != nil {
		return nil, err
	}
	var live, head revision.Revision
	var runs []instance.Run
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() (err error) { live, err = rd.look(reading, h.Live); return err })
	group.Go(func() (err error) { head, err = rd.look(reading, h.Tip()); return err })
	group.Go(func() (err error) { runs, err = rd.Instances().JobRuns(reading, ""); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	jobs := rd.jobs(live.Spec, runs)
	for name, j := range head.Spec.Jobs() {
		if live.Spec.Job(name) == nil {
			draft := report.JobOf(name, j)
			draft.State = report.Draft
			jobs = append(jobs, draft)
		}
	}
	return jobs, nil
}

// jobs returns the jobs of a spec that is live, each with the newest of some runs.
func (rd *Reader) jobs(spec pod.Spec, runs []instance.Run) []report.Job {
	jobs := []report.Job{}
	for name, j := range spec.Jobs() {
		doc := report.JobOf(name, j)
		doc.State, doc.Next = health.Ready, j.Next(rd.run.Now())
		for _, r := range runs {
			if last := r.Report(); last.Job == name {
				doc.Last = &last
				break
			}
		}
		switch last := doc.Last; {
		case last == nil:
		case last.Failed():
			doc.State, doc.Reason = health.Failed, last.Reason
		case last.Open():
			doc.State = health.Progressing
		}
		jobs = append(jobs, doc)
	}
	return jobs
}

// JobHistory returns the runs of a job that the cluster still has, or with "" those of all jobs, the newest first. The error for a job
// that is not part of the newest revision and has no runs is a *pod.RefError.
func (rd *Reader) JobHistory(ctx context.Context, job string) ([]report.Run, error) {
	runs, err := rd.Instances().JobRuns(ctx, job)
	if err == nil && job != "" && len(runs) == 0 {
		var spec pod.Spec
		if spec, err = rd.Spec(ctx); err == nil && spec.Job(job) == nil {
			err = &pod.RefError{Ref: pod.Ref{Kind: pod.KindJob, Name: job}, Err: pod.ErrNotFound, Nearest: pod.Nearest(job, spec.Names(pod.KindJob))}
		}
	}
	out := make([]report.Run, len(runs))
	for i, r := range runs {
		out[i] = r.Report()
	}
	return out, err
}
