package health_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/pscdev/psc/pkg/health"
	"github.com/pscdev/psc/pkg/pod"
)

// The forms that the kubelet gives the failure of a probe: https://github.com/kubernetes/kubernetes/tree/master/pkg/probe. Each has a
// reason that says something, without what differs from probe to probe, and a next step that names the field. So have forms that
// psc does not know.
func TestAppProbes(t *testing.T) {
	get := func(headers ...corev1.HTTPHeader) *corev1.Probe {
		return &corev1.Probe{TimeoutSeconds: 2, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http"), HTTPHeaders: headers}}}
	}
	tcp := &corev1.Probe{TimeoutSeconds: 2, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(5432)}}}
	command := &corev1.Probe{TimeoutSeconds: 2, ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"check"}}}}
	grpc := &corev1.Probe{TimeoutSeconds: 2, ProbeHandler: corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 9000}}}
	const (
		request = `Readiness probe failed: Get "http://10.1.0.7:8080/healthz": `
		errored = "Readiness probe errored and resulted in unknown state: "
		listen  = "outside ports"
	)
	for _, test := range []struct {
		probe         *corev1.Probe
		message, want string
		fields        string // of the next steps
	}{
		{get(), "Readiness probe failed: HTTP probe failed with statuscode: 400", "GET :8080/healthz answers 400", "health.headers.Host health.path"},
		{get(corev1.HTTPHeader{Name: "host", Value: "a"}), "Readiness probe failed: HTTP probe failed with statuscode: 400", "GET :8080/healthz answers 400", "health.path"},
		{get(), "Readiness probe failed: HTTP probe failed with statuscode: 503", "GET :8080/healthz answers 503", "health.path"},
		{get(), request + "dial tcp 10.1.0.7:8080: connect: connection refused", "nothing listens on port 8080", listen},
		{get(), request + "dial tcp 10.1.0.7:8080: connect: no route to host", "GET :8080/healthz cannot be reached", "health.path"},
		{get(), request + "context deadline exceeded (Client.Timeout exceeded while awaiting headers)", "GET :8080/healthz does not answer within 2s", "health.timeout=10s health.path"},
		{get(), request + "read tcp 10.1.0.1:39214->10.1.0.7:8080: read: connection reset by peer", "GET :8080/healthz: read: connection reset by peer", "health.path"},
		{get(), request + `net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x00\x00"`, `GET :8080/healthz: net/http: HTTP/1.x transport connection broken: malformed HTTP response "\x00\x00"`, "health.path"},
		{get(), request + "EOF", "GET :8080/healthz: EOF", "health.path"},
		{get(), "Readiness probe failed: ", "GET :8080/healthz: failed without a reason", "health.path"},
		{get(), "Readiness probe errored and resulted in failure state: unexpected EOF", "GET :8080/healthz: unexpected EOF", "health.path"},
		{get(), errored + "port http not found", "GET :8080/healthz: port http not found", "health.path"},
		{tcp, "Readiness probe failed: dial tcp 10.1.0.7:5432: connect: connection refused", "nothing listens on port 5432", listen},
		{tcp, "Readiness probe failed: dial tcp 10.1.0.7:5432: i/o timeout", "port 5432 does not answer within 2s", "health.timeout=10s health"},
		{command, "Readiness probe failed: no primary\n", "its health command failed: no primary", "health.command"},
		{command, "Readiness probe failed: ", "its health command failed, and printed nothing", "health.command"},
		{command, `Readiness probe failed: command timed out: "check" timed out after 2s`, "its health command did not end within 2s", "health.timeout=10s"},
		{command, errored + `rpc error: code = DeadlineExceeded desc = failed to exec in container: timeout 2s exceeded: context deadline exceeded`, "its health command did not end within 2s", "health.timeout=10s"},
		{command, errored + `rpc error: code = Unknown desc = failed to exec in container: failed to start exec "0a1b": OCI runtime exec failed: exec failed: unable to start container process: exec: "check": executable file not found in $PATH`, `its health command failed: exec: "check": executable file not found in $PATH`, "health.command"},
		{command, errored + "rpc error: code = NotFound desc = failed to exec in container: failed to load task: no running task found", "its health command failed: failed to load task: no running task found", "health.command"},
		{grpc, `Readiness probe failed: timeout: failed to connect service "10.1.0.7:9000" within 2s: context deadline exceeded`, "nothing answers gRPC on port 9000", listen},
		{grpc, "Readiness probe failed: error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service", "the gRPC health service on port 9000 does not exist", "health=tcp"},
		{grpc, "Readiness probe failed: timeout: health rpc did not complete within 2s", "the gRPC health service on port 9000 does not answer within 2s", "health.timeout=10s health"},
		{grpc, `Readiness probe failed: service unhealthy (responded with "NOT_SERVING")`, `the gRPC health service on port 9000: service unhealthy (responded with "NOT_SERVING")`, "health"},
		{get(), "(combined from similar events): Readiness probe failed: HTTP probe failed with statuscode: 500", "GET :8080/healthz answers 500", "health.path"},
		{get(), "Readiness check says\x1b[31m no\n", "Readiness check says [31m no", "health.path"},
		{get(), "", "its health check failed", "health.path"},
		{nil, "Readiness probe failed: HTTP probe failed with statuscode: 500", "Readiness probe failed: HTTP probe failed with statuscode: 500", "health.path"},
	} {
		c := corev1.ContainerStatus{Name: "web", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(0)}}}
		p := instance("new", c)
		p.Spec.Containers = []corev1.Container{{Name: "web", ReadinessProbe: test.probe, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}
		e := &corev1.Event{Reason: "Unhealthy", Message: test.message, LastTimestamp: at(10 * time.Second), InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "new-1", FieldPath: "spec.containers{web}"}}
		s := verdict(deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2}), p, 20*time.Second, e)
		if want := "instance new-1: runs but is not ready: " + test.want + "; no instance serves"; s.Reason != want {
			t.Errorf("%q:\n got %s\nwant %s", test.message, s.Reason, want)
		}
		if diff := cmp.Diff(test.fields, fieldsOf(s.Next)); diff != "" {
			t.Errorf("%q: next: -want +got\n%s", test.message, diff)
		}
	}
}

