package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
	"github.com/pscdev/psc/pkg/revision"
)

func revisionOf(apps int) revision.Revision {
	started := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	spec := pod.Spec{}
	for i := range apps {
		spec[pod.Ref{Kind: pod.KindApp, Name: fmt.Sprintf("app%d", i)}] = &pod.App{Image: "web:1", Env: map[string]pod.EnvValue{"TEXT": {Value: strings.Repeat("x", 400)}}}
	}
	spec[pod.Ref{Kind: pod.KindConfig, Name: "web"}] = &pod.Config{Files: map[string]pod.Content{"a": pod.ContentOf([]byte("a text"))}}
	return revision.Revision{
		Number: 12, State: revision.Failed, Author: "alice", Created: started, Message: "m", Change: "c", Parent: 11, Restores: 7, Replaces: []int{9, 10},
		DeployedBy: "bob", Started: &started, Finished: &started, Reason: "r", Spec: spec,
		Edits: pod.Change{Edits: []pod.Edit{{Verb: pod.Delete, Kind: pod.KindApp, Name: "old"}}},
	}
}

// A record contains the whole revision. A large record is compressed, and the bytes of files are never in it.
func TestRecord(t *testing.T) {
	for _, apps := range []int{1, 1000} {
		want := revisionOf(apps)
		cm, err := encode("shop", want)
		if err != nil {
			t.Fatal(err)
		}
		if packed := len(cm.BinaryData) > 0; packed != (apps > 1) {
			t.Errorf("%d apps: compressed is %v", apps, packed)
		}
		for key, text := range cm.Data {
			if strings.Contains(text, "a text") {
				t.Errorf("%s contains the text of a file:\n%s", key, text)
			}
		}
		got, err := decode(cm)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d apps: -want +got\n%s", apps, diff)
		}
	}
}

// A record that another client has changed is ErrMoved, any other failure is not. A move of our own whose answer was lost
// is no failure.
func TestMarkOnce(t *testing.T) {
	asked, reason := revisionOf(1), "by bob"
	for name, test := range map[string]struct {
		answer       *apierrors.StatusError
		stored       string // reason of the record as it is now
		fails, moved bool
	}{
		"another's":   {apierrors.NewConflict(schema.GroupResource{}, "", nil), "by alice", true, true},
		"our own":     {apierrors.NewConflict(schema.GroupResource{}, "", nil), reason, false, false},
		"not allowed": {apierrors.NewForbidden(schema.GroupResource{}, "", nil), "by alice", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			now := asked
			now.State, now.Reason = revision.Waiting, test.stored
			record, err := encode("shop", now)
			if err != nil {
				t.Fatal(err)
			}
			record.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}
			s := open(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				var answer any = record
				if r.Method == http.MethodPatch {
					answer = test.answer.Status()
					w.WriteHeader(int(test.answer.Status().Code))
				}
				if err := json.NewEncoder(w).Encode(answer); err != nil {
					t.Error(err)
				}
			})
			_, err = s.MarkOnce(t.Context(), asked, revision.Waiting, func(r *revision.Revision) { r.Reason = reason })
			if fails, moved := err != nil, errors.Is(err, ErrMoved); fails != test.fails || moved != test.moved {
				t.Errorf("fails is %v, moved is %v: %v", fails, moved, err)
			}
		})
	}
}

// A snapshot that cannot fit is refused with its size.
func TestRecordTooLarge(t *testing.T) {
	r := revisionOf(1)
	noise := make([]byte, 2<<20)
	for i, n := 0, uint32(1); i < len(noise); i++ {
		n = n*1664525 + 1013904223
		noise[i] = '!' + byte(n>>24)%90
	}
	r.Spec[pod.Ref{Kind: pod.KindApp, Name: "web"}] = &pod.App{Image: "web:1", Args: []string{string(noise)}}
	_, err := encode("shop", r)
	if err == nil || !strings.Contains(err.Error(), "revision 12 would hold 20") || !strings.Contains(err.Error(), "at most 900 KiB fit into one") {
		t.Errorf("got %v", err)
	}
}

// A record that was edited is damaged. That is no problem of the user's input.
func TestRecordDamaged(t *testing.T) {
	cm, err := encode("shop", revisionOf(1))
	if err != nil {
		t.Fatal(err)
	}
	cm.Data["app.broken.yaml"] = "apiVersion: psc.dev/v1\nkind: App\nmetadata: {name: broken}\nspec: {imagee: x}\n"
	_, err = decode(cm)
	if !errors.Is(err, ErrDamaged) || errors.As(err, new(pod.Problems)) || !strings.Contains(err.Error(), "imagee") {
		t.Errorf("got %v", err)
	}
}

// Reading any record ends. The spec of the record either can be rendered or is not valid.
func FuzzRecord(f *testing.F) {
	cm, err := encode("shop", revisionOf(2))
	if err != nil {
		f.Fatal(err)
	}
	large, err := encode("shop", revisionOf(1000))
	if err != nil {
		f.Fatal(err)
	}
	large.BinaryData[keyPacked] = large.BinaryData[keyPacked][:200]
	for _, seed := range []*corev1.ConfigMap{cm, large, {}} {
		data, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var cm corev1.ConfigMap
		if json.Unmarshal(data, &cm) != nil {
			return
		}
		r, err := decode(&cm)
		if err != nil {
			return
		}
		_, err = render.Objects("shop", r.Spec, render.Cluster{})
		if problems := pod.Validate(r.Spec); problems != nil && err == nil {
			t.Errorf("an invalid spec was rendered: %v", problems)
		}
	})
}
