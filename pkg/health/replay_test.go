package health_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/pkg/health"
)

var update = flag.Bool("update", false, "rewrite the wanted output of testdata/*.txtar")

// after is how long the last moment of a situation is judged, as if nothing changed any more.
const after = 3 * time.Minute

// The files of testdata are the objects of an app on a real Kubernetes 1.36 in some ninety situations, so many seconds
// after the app was created, reduced to the fields that are used. "want" is the status, and from which second on: a
// person reads the reason and knows what to do; an app that may recover by itself is never called failed.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no situations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := txtar.File{Name: "want"}
			if archive.Files[0].Name == want.Name {
				want, archive.Files = archive.Files[0], archive.Files[1:]
			}
			got := replay(t, archive.Files)
			if *update {
				archive.Files = slices.Insert(archive.Files, 0, txtar.File{Name: want.Name, Data: got})
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want.Data), string(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// replay judges each recorded moment, and the last one second by second, and prints what changes.
func replay(t *testing.T, moments []txtar.File) []byte {
	var out bytes.Buffer
	var said health.Status
	for n, moment := range moments {
		o := objects(t, moment.Data)
		begin := seconds(t, moment.Name)
		end := begin
		if n == len(moments)-1 {
			end += after
		}
		for now := begin; now <= end; now += time.Second {
			s := health.App(o, o.Deployment.CreationTimestamp.Add(now))
			if reflect.DeepEqual(s, said) {
				continue
			}
			said = s
			fmt.Fprintf(&out, "%ds %s %d/%d: %s\n", int(now.Seconds()), s.State, s.Ready, s.Desired, s.Reason)
			for _, next := range s.Next {
				data, err := json.Marshal(next)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&out, "\tnext: %s\n", data)
			}
			if s.Log != (health.Log{}) {
				fmt.Fprintf(&out, "\tlog: %s %s previous=%t %q\n", s.Log.Instance, s.Log.Container, s.Log.Previous, s.Log.Said)
			}
		}
	}
	return out.Bytes()
}

func seconds(t *testing.T, name string) time.Duration {
	d, err := time.ParseDuration(strings.TrimSuffix(name, ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func objects(t *testing.T, text []byte) health.Objects {
	var (
		out    health.Objects
		events []*corev1.Event
	)
	for document := range strings.SplitSeq(string(text), "---\n") {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
			t.Fatal(err)
		}
		var to any
		switch kind.Kind {
		case "Deployment":
			out.Deployment = &appsv1.Deployment{}
			to = out.Deployment
		case "ReplicaSet":
			rs := &appsv1.ReplicaSet{}
			to, out.ReplicaSets = rs, append(out.ReplicaSets, rs)
		case "Pod":
			p := &corev1.Pod{}
			to, out.Instances = p, append(out.Instances, p)
		case "HorizontalPodAutoscaler":
			out.Autoscaler = &autoscalingv2.HorizontalPodAutoscaler{}
			to = out.Autoscaler
		case "Event":
			e := &corev1.Event{}
			to, events = e, append(events, e)
		default:
			t.Fatalf("a situation has a %q", kind.Kind)
		}
		if err := yaml.UnmarshalStrict([]byte(document), to); err != nil {
			t.Fatal(err)
		}
	}
	out.Events = health.NewEvents(events)
	return out
}
