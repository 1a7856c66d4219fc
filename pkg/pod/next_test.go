package pod_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pscdev/psc/pkg/pod"
)

// Where one step solves a problem, the problem has it as a value. The names of JSON are part of what scripts read.
func TestProblemNext(t *testing.T) {
	s := pod.Spec{
		ref(pod.KindApp, "api"):    &pod.App{Image: "api"},
		ref(pod.KindApp, "web"):    &pod.App{Image: "web", Env: map[string]pod.EnvValue{"API": {App: "api"}}},
		ref(pod.KindSecret, "db"):  &pod.Secret{Keys: map[string]string{"url": ""}},
		ref(pod.KindSecret, "new"): &pod.Secret{},
	}
	var problems, unset pod.Problems
	if !errors.As(pod.Validate(s), &problems) || !errors.As(s.Unset(), &unset) {
		t.Fatal("the spec has no problems")
	}
	got := map[string]string{}
	for _, p := range append(problems, unset...) {
		data, err := json.Marshal(p.Next)
		if err != nil {
			t.Fatal(err)
		}
		got[p.Path+": "+p.Message] = string(data)
	}
	want := map[string]string{
		`app/web spec.env.API: app "api" has no port`: `{"do":"set","kind":"App","name":"api","set":{"ports":""}}`,
		`secret/db spec.keys: no value yet for url`:   `{"do":"set","kind":"Secret","name":"db","set":{"url":""}}`,
		`secret/new spec.keys: is empty`:              `{"do":"set","kind":"Secret","name":"new"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
