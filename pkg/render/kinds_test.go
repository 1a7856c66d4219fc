package render

import (
	"testing"

	"github.com/pscdev/psc/pkg/pod"
)

// Every kind of resource has a renderer, if only to say that it renders nothing.
func TestRenderers(t *testing.T) {
	rows := renderers()
	for _, kind := range pod.Kinds() {
		if rows[kind] == nil {
			t.Errorf("kind %s has no row in renderers", kind)
		}
	}
	if len(rows) != len(pod.Kinds()) {
		t.Errorf("renderers has %d rows for %d kinds", len(rows), len(pod.Kinds()))
	}
}
