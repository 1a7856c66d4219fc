package instance

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/pscdev/psc/pkg/report"
)

// second is a time on the day of the test events.
func second(n int) time.Time { return time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC) }

// happened returns an event that was last seen at a second.
func happened(at int, kind, name, reason, message string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name + "." + string(rune('a'+at)), UID: types.UID(name + reason), ResourceVersion: "1"},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name}, Type: "Normal", Reason: reason, Message: message, Count: 1,
		LastTimestamp: metav1.NewTime(second(at)),
	}
}

func testOwners() owners {
	return owners{
		apps: map[string]bool{"web": true, "web-api": true},
		objects: map[objectName][]string{
			{"Pod", "web-odd"}: {"web"}, {"PersistentVolumeClaim", "data"}: {"web"}, {"PersistentVolumeClaim", "both"}: {"web", "web-api"},
			{"HTTPRoute", "shop"}: {"web-api"},
		},
		made: madeFor([]string{"web", "web-api"}),
	}
}

// Everything that belongs to an app is found, also when it does not exist any more, and nothing else is.
func TestOwners(t *testing.T) {
	for _, test := range []struct {
		kind, name string
		want       []string
	}{
		{"Pod", "web-odd", []string{"web"}},
		{"Pod", "web-7d9f5c6b8-x2x9z", []string{"web"}},
		{"Pod", "web-api-7d9f5c6b8-x2x9z", []string{"web-api"}},
		{"Pod", "web-run-k3x9q2ab-x2x9z", []string{"web"}},
		{"Job", "web-run-k3x9q2ab", []string{"web"}},
		{"Pod", "web-mig-7d9f5c6b8-x2x9z", nil},
		{"Pod", "my-web-7d9f5c6b8-x2x9z", nil},
		{"Pod", "web-0", nil},
		{"ReplicaSet", "web-api-7d9f5c6b8", []string{"web-api"}},
		{"ReplicaSet", "web-next", nil},
		{"Deployment", "web", []string{"web"}},
		{"HorizontalPodAutoscaler", "web-api", []string{"web-api"}},
		{"Deployment", "other", nil},
		{"Lease", "web", nil},
		{"PersistentVolumeClaim", "data", []string{"web"}},
		{"PersistentVolumeClaim", "both", []string{"web", "web-api"}},
		{"HTTPRoute", "shop", []string{"web-api"}},
		{"HTTPRoute", "web", nil},
	} {
		if diff := cmp.Diff(test.want, testOwners().of(corev1.ObjectReference{Kind: test.kind, Name: test.name})); diff != "" {
			t.Errorf("%s %s: %s", test.kind, test.name, diff)
		}
	}
}

func TestDigest(t *testing.T) {
	repeated := happened(5, "Pod", "web-7d9f5c6b8-b4b4b", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
	repeated.Type, repeated.Count, repeated.FirstTimestamp = "Warning", 7, metav1.NewTime(second(1))
	null := happened(3, "Pod", "web-7d9f5c6b8-c5c5c", "Scheduled", "Successfully assigned shop/web-7d9f5c6b8-c5c5c to n1")
	null.LastTimestamp, null.EventTime, null.Count = metav1.Time{}, metav1.NewMicroTime(second(3)), 0
	series := happened(0, "Pod", "web-7d9f5c6b8-d6d6d", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
	series.Type, series.Series = "Warning", &corev1.EventSeries{Count: 2, LastObservedTime: metav1.NewMicroTime(second(9))}
	events := []*corev1.Event{
		repeated, null, series,
		happened(1, "Pod", "web-7d9f5c6b8-b4b4b", "Scheduled", "Successfully assigned shop/web-7d9f5c6b8-b4b4b to n1"),
		happened(2, "Pod", "web-7d9f5c6b8-b4b4b", "Pulled", `Container image "a" already present on machine`),
		happened(2, "Deployment", "web", "ScalingReplicaSet", "Scaled up replica set web-7d9f5c6b8 from 0 to 2"),
		happened(8, "Deployment", "web", "ScalingReplicaSet", "Scaled up replica set web-5f5f5f5f5 from 0 to 2"),
		happened(4, "Service", "other", "Sync", "same"),
		happened(6, "Service", "another", "Sync", "same"),
		happened(7, "PersistentVolumeClaim", "both", "Waiting", "first consumer"),
	}
	events[5].UID = "another"
	want := []report.Event{
		{FirstSeen: second(2), LastSeen: second(2), App: "web", Object: "pod/web-7d9f5c6b8-b4b4b", Instances: 1, Count: 1, Reason: "Pulled", Message: `Container image "a" already present on machine`, Text: "image a is on the node already"},
		{FirstSeen: second(1), LastSeen: second(3), App: "web", Instances: 2, Count: 2, Reason: "Scheduled", Message: "Successfully assigned shop/web-7d9f5c6b8-c5c5c to n1", Text: "placed on node n1"},
		{FirstSeen: second(4), LastSeen: second(4), Object: "service/other", Count: 1, Reason: "Sync", Message: "same", Text: "Sync: same"},
		{FirstSeen: second(6), LastSeen: second(6), Object: "service/another", Count: 1, Reason: "Sync", Message: "same", Text: "Sync: same"},
		{FirstSeen: second(7), LastSeen: second(7), Object: "persistentvolumeclaim/both", Count: 1, Reason: "Waiting", Message: "first consumer", Text: "Waiting: first consumer"},
		{FirstSeen: second(2), LastSeen: second(8), App: "web", Object: "deployment/web", Count: 2, Reason: "ScalingReplicaSet", Message: "Scaled up replica set web-5f5f5f5f5 from 0 to 2", Text: "scaled up web-* from 0 to 2 instances"},
		{FirstSeen: second(0), LastSeen: second(9), Warning: true, App: "web", Instances: 2, Count: 9, Reason: "Unhealthy", Message: "Readiness probe failed: HTTP probe failed with statuscode: 503", Text: "its readiness probe failed: it got the answer 503"},
	}
	series.LastTimestamp, series.EventTime = metav1.Time{}, metav1.NewMicroTime(second(0))
	all, shown := testOwners().digest(events, "", time.Time{}, nil)
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	again := func(app string, oldest time.Time) []string {
		var texts []string
		all, _ := testOwners().digest(events, app, oldest, shown)
		for _, e := range all {
			texts = append(texts, e.Text)
		}
		return texts
	}
	if got := again("", time.Time{}); got != nil {
		t.Errorf("shown twice: %q", got)
	}
	null.ResourceVersion = "2"
	if diff := cmp.Diff([]string{"placed on node n1"}, again("", time.Time{})); diff != "" {
		t.Error(diff)
	}
	shown = nil
	if diff := cmp.Diff([]string{"Waiting: first consumer"}, again("web-api", time.Time{})); diff != "" {
		t.Error(diff)
	}
	if got := len(again("web", second(8))); got != 2 {
		t.Errorf("%d events of web from second 8 on, want 2", got)
	}
}
