package rollout

import (
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/pscdev/psc/internal/kube"
	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

// jobs returns the adapter of jobs. Only those that run before a deploy have a status: how often others fail is no matter of a deploy.
func jobs() adapter {
	return adapter{
		object: object.Job,
		before: object.Clear,
		follow: func(pod.Spec) []object.Kind { return []object.Kind{object.Job, object.Pod} },
		read: func(f *follower) func(string) observed {
			all := kube.Objects[batchv1.Job](f.Watch, object.Job)
			instances := kube.Objects[corev1.Pod](f.Watch, object.Pod)
			return func(name string) observed {
				j := f.spec.Job(name)
				if j != nil && !j.Releases() {
					return noRelease{}
				}
				r := release{name: name, instances: instances, events: f.eventsOf()}
				for _, job := range all {
					if j != nil && job.Name == render.ReleaseName(name, f.spec) && !f.retired[job.UID] && job.DeletionTimestamp == nil {
						r.job = job
					}
				}
				return r
			}
		},
	}
}

// noRelease is a job that a deploy does not wait for.
type noRelease struct{}

func (noRelease) generation() int64              { return 0 }
func (noRelease) health(time.Time) health.Status { return health.Status{State: health.Ready} }

// release is a job that runs before a deploy, in the cluster.
type release struct {
	name      string
	job       *batchv1.Job // nil if there is none
	instances []*corev1.Pod
	events    health.Events
}

func (r release) generation() int64 {
	if r.job == nil {
		return -1
	}
	return r.job.Generation
}

func (r release) health(now time.Time) health.Status {
	return health.Job(pod.Ref{Kind: pod.KindJob, Name: r.name}, r.job, r.instances, r.events, now)
}

// hold corrects the statuses of the apps of a revision that are not written yet, because a job has to succeed first: their objects are
// still those of another revision.
func (o Observer) hold(f *follower, r revision.Revision, statuses []Status) {
	if r.State == revision.Ready || !r.Spec.Releases() {
		return
	}
	objects, err := render.Objects(o.Pod, r.Spec, o.Cluster)
	if err != nil {
		return
	}
	hashes := map[string]string{}
	for _, object := range objects {
		hashes[object.GetKind()+"/"+object.GetName()] = hashOf(object.GetAnnotations())
	}
	state, reason := health.Progressing, "not written yet"
	if i := slices.IndexFunc(statuses, func(s Status) bool { return s.Ref.Kind == pod.KindJob && s.State != health.Ready }); i >= 0 {
		state, reason = statuses[i].State, fmt.Sprintf("not written: job %s has to succeed first", statuses[i].Ref.Name)
	}
	for _, d := range kube.Objects[appsv1.Deployment](f.Watch, object.Deployment) {
		i := slices.IndexFunc(statuses, func(s Status) bool { return s.Ref == pod.Ref{Kind: pod.KindApp, Name: d.Name} })
		if i < 0 || hashOf(d.Annotations) == hashes[object.Deployment.Kind+"/"+d.Name] {
			continue
		}
		s := &statuses[i]
		serving := s.Ready
		s.Status = health.Status{State: state, Reason: reason, Desired: r.Spec.App(d.Name).Count(), Restarts: s.Restarts}
		if serving > 0 {
			s.Old = map[string]int{hashOf(d.Annotations): serving}
			s.Reason += fmt.Sprintf("; the old version still serves (%d ready)", serving)
		}
	}
}

func hashOf(annotations map[string]string) string { return annotations[object.AnnotationHash] }
