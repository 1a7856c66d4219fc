package instance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/report"
)

// EndedError is the error for a run that does not exist, or did not end by itself with exit code 0.
type EndedError struct {
	Name string
	// Missing means that there is no such run; Nearest is the name that was probably meant.
	Missing bool
	Nearest string
	// ExitCode is that of a program that has ended by itself, or 0.
	ExitCode int
	// Reason is why it has not run to its end, and Next what can be done about it.
	Reason string
	Next   []pod.Next
}

// Error implements error.
func (e *EndedError) Error() string {
	switch {
	case e.Missing && e.Nearest != "":
		return fmt.Sprintf("run %q does not exist, did you mean %q?", e.Name, e.Nearest)
	case e.Missing:
		return fmt.Sprintf("run %q does not exist", e.Name)
	case e.Reason != "":
		return fmt.Sprintf("run %s failed: %s", e.Name, e.Reason)
	}
	return fmt.Sprintf("run %s ended with exit code %d", e.Name, e.ExitCode)
}

// Run is one run of a command of an app, or of a job.
type Run struct {
	job *batchv1.Job
	// Pod is nil until an instance exists. It is the newest one.
	*corev1.Pod
}

// Runs returns the runs of commands of the pod's apps, the newest first.
func (in *Instances) Runs(ctx context.Context) ([]Run, error) { return in.runs(ctx, object.LabelRun) }

// JobRuns returns the runs of a job that the cluster still has, or with "" those of all jobs, the newest first.
func (in *Instances) JobRuns(ctx context.Context, job string) ([]Run, error) {
	switch {
	case job == "":
		return in.runs(ctx, object.LabelJob)
	case pod.NameProblem(job) != "": // no selector can have it
		return nil, nil
	}
	return in.runs(ctx, object.LabelJob+"="+job)
}

// AllRuns returns the runs of apps and jobs.
func (in *Instances) AllRuns(ctx context.Context) ([]Run, error) {
	ofApps, err := in.Runs(ctx)
	if err != nil {
		return nil, err
	}
	ofJobs, err := in.JobRuns(ctx, "")
	return append(ofApps, ofJobs...), err
}

func (in *Instances) runs(ctx context.Context, selector string) ([]Run, error) {
	jobs, err := kube.ListAs[batchv1.Job](ctx, in.kube, object.Job, in.Pod, selector)
	if err != nil || len(jobs) == 0 {
		return nil, err
	}
	pods, err := kube.ListAs[corev1.Pod](ctx, in.kube, object.Pod, in.Pod, selector)
	if err != nil {
		return nil, err
	}
	out := make([]Run, 0, len(jobs))
	for _, job := range slices.SortedFunc(slices.Values(jobs), health.InHistory) {
		if job.DeletionTimestamp == nil {
			out = append(out, Run{job, health.Newest(job, pods)})
		}
	}
	return out, nil
}

// run returns the run of a name, or a *EndedError.
func (in *Instances) run(ctx context.Context, name string) (Run, error) {
	job, err := in.kube.Get(ctx, object.Job, in.Pod, name)
	if err != nil && !apierrors.IsNotFound(err) {
		return Run{}, err
	}
	if err == nil && job.GetDeletionTimestamp() == nil && ofRun(job.GetLabels()) {
		r := Run{}
		if r.job, err = kube.As[batchv1.Job](job); err != nil {
			return r, err
		}
		pods, err := kube.ListAs[corev1.Pod](ctx, in.kube, object.Pod, in.Pod, batchv1.JobNameLabel+"="+name)
		r.Pod = health.Newest(r.job, pods)
		return r, err
	}
	all, err := in.AllRuns(ctx)
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.job.Name
	}
	return Run{}, errors.Join(err, &EndedError{Name: name, Missing: true, Nearest: pod.Nearest(name, names)})
}

// ofRun reports whether an object with some labels is that of a run.
func ofRun(labels map[string]string) bool {
	return labels[object.LabelRun] != "" || labels[object.LabelJob] != ""
}

