package health_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/pkg/health"
)

// The files of testdata are what a real Kubernetes 1.36 showed of an app in these situations, so many seconds after it
// was made, cut down to what is looked at. A person reads the reason and knows what to do; what may heal by itself is
// never called failed.
func TestReplay(t *testing.T) {
	for _, test := range []struct {
		file  string
		after time.Duration
		want  health.Status
	}{
		{"healthy", 40 * time.Second, health.Status{State: health.Ready, Desired: 2, Ready: 2}},
		{"image-not-found", 15 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: "instance web-7cbc4d85b4-hmf77: image 127.0.0.1:5000/web:v9 was not found"}},
		{"crash-loop", 20 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: "instance web-697556c9bf-2krs4: ended 3 times with exit code 3: panic: missing DATABASE_URL"}},
		{"panic", 3 * time.Second, health.Status{State: health.Progressing, Desired: 1, Reason: "instance web-846f58d56c-5tzzv: ended 2 times with exit code 2: panic: assignment to entry in nil map"}},
		{"two-crashes", 3 * time.Second, health.Status{State: health.Progressing, Desired: 1, Reason: "instance web-f5d4d55f7-76xwv: ended 2 times with exit code 1"}},
		{"two-crashes-then-healthy", 20 * time.Second, health.Status{State: health.Ready, Desired: 1, Ready: 1}},
		{"out-of-memory", 3 * time.Second, health.Status{State: health.Progressing, Desired: 1, Reason: "instance web-7ccdfc87f-64bdr: was killed 2 times for using more memory than it is given: 2026/11/21 04:51:12 allocated 24 MiB"}},
		{"out-of-memory-again", 20 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: "instance web-75db6bd9d4-xx7t6: was killed 3 times for using more memory than it is given"}},
		{"start-error", 15 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: `instance web-78978c58d7-lklnj: cannot be started: exec: "/server": stat /server: no such file or directory`}},
		{"missing-secret", 4 * time.Second, health.Status{State: health.Progressing, Desired: 1, Reason: `instance web-5bdcf8df8d-nw9cj: cannot be started: secret "web-secrets" not found`}},
		{"missing-secret", 10 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: `instance web-5bdcf8df8d-nw9cj: cannot be started: secret "web-secrets" not found`}},
		{"slow-start", 20 * time.Second, health.Status{State: health.Progressing, Desired: 1, Reason: "starting"}},
		{"scaled-to-zero", 30 * time.Second, health.Status{State: health.Stopped}},
		{"rolling-update", 21 * time.Second, health.Status{State: health.Progressing, Desired: 3, Reason: "starting"}},
		{"update-stuck-crash", 50 * time.Second, health.Status{State: health.Failed, Desired: 3, Reason: "instance web-75558668b4-dbk7k: ended 3 times with exit code 3; the old version still serves (3 ready)"}},
		{"update-stuck-image", 22 * time.Second, health.Status{State: health.Failed, Desired: 2, Reason: "instance web-6779f4d46-qbrlx: image 127.0.0.1:5000/web:v9 was not found; the old version still serves (2 ready)"}},
		{"no-node", 10 * time.Second, health.Status{State: health.Progressing, Desired: 1, Reason: "instance web-6ccff6c79b-mgk6s finds no node: 0/1 nodes are available: 1 Insufficient cpu"}},
		{"no-node", 120 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: "instance web-6ccff6c79b-mgk6s finds no node: 0/1 nodes are available: 1 Insufficient cpu"}},
		{"quota", 10 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: `no more instances can be made: pods "web-5d4b598b64-8lzqj" is forbidden: exceeded quota: team-quota, requested: requests.cpu=500m, used: requests.cpu=0, limited: requests.cpu=200m`}},
		{"deadline", 16 * time.Second, health.Status{State: health.Failed, Desired: 1, Reason: "no progress for too long"}},
	} {
		t.Run(test.file+" "+test.after.String(), func(t *testing.T) {
			var (
				d           appsv1.Deployment
				replicaSets []*appsv1.ReplicaSet
				instances   []*corev1.Pod
			)
			text, err := os.ReadFile("testdata/" + test.file + ".yaml")
			if err != nil {
				t.Fatal(err)
			}
			for document := range strings.SplitSeq(string(text), "---\n") {
				var to any = &d
				switch {
				case strings.Contains(document, "kind: ReplicaSet\nmetadata"):
					rs := &appsv1.ReplicaSet{}
					to, replicaSets = rs, append(replicaSets, rs)
				case strings.Contains(document, "kind: Pod\nmetadata"):
					p := &corev1.Pod{}
					to, instances = p, append(instances, p)
				}
				if err := yaml.UnmarshalStrict([]byte(document), to); err != nil {
					t.Fatal(err)
				}
			}
			now := d.CreationTimestamp.Add(test.after)
			if diff := cmp.Diff(test.want, health.App(&d, replicaSets, instances, now)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
