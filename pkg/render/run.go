package render

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Run is a one-off instance of an app or a job.
type Run struct {
	// Name is the name of the run, and Of the app or the job of the spec that it is of.
	Name string
	Of   pod.Ref
	// Author is the user who starts it.
	Author string
	// Timeout is how long a run of an app may take. A job has its own.
	Timeout time.Duration
	// Kept is how long the cluster keeps the run after its end, if nobody deletes it; 0 for no limit.
	Kept time.Duration
	// Owner, if it is set, is the object with which the cluster removes the run.
	Owner *metav1.OwnerReference
	// Stdin means that the program reads what a client sends, until the client goes. With TTY it has a terminal too.
	Stdin, TTY bool
}

// startGrace is how long a run may take to start, beyond its timeout.
const startGrace = 10 * time.Minute

// Job renders a run: the program of the app with its image, variables, files, scratch folders, user and size, or that of the job. It
// has no ports, checks, disks of the app or other processes.
func (r Run) Job(podName string, spec pod.Spec, c Cluster) *unstructured.Unstructured {
	b := batch{name: r.Of.Name, timeout: r.Timeout, attempts: 1, labels: map[string]string{
		object.LabelManagedBy: object.Manager, object.LabelName: r.Of.Name, object.LabelPartOf: podName,
	}}
	if job := spec.Job(r.Of.Name); r.Of.Kind == pod.KindJob {
		b = jobBatch(podName, r.Of.Name, job, spec)
	} else {
		a := *spec.App(r.Of.Name)
		a.Ports, a.Health, a.Liveness, a.Disks = nil, nil, nil, nil
		b.program, b.account, b.labels[object.LabelRun] = &a, r.Of.Name, r.Of.Name
	}
	work := b.spec(spec, c)
	if r.Kept > 0 {
		work.TTLSecondsAfterFinished = new(int32(r.Kept / time.Second))
	}
	program := &work.Template.Spec.Containers[0]
	program.Stdin, program.StdinOnce, program.TTY = r.Stdin, r.Stdin, r.TTY
	// The kernel drops Ctrl-C for the first process of a PID namespace, unless it handles it. So the command must not be that.
	work.Template.Spec.ShareProcessNamespace = &r.TTY
	job := withSpec(object.Job, podName, r.Name, b.labels, work)
	job.SetAnnotations(map[string]string{object.AnnotationAuthor: r.Author})
	if r.Owner != nil {
		job.SetOwnerReferences([]metav1.OwnerReference{*r.Owner})
	}
	return job
}

// batch is a program that runs to its end.
type batch struct {
	// name is the name of the container, and account that of the ServiceAccount.
	name, account string
	program       *pod.App
	// timeout is how long each of the attempts may take.
	timeout  time.Duration
	attempts int
	labels   map[string]string
}

// spec renders the Job of a program. An attempt that takes too long is ended in its instance, so that its log stays. The limit of the
// whole Job, which removes instances, is for those that never start.
func (b batch) spec(spec pod.Spec, c Cluster) batchv1.JobSpec {
	volumes := volumes{names: map[string]string{}, count: map[string]int{}}
	program := container(b.name, b.program, spec, c)
	program.VolumeMounts = volumes.mounts(b.program, spec)
	return batchv1.JobSpec{
		BackoffLimit:          new(int32(b.attempts - 1)),
		ActiveDeadlineSeconds: new(int64(time.Duration(b.attempts) * (b.timeout + startGrace) / time.Second)),
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: b.labels}, Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:         new(int64(b.timeout / time.Second)),
			ServiceAccountName:            b.account,
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: new(stopSeconds(b.program)),
			SecurityContext:               podSecurity(b.program),
			Affinity:                      beside(b.program, spec),
			Volumes:                       volumes.all,
			Containers:                    []corev1.Container{program},
		}},
	}
}

// beside prefers the nodes of the apps that have disks of a program: a disk that is not shared is attached to one node.
func beside(program *pod.App, spec pod.Spec) *corev1.Affinity {
	var terms []corev1.WeightedPodAffinityTerm
	for name, app := range spec.Apps() {
		if spec.SharesNode(program, app) {
			terms = append(terms, corev1.WeightedPodAffinityTerm{Weight: 100, PodAffinityTerm: corev1.PodAffinityTerm{
				LabelSelector: selector(name), TopologyKey: corev1.LabelHostname,
			}})
		}
	}
	if terms == nil {
		return nil
	}
	return &corev1.Affinity{PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: terms}}
}