// Report returns the run for people and scripts.
func (r Run) Report() report.Run {
	of := r.of()
	out := report.Run{
		Name: r.job.Name, State: report.RunStarting, Author: r.job.Annotations[object.AnnotationAuthor], Created: r.job.CreationTimestamp.UTC(),
	}
	switch {
	case of.Kind == pod.KindApp:
		out.App = of.Name
	case out.Author != "":
		out.Job, out.By = of.Name, out.Author
	case r.job.Labels[object.LabelPod] != "":
		out.Job, out.By = of.Name, report.ByDeploy
	default:
		out.Job, out.By = of.Name, report.BySchedule
	}
	if all := r.job.Spec.Template.Spec.Containers; len(all) > 0 {
		for _, word := range all[0].Command {
			out.Command = append(out.Command, strings.ReplaceAll(word, "$$", "$")) // as psc writes it
		}
		if all[0].TTY {
			out.Command = out.Command[min(gateWords, len(out.Command)):]
		}
	}
	if r.started() {
		out.State = report.RunRunning
	}
	switch err := r.end(); {
	case err == nil:
	case err.Reason == "" && err.ExitCode == 0:
		out.State, out.ExitCode = report.RunDone, new(0)
	default:
		if out.State, out.Reason, out.Next = report.RunFailed, err.Reason, err.Next; err.ExitCode != 0 {
			out.ExitCode = &err.ExitCode
		}
	}
	if !out.Open() {
		out.Finished = r.finished()
	}
	if out.Failed() && of.Kind == pod.KindJob { // with its last words, which a person who ran it has seen
		s := health.Job(of, r.job, []*corev1.Pod{r.Pod}, nil, time.Time{})
		out.Reason, out.Next = s.Reason, s.Next
	}
	return out
}

// finished returns when the program ended, or when Kubernetes gave the run up.
func (r Run) finished() time.Time {
	if ended := r.program().State.Terminated; ended != nil {
		return ended.FinishedAt.UTC()
	}
	for _, c := range r.job.Status.Conditions {
		if c.Type == batchv1.JobFailed {
			return c.LastTransitionTime.UTC()
		}
	}
	return time.Time{}
}

// program returns the status of the container of the app or the job; the zero one until the kubelet has one.
func (r Run) program() corev1.ContainerStatus {
	if r.Pod != nil {
		for _, c := range r.Status.ContainerStatuses {
			if c.Name == r.of().Name {
				return c
			}
		}
	}
	return corev1.ContainerStatus{}
}

// started reports whether the program has started, so that it may have a log.
func (r Run) started() bool {
	state := r.program().State
	return state.Running != nil || state.Terminated != nil
}

// noCommand is the exit code for a command that cannot be started, as shells and psc exec have it. That of the runtime is 128.
const noCommand = 127

// end returns how the run has ended, or nil. A run that is tried again has not.
func (r Run) end() *EndedError {
	e := &EndedError{Name: r.job.Name}
	ended := r.program().State.Terminated
	if ended != nil {
		e.ExitCode = int(ended.ExitCode)
	}
	if ended != nil && ended.Reason == "StartError" {
		e.ExitCode = noCommand
	}
	how, message := health.Finished(r.job)
	switch {
	case r.Pod != nil && (ended != nil || r.Status.Phase == corev1.PodFailed):
		if e.Reason, e.Next = health.Ended(r.of(), r.Pod); (e.Reason != "" || e.ExitCode != 0) && how == "" && *r.job.Spec.BackoffLimit > 0 {
			return nil
		}
		return e
	case how == batchv1.JobFailed:
		e.Reason = message
		return e
	case how == batchv1.JobComplete: // its instance is gone
		return e
	}
	return nil
}

// of names the app or the job that the run is of.
func (r Run) of() pod.Ref {
	if job := r.job.Labels[object.LabelJob]; job != "" {
		return pod.Ref{Kind: pod.KindJob, Name: job}
	}
	return pod.Ref{Kind: pod.KindApp, Name: r.job.Labels[object.LabelRun]}
}

