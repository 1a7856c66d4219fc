package store

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/pscdev/psc/pkg/object"
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
		Number: 12, State: revision.Failed, Author: "alice", Created: started, Message: "m", Change: "c", Parent: 11, Restores: 7, Replaces: []int{9, 10}, Restarts: []string{"api", "web"},
		DeployedBy: "bob", Started: &started, Finished: &started, Reason: "r", Spec: spec,
		Edits: pod.Change{Edits: []pod.Edit{
			{Verb: pod.Delete, Kind: pod.KindApp, Name: "old"}, {Verb: pod.Restart, Kind: pod.KindApp, Name: "web"}, {Verb: pod.Restart, Kind: pod.KindApp, Name: "api"},
		}},
	}
}

// unsealed leaves out what a record has in addition to the revision that was written.
func unsealed() cmp.Option { return cmpopts.IgnoreFields(revision.Revision{}, "Content", "Seal") }

// read returns the revision of a record.
func read(cm *corev1.ConfigMap, on *base) (revision.Revision, error) {
	data, d, err := unfill(cm)
	if err != nil {
		return revision.Revision{}, err
	}
	if d != nil {
		data = d.on(on)
	}
	return decode(&cm.ObjectMeta, data)
}

// A record and its base contain the whole revision, in the form that fits its size. The bytes of files are never in it.
func TestRecord(t *testing.T) {
	for apps, form := range map[int]string{1: "readable", 30: keyPacked, 1000: keyDelta} {
		want := revisionOf(apps)
		cm, on, err := encode("shop", want, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(append(slices.Collect(maps.Keys(cm.BinaryData)), "readable")[:1], ""); got != form {
			t.Errorf("%d apps: the form is %s", apps, got)
		}
		if on != nil {
			if on, err = readBase(on.object()); err != nil {
				t.Fatal(err)
			}
		}
		data, _, _ := unfill(cm)
		for key, text := range data {
			if strings.Contains(text, "a text") {
				t.Errorf("%s contains the text of a file:\n%s", key, text)
			}
		}
		got, err := read(cm, on)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, unsealed()); diff != "" {
			t.Errorf("%d apps: -want +got\n%s", apps, diff)
		}
	}
}

