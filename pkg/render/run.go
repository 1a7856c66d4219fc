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

// Run is a one-off instance of an app.
type Run struct {
	// Name is the name of the run, and App that of an app of the spec.
	Name, App string
	// Author is the user who starts it.
	Author string
	// Timeout is how long it may run. Kept is how long the cluster keeps it after its end, if nobody deletes it.
	Timeout, Kept time.Duration
	// Stdin means that the program reads what a client sends, until the client goes. With TTY it has a terminal too.
	Stdin, TTY bool
}

// startGrace is how long a run may take to start, beyond its timeout.
const startGrace = 10 * time.Minute

// Job renders a run: the program of the app with its image, variables, files, scratch folders, user and size. It has no ports,
// checks, disks or other processes, and is not started again when it fails.
func (r Run) Job(podName string, spec pod.Spec, c Cluster) *unstructured.Unstructured {
	a := *spec.App(r.App)
	a.Ports, a.Health, a.Liveness, a.Disks = nil, nil, nil, nil
	volumes := volumes{names: map[string]string{}, count: map[string]int{}}
	program := container(r.App, &a, spec, c)
	program.VolumeMounts = volumes.mounts(&a, spec)
	program.Stdin, program.StdinOnce, program.TTY = r.Stdin, r.Stdin, r.TTY
	all := map[string]string{
		object.LabelManagedBy: object.Manager, object.LabelName: r.App, object.LabelPartOf: podName, object.LabelRun: r.App,
	}
	job := withSpec(object.Job, podName, r.Name, all, batchv1.JobSpec{
		BackoffLimit:            new(int32(0)),
		ActiveDeadlineSeconds:   new(int64((r.Timeout + startGrace) / time.Second)),
		TTLSecondsAfterFinished: new(int32(r.Kept / time.Second)),
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: all}, Spec: corev1.PodSpec{
			RestartPolicy:                 corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:         new(int64(r.Timeout / time.Second)),
			ServiceAccountName:            r.App,
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: new(stopSeconds(&a)),
			SecurityContext:               podSecurity(&a),
			Volumes:                       volumes.all,
			Containers:                    []corev1.Container{program},
			// The kernel drops Ctrl-C for the first process of a PID namespace, unless it handles it. So the command must not be that.
			ShareProcessNamespace: &r.TTY,
		}},
	})
	job.SetAnnotations(map[string]string{object.AnnotationAuthor: r.Author})
	return job
}