// lookEvery is how often a run is read while it starts, and after its log has ended.
const lookEvery = 300 * time.Millisecond

// Follow writes the lines of a run to out until the run has ended. waiting is called with the reason why it has not started,
// whenever that changes. The error for a run that did not end with exit code 0 is a *EndedError.
func (in *Instances) Follow(ctx context.Context, name string, out io.Writer, waiting func(reason string)) error {
	log := runLog{in: in, out: out}
	return in.follow(ctx, name, waiting, log.read)
}

// follow calls read with a run that has started, until the run has ended.
func (in *Instances) follow(ctx context.Context, name string, waiting func(reason string), read func(context.Context, Run) error) error {
	said, seen := "", false
	for ; ; seen = true {
		r, err := in.run(ctx, name)
		if missing := (*EndedError)(nil); seen && errors.As(err, &missing) {
			return &EndedError{Name: name, Reason: "it was deleted"}
		}
		if err != nil {
			return err
		}
		end := r.end()
		if r.started() {
			if err := read(ctx, r); err != nil {
				return err
			}
		}
		switch {
		case end != nil && end.ExitCode == 0 && end.Reason == "":
			return nil
		case end != nil:
			return end
		case !r.started() && r.Pod != nil:
			s, err := in.start(ctx, r)
			if err != nil {
				return err
			}
			if s.State == health.Failed {
				return &EndedError{Name: name, Reason: s.Reason, Next: s.Next}
			}
			if s.Reason != "" && s.Reason != said {
				said = s.Reason
				waiting(said)
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookEvery):
		}
	}
}

// start returns why a run has not started.
func (in *Instances) start(ctx context.Context, r Run) (health.Status, error) {
	now := in.now()
	var events []*corev1.Event
	if now.Sub(r.Pod.CreationTimestamp.Time) > 2*time.Second { // mostly it runs before
		var err error
		if events, err = kube.ListAs[corev1.Event](ctx, in.kube, object.Event, in.Pod, ""); err != nil && !apierrors.IsForbidden(err) {
			return health.Status{}, err
		}
	}
	return health.Start(r.of(), r.Pod, health.NewEvents(events), now), nil
}

// Log writes the lines of a run so far to out.
func (in *Instances) Log(ctx context.Context, name string, out io.Writer) error {
	r, err := in.run(ctx, name)
	if err != nil || !r.started() {
		return err
	}
	return (&runLog{in: in, out: out, once: true}).read(ctx, r)
}

// DeleteRun ends a run and removes it with its log. The error for one that does not exist is a *EndedError.
func (in *Instances) DeleteRun(ctx context.Context, name string) error {
	r, err := in.run(ctx, name)
	if err != nil {
		return err
	}
	return in.kube.Delete(ctx, object.Job, in.Pod, name, r.job.UID)
}

// runLog writes the log of a run, and goes on where it was when a connection broke.
type runLog struct {
	in   *Instances
	out  io.Writer
	once bool // up to the current end
	last time.Time
}

// read writes the lines that were not written yet, until the log ends or the connection breaks.
func (l *runLog) read(ctx context.Context, r Run) error {
	o := corev1.PodLogOptions{Container: r.of().Name, Follow: !l.once, Timestamps: true}
	from := l.last
	if !from.IsZero() {
		o.SinceTime = &metav1.Time{Time: from.Truncate(time.Second)} // the API has whole seconds
	}
	log, err := l.in.kube.Log(ctx, l.in.Pod, r.Pod.Name, o)
	if apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) { // it is gone, or has not begun
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	for lines := bufio.NewReader(log); ; {
		line, err := lines.ReadString('\n')
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		stamp, text, _ := strings.Cut(line, " ")
		if at, notTime := time.Parse(time.RFC3339Nano, stamp); notTime == nil && at.After(from) {
			l.last = at
			if _, err := io.WriteString(l.out, text); err != nil {
				return err
			}
		}
		if err != nil { // the end, or a broken connection, which is continued
			return nil
		}
	}
}