// The records that older versions wrote are read: readable up to 256 KiB, and compressed.
func TestOldRecord(t *testing.T) {
	want := revisionOf(100)
	cm, _, err := encode("shop", want, nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataOf(want)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := pack(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []corev1.ConfigMap{{Data: data}, {BinaryData: map[string][]byte{keyPacked: packed}}} {
		old.ObjectMeta = cm.ObjectMeta
		got, err := read(&old, nil)
		if diff := cmp.Diff(want, got, unsealed()); diff != "" || err != nil {
			t.Errorf("%v -want +got\n%s", err, diff)
		}
	}
}

// A change of one variable costs less than 4 KiB, in small and in large pods, also if each change is one of another app. That
// includes the bases. Every revision is read as it was written.
func TestChangesAreSmall(t *testing.T) {
	for apps, changes := range map[int]int{1: 50, 30: 100, 200: 50} {
		spec := pod.Spec{}
		for i := range apps {
			name := fmt.Sprintf("app%04d", i)
			spec[pod.Ref{Kind: pod.KindApp, Name: name}] = &pod.App{
				Image: fmt.Sprintf("ghcr.io/acme/%s:1.%d@sha256:%x", name, i, sha256.Sum256([]byte(name))), Ports: []pod.Port{{Name: "http", Port: 8080}},
				Env: map[string]pod.EnvValue{"LOG_LEVEL": {Value: "info"}, "N": {Value: fmt.Sprint(i)}},
			}
			spec[pod.Ref{Kind: pod.KindRoute, Name: name}] = &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: name}}}}}
		}
		r := revision.Next(1, revision.Revision{}, spec, pod.Edits(nil, spec))
		r.State = revision.Draft
		_, on, err := encode("shop", r, nil)
		if err != nil {
			t.Fatal(err)
		}
		largest, bases, total := 0, 0, 0
		for i := range changes {
			edit := pod.Edit{Verb: pod.Set, Kind: pod.KindApp, Name: fmt.Sprintf("app%04d", i%apps), Fields: pod.Fields{"env": map[string]any{"V": fmt.Sprint(i)}}}
			spec, err := pod.Apply(r.Spec, pod.Change{Edits: []pod.Edit{edit}})
			if err != nil {
				t.Fatal(err)
			}
			r = revision.Next(i+2, r, spec, pod.Change{Edits: []pod.Edit{edit}})
			cm, needed, err := encode("shop", r, on)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(cm)
			if err != nil {
				t.Fatal(err)
			}
			if total += len(text); needed != on && needed != nil {
				total, bases = total+len(needed.packed), bases+1
			} else {
				largest = max(largest, len(text))
			}
			on = needed
			got, err := read(cm, on)
			if err != nil {
				t.Fatal(err)
			}
			if changed := revision.Diff(r.Spec, got.Spec); len(changed) > 0 {
				t.Fatalf("%d apps, r%d: %d resources are not as they were written", apps, r.Number, len(changed))
			}
		}
		t.Logf("%d apps: a record has at most %d bytes; %d bases; %d bytes for a change with its part of the bases", apps, largest, bases, total/changes)
		if most := 4 << 10; largest > most || total/changes > most {
			t.Errorf("%d apps: a record has up to %d bytes, and a change costs %d", apps, largest, total/changes)
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
			record, _, err := encode("shop", now, nil)
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
	_, _, err := encode("shop", r, nil)
	if err == nil || !strings.Contains(err.Error(), "revision 12 cannot be stored: it has 20") || !strings.Contains(err.Error(), "at most 900 KiB fit into one record") {
		t.Errorf("got %v", err)
	}
}

