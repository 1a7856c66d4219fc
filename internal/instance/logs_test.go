package instance

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// No log is left out without a word, and one that is left out is read when there is room.
func TestLogsLeftOut(t *testing.T) {
	var all []Instance
	for n := range MaxLogs + 2 {
		name := fmt.Sprintf("web-%d", n)
		all = append(all, Instance{&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "web", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			}},
		}})
	}
	var left [][]string
	r := &reading{sources: map[string]*source{}}
	r.Tell = func(n LogNote) {
		if n.LeftOut != nil {
			left = append(left, n.LeftOut)
		}
	}
	if added := r.update(all); len(added) != MaxLogs {
		t.Errorf("%d logs are read, want %d", len(added), MaxLogs)
	}
	if added := r.update(all); len(added) > 0 {
		t.Errorf("%d logs are read twice", len(added))
	}
	delete(r.sources, "web-0/web") // as follow does at its end
	if added := r.update(all[1:]); len(added) != 1 || added[0].instance != "web-100" {
		t.Errorf("%d logs are read when there is room, want that of web-100", len(added))
	}
	if diff := cmp.Diff([][]string{{"web-100", "web-101"}, {"web-101"}}, left); diff != "" {
		t.Error(diff)
	}
}
