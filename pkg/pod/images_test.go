package pod_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

// A new image has to be pinned, and an unchanged one keeps its user. If only the tag has changed, the digest is that of
// the old tag.
func TestImages(t *testing.T) {
	user := int64(1000)
	before := &pod.App{Image: "web:1@sha256:a", ImageUser: &user}
	for name, test := range map[string]struct {
		kind   pod.Kind
		fields pod.Fields
		before pod.Resource
		pin    []string // the names that are to be pinned
		want   pod.Fields
	}{
		"new":                {kind: pod.KindApp, fields: pod.Fields{"image": "web:1"}, pin: []string{"web:1"}, want: pod.Fields{"image": "web:1!", "imageUser": user}},
		"empty":              {kind: pod.KindApp, fields: pod.Fields{"image": ""}, pin: []string{""}, want: pod.Fields{"image": "!", "imageUser": user}},
		"no image":           {kind: pod.KindApp, fields: pod.Fields{"size": "large"}, before: before, want: pod.Fields{"size": "large"}},
		"removed":            {kind: pod.KindApp, fields: pod.Fields{"image": nil}, before: before, want: pod.Fields{"image": nil}},
		"as before":          {kind: pod.KindApp, fields: pod.Fields{"image": "web:1@sha256:a"}, before: before, want: pod.Fields{"image": "web:1@sha256:a", "imageUser": json.Number("1000")}},
		"as before, no user": {kind: pod.KindApp, fields: pod.Fields{"image": "api", "imageUser": 1}, before: &pod.App{Image: "api"}, want: pod.Fields{"image": "api", "imageUser": 1}},
		"as before, edited":  {kind: pod.KindApp, fields: pod.Fields{"image": "web:1@sha256:a", "imageUser": 2}, before: before, want: pod.Fields{"image": "web:1@sha256:a", "imageUser": 2}},
		"another image":      {kind: pod.KindApp, fields: pod.Fields{"image": "web:2@sha256:b"}, before: before, pin: []string{"web:2@sha256:b"}, want: pod.Fields{"image": "web:2@sha256:b!", "imageUser": user}},
		"another tag":        {kind: pod.KindApp, fields: pod.Fields{"image": "web:2@sha256:a"}, before: before, pin: []string{"web:2"}, want: pod.Fields{"image": "web:2!", "imageUser": user}},
		"with a user":        {kind: pod.KindApp, fields: pod.Fields{"image": "web:1", "user": 1}, before: before, pin: []string{"web:1"}, want: pod.Fields{"image": "web:1!", "user": 1, "imageUser": user}},
		"another kind":       {kind: pod.KindConfig, fields: pod.Fields{"image": "web:1"}, want: pod.Fields{"image": "web:1"}},
		"an unknown kind":    {kind: "Cron", fields: pod.Fields{"image": "web:1"}, want: pod.Fields{"image": "web:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for _, image := range pod.Images(test.kind, test.fields, test.before) {
				names = append(names, image.Name)
				image.Pin(image.Name+"!", &user)
			}
			if diff := cmp.Diff(test.pin, names); diff != "" {
				t.Errorf("to pin: -want +got\n%s", diff)
			}
			if diff := cmp.Diff(test.want, test.fields); diff != "" {
				t.Errorf("fields: -want +got\n%s", diff)
			}
		})
	}
}

// Pinning an image without a numeric user removes the user.
func TestPinWithoutUser(t *testing.T) {
	fields := pod.Fields{"image": "web:1", "imageUser": 1}
	pod.Images(pod.KindApp, fields, nil)[0].Pin("web:1@sha256:a", nil)
	if diff := cmp.Diff(pod.Fields{"image": "web:1@sha256:a", "imageUser": nil}, fields); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
