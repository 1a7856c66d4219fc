package render_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
	"github.com/pscdev/psc/pkg/render"
)

var update = flag.Bool("update", false, "rewrite the wanted output of testdata/*.txtar")

// podName is the pod of every case.
const podName = "team"

// Every case of testdata says in its comment what it promises. It has the resources in spec.yaml, the cluster in
// cluster.yaml, and the wanted objects in want.yaml, or the wanted errors in problems.
func TestObjects(t *testing.T) {
	eachCase(t, func(t *testing.T, c testCase) {
		objects, err := render.Objects(podName, c.spec, c.cluster)
		got := txtar.File{Name: "want.yaml", Data: encode(t, objects)}
		if err != nil {
			var problems pod.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %T, want Problems", err)
			}
			got = txtar.File{Name: "problems", Data: []byte(err.Error() + "\n")}
		}
		if *update {
			c.archive.Files = append(slices.DeleteFunc(c.archive.Files, func(f txtar.File) bool {
				return f.Name == "want.yaml" || f.Name == "problems"
			}), got)
			if err := os.WriteFile(c.file, txtar.Format(c.archive), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		if diff := cmp.Diff(string(c.read(got.Name)), string(got.Data)); diff != "" {
			t.Errorf("%s: -want +got\n%s", got.Name, diff)
		}
	})
}

// The hash of an object says whether it has to be written, so the same spec must always give the same bytes.
func TestDeterministic(t *testing.T) {
	eachCase(t, func(t *testing.T, c testCase) {
		first, _ := render.Objects(podName, c.spec, c.cluster)
		for range 20 {
			again, _ := render.Objects(podName, c.spec, c.cluster)
			if !bytes.Equal(encode(t, first), encode(t, again)) {
				t.Fatal("the second time the objects are different")
			}
		}
	})
}

// Every object has only fields that Kubernetes knows, the labels by which psc finds it, and its hash.
func TestObjectsAreWellFormed(t *testing.T) {
	eachCase(t, func(t *testing.T, c testCase) {
		objects, _ := render.Objects(podName, c.spec, c.cluster)
		for _, o := range objects {
			typed, ok := map[string]any{
				"ServiceAccount":          &corev1.ServiceAccount{},
				"PersistentVolumeClaim":   &corev1.PersistentVolumeClaim{},
				"Service":                 &corev1.Service{},
				"Deployment":              &appsv1.Deployment{},
				"HorizontalPodAutoscaler": &autoscalingv2.HorizontalPodAutoscaler{},
				"PodDisruptionBudget":     &policyv1.PodDisruptionBudget{},
				"ListenerSet":             &gatewayv1.ListenerSet{},
				"HTTPRoute":               &gatewayv1.HTTPRoute{},
			}[o.GetKind()]
			if !ok || !slices.ContainsFunc(object.Rendered(), func(row object.Row) bool { return row.Kind == o.GroupVersionKind() }) {
				t.Fatalf("%s has no row in object.Rendered", o.GroupVersionKind())
			}
			if err := yaml.UnmarshalStrict(encode(t, []*unstructured.Unstructured{o}), typed); err != nil {
				t.Errorf("%s: %v", o.GetKind(), err)
			}
			own := object.LabelApp
			switch o.GetKind() {
			case "HTTPRoute", "ListenerSet":
				own = object.LabelRoute
			case "PersistentVolumeClaim":
				own = object.LabelDisk
			}
			labels := map[string]string{
				"app.kubernetes.io/managed-by": "psc",
				"app.kubernetes.io/name":       o.GetName(),
				"app.kubernetes.io/part-of":    podName,
				"psc.dev/pod":                  podName,
				own:                            o.GetName(),
			}
			if diff := cmp.Diff(labels, o.GetLabels()); diff != "" {
				t.Errorf("%s: labels: -want +got\n%s", o.GetKind(), diff)
			}
			if hash := o.GetAnnotations()[object.AnnotationHash]; len(hash) != 16 {
				t.Errorf("%s: got hash %q", o.GetKind(), hash)
			}
			if o.GetNamespace() != podName {
				t.Errorf("%s: got namespace %q", o.GetKind(), o.GetNamespace())
			}
		}
	})
}

// Every app runs in a pod with the "baseline" Pod Security Standard. An app whose image has a user of its own also runs in
// a "restricted" one: https://kubernetes.io/docs/concepts/security/pod-security-standards/
func TestPodSecurity(t *testing.T) {
	standard, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	eachCase(t, func(t *testing.T, c testCase) {
		objects, _ := render.Objects(podName, c.spec, c.cluster)
		for _, o := range objects {
			if o.GetKind() != "Deployment" {
				continue
			}
			var d appsv1.Deployment
			if err := yaml.Unmarshal(encode(t, []*unstructured.Unstructured{o}), &d); err != nil {
				t.Fatal(err)
			}
			level := psapi.LevelBaseline
			if user := c.spec.App(d.Name).User; user != nil && *user != 0 {
				level = psapi.LevelRestricted
			}
			at := psapi.LevelVersion{Level: level, Version: psapi.LatestVersion()}
			result := policy.AggregateCheckResults(standard.EvaluatePod(at, &d.Spec.Template.ObjectMeta, &d.Spec.Template.Spec))
			if !result.Allowed {
				t.Errorf("%s violates %s: %s", d.Name, level, result.ForbiddenDetail())
			}
		}
	})
}

// psc refuses an invalid spec that another client has stored. It must neither send it nor crash.
func TestObjectsOfInvalidSpec(t *testing.T) {
	_, err := render.Objects(podName, pod.Spec{
		{Kind: pod.KindApp, Name: "web"}:    &pod.App{Image: "web", CPU: "much"},
		{Kind: pod.KindRoute, Name: "shop"}: &pod.Route{Rules: []pod.Rule{{Path: "/", To: []pod.Target{{App: "none"}}}}},
	}, render.Cluster{Routing: render.GatewayAPI{Namespace: "infra", Name: "gw", Domain: "example.com"}})
	want := "app/web spec.cpu: \"much\" is not a quantity such as 500m\nroute/shop spec.rules[/].to[none]: no app named \"none\""
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

type testCase struct {
	file    string
	archive *txtar.Archive
	spec    pod.Spec
	cluster render.Cluster
}

func (c testCase) read(name string) []byte {
	for _, f := range c.archive.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

func eachCase(t *testing.T, do func(*testing.T, testCase)) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := testCase{file: file, archive: archive}
			if c.spec, err = pod.Decode(c.read("spec.yaml")); err != nil {
				t.Fatal(err)
			}
			if err := pod.Validate(c.spec); err != nil {
				t.Fatal(err)
			}
			c.cluster = decodeCluster(t, c.read("cluster.yaml"))
			do(t, c)
		})
	}
}

// decodeCluster reads a cluster with a Gateway, or with none.
func decodeCluster(t *testing.T, text []byte) render.Cluster {
	t.Helper()
	var c struct {
		Gateway    *render.GatewayAPI
		None       *render.RoutingNone
		PullSecret string
	}
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		t.Fatal(err)
	}
	switch {
	case c.Gateway != nil:
		return render.Cluster{Routing: *c.Gateway, PullSecret: c.PullSecret}
	case c.None != nil:
		return render.Cluster{Routing: *c.None, PullSecret: c.PullSecret}
	}
	return render.Cluster{PullSecret: c.PullSecret}
}

func encode(t *testing.T, objects []*unstructured.Unstructured) []byte {
	t.Helper()
	var out []byte
	for i, o := range objects {
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			out = append(out, "---\n"...)
		}
		out = append(out, text...)
	}
	return out
}