// A record that was edited is damaged. That is no problem of the user's input.
func TestRecordDamaged(t *testing.T) {
	cm, _, err := encode("shop", revisionOf(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	cm.Data["app.broken.yaml"] = "apiVersion: psc.dev/v1\nkind: App\nmetadata: {name: broken}\nspec: {imagee: x}\n"
	_, err = read(cm, nil)
	if !errors.Is(err, ErrDamaged) || errors.As(err, new(pod.Problems)) || !strings.Contains(err.Error(), "imagee") {
		t.Errorf("got %v", err)
	}
}

// A record that is as psc wrote it, but has what this version does not know, is not called damaged.
func TestRecordNewer(t *testing.T) {
	for name, text := range map[string]string{
		"field":   "apiVersion: psc.dev/v1\nkind: App\nmetadata: {name: web}\nspec: {image: web, warmth: 3}\n",
		"kind":    "apiVersion: psc.dev/v1\nkind: Oven\nmetadata: {name: web}\nspec: {}\n",
		"version": "apiVersion: psc.dev/v2\nkind: App\nmetadata: {name: web}\nspec: {image: web}\n",
	} {
		t.Run(name, func(t *testing.T) {
			cm, _, err := encode("shop", revisionOf(1), nil)
			if err != nil {
				t.Fatal(err)
			}
			cm.Data["app.web.yaml"] = text
			cm.Annotations[object.AnnotationContent] = contentHash(cm.Data)
			cm.Annotations[object.AnnotationSeal] = sealOf(record(&cm.ObjectMeta), cm.Data)
			_, err = read(cm, nil)
			if !errors.Is(err, ErrNewer) || !strings.HasPrefix(err.Error(), "revision 12 was written by a newer psc: app.web.yaml: ") || strings.Contains(err.Error(), "damaged") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A record that is not the one that psc wrote is found: one whose data or annotations were edited, and one that was made again
// with a seal that fits. One that an older version of psc wrote counts as good, until a newer record has a seal for it. A deploy
// changes nothing that is sealed.
func TestAltered(t *testing.T) {
	want := revisionOf(2)
	want.Before = &revision.Link{Number: 11, Seal: "x"}
	other := want
	other.Spec = pod.Spec{}
	again, _, err := encode("shop", other, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		edit    func(cm *corev1.ConfigMap)
		newer   string // the seal that the next record has; "same" for the right one
		altered bool
	}{
		"as it was written": {func(*corev1.ConfigMap) {}, "same", false},
		"the newest":        {func(*corev1.ConfigMap) {}, "", false},
		"deployed": {func(cm *corev1.ConfigMap) {
			maps.Copy(cm.Annotations, map[string]string{"psc.dev/state": "ready", "psc.dev/message": "m", "psc.dev/reason": ""})
		}, "same", false},
		"other data":           {func(cm *corev1.ConfigMap) { cm.Data = again.Data }, "", true},
		"other change":         {func(cm *corev1.ConfigMap) { cm.Data[keyEdits] = `{"edits":null}` }, "", true},
		"other author":         {func(cm *corev1.ConfigMap) { cm.Annotations["psc.dev/author"] = "eve" }, "", true},
		"other place":          {func(cm *corev1.ConfigMap) { cm.Annotations["psc.dev/before"] = "10 x" }, "", true},
		"made again":           {func(cm *corev1.ConfigMap) { *cm = *again }, "", false},
		"made again, not last": {func(cm *corev1.ConfigMap) { *cm = *again }, "same", true},
		"without a seal":       {func(cm *corev1.ConfigMap) { delete(cm.Annotations, "psc.dev/seal") }, "", false},
		"its seal was removed": {func(cm *corev1.ConfigMap) { delete(cm.Annotations, "psc.dev/seal") }, "same", false},
		"made again, no seal":  {func(cm *corev1.ConfigMap) { *cm = *again; delete(cm.Annotations, "psc.dev/seal") }, "same", true},
	} {
		t.Run(name, func(t *testing.T) {
			cm, _, err := encode("shop", want, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.newer == "same" {
				test.newer = cm.Annotations["psc.dev/seal"]
			}
			cm = cm.DeepCopy()
			cm.Data = maps.Clone(cm.Data)
			test.edit(cm)
			s := &Store{}
			if test.newer != "" {
				s.sealed.Store(&map[int]string{12: test.newer})
			}
			data, _, err := unfill(cm)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.unaltered(record(&cm.ObjectMeta), "", data); errors.Is(err, ErrAltered) != test.altered || errors.Is(err, ErrDamaged) != test.altered {
				t.Errorf("got %v", err)
			}
			if err := s.unaltered(record(&cm.ObjectMeta), sealOf(record(&cm.ObjectMeta), data), data); err != nil {
				t.Errorf("it was accepted: %v", err)
			}
		})
	}
}

// Reading any record ends. The spec of the record either can be rendered or is not valid.
func FuzzRecord(f *testing.F) {
	small, _, err := encode("shop", revisionOf(2), nil)
	if err != nil {
		f.Fatal(err)
	}
	large, on, err := encode("shop", revisionOf(1000), nil)
	if err != nil {
		f.Fatal(err)
	}
	cut := large.DeepCopy()
	cut.BinaryData[keyDelta] = cut.BinaryData[keyDelta][:100]
	for _, seed := range []*corev1.ConfigMap{small, large, cut, on.object(), {}} {
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
		forged, err := readBase(&cm)
		if err != nil {
			forged = on
		}
		r, err := read(&cm, forged)
		if err != nil {
			return
		}
		_, err = render.Objects("shop", r.Spec, render.Cluster{})
		if problems := pod.Validate(r.Spec); problems != nil && err == nil {
			t.Errorf("an invalid spec was rendered: %v", problems)
		}
	})
}
