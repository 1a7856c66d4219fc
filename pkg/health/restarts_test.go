package health_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pscdev/psc/pkg/health"
)

// An instance that is ending says nothing about those that run.
func TestRestarts(t *testing.T) {
	restarted := func(times int32, deleted *metav1.Time) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: deleted},
			Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{RestartCount: times}}},
		}
	}
	now := metav1.NewTime(time.Unix(1, 0))
	if got, _ := health.Restarts(restarted(2, nil), restarted(1, nil), restarted(5, &now)); got != 3 {
		t.Errorf("got %d restarts, want 3", got)
	}
}
