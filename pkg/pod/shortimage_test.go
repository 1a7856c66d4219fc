package pod_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

// Two images that are not the same never look the same.
func TestShortImages(t *testing.T) {
	const a, b = "@sha256:1111111111111111111111111111111111111111111111111111111111111111", "@sha256:2222222222222222222222222222222222222222222222222222222222222222"
	for _, test := range []struct{ images, want []string }{
		{[]string{"ghcr.io/acme/api:1" + a, "ghcr.io/acme/api:2" + b}, []string{"api:1", "api:2"}},
		{[]string{"ghcr.io/acme/api:1" + a, "ghrc.io/acme/api:2"}, []string{"ghcr.io/acme/api:1", "ghrc.io/acme/api:2"}},
		{[]string{"ghcr.io/acme/api:1", "ghcr.io/evil/api:1"}, []string{"ghcr.io/acme/api:1", "ghcr.io/evil/api:1"}},
		{[]string{"localhost:5000/api" + a, "api:1"}, []string{"localhost:5000/api@sha256:111111111111", "api:1"}},
		{[]string{"ghcr.io/acme/api:1" + a, "ghcr.io/acme/api:1" + b}, []string{"ghcr.io/acme/api:1" + a, "ghcr.io/acme/api:1" + b}},
		{[]string{"ghcr.io/acme/api:1" + a}, []string{"api:1"}},
		{[]string{"web", "ghcr.io/acme/api:1", "ghcr.io/acme/api:1"}, []string{"web", "ghcr.io/acme/api:1", "ghcr.io/acme/api:1"}},
	} {
		if diff := cmp.Diff(test.want, pod.ShortImages(test.images...)); diff != "" {
			t.Errorf("%v: -want +got\n%s", test.images, diff)
		}
	}
}