// fieldsOf lists the fields of next steps, with the values that are not left to the person.
func fieldsOf(all []pod.Next) string {
	var fields []string
	for _, n := range all {
		if n.Do == pod.DoOutside {
			fields = append(fields, string(n.Do))
		}
		for field, value := range n.Set {
			fields = append(fields, strings.TrimSuffix(field+"="+value, "="))
		}
	}
	return strings.Join(fields, " ")
}

// An app that stops answering is restarted by its liveness check. The step that helps names a field of that check.
func TestAppLiveness(t *testing.T) {
	c := running(30*time.Second, 1, corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 137, StartedAt: at(0), FinishedAt: at(30 * time.Second)})
	p := instance("new", c)
	p.Spec.Containers = []corev1.Container{{Name: "web", LivenessProbe: &corev1.Probe{TimeoutSeconds: 2, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/livez", Port: intstr.FromInt32(8080)}}}}}
	event := func(reason, message string) *corev1.Event {
		return &corev1.Event{Reason: reason, Message: message, LastTimestamp: at(29 * time.Second), InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "new-1", FieldPath: "spec.containers{web}"}}
	}
	s := verdict(deployment(appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2}), p, 32*time.Second,
		event("Unhealthy", `Liveness probe failed: Get "http://10.1.0.7:8080/livez": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`),
		event("Killing", "Container web failed liveness probe, will be restarted"))
	const want = "instance new-1: was stopped because its liveness probe failed: GET :8080/livez does not answer within 2s; trying again; no instance serves"
	if s.State != health.Progressing || s.Reason != want {
		t.Errorf("got %s: %s", s.State, s.Reason)
	}
	if got := fieldsOf(s.Next); got != "liveness.timeout=10s liveness.path liveness" {
		t.Errorf("got the next steps %s", got)
	}
}
