package render_test

import (
	"bytes"
	stdcmp "cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/pscdev/psc/docs/schema"
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

// Every object has only fields that Kubernetes knows, the labels by which psc finds it and its resource, and its hash.
func TestObjectsAreWellFormed(t *testing.T) {
	types := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(types), gatewayv1.Install(types)); err != nil {
		t.Fatal(err)
	}
	eachCase(t, func(t *testing.T, c testCase) {
		objects, _ := render.Objects(podName, c.spec, c.cluster)
		for _, o := range objects {
			if !slices.ContainsFunc(object.Rendered(), func(row object.Row) bool { return row.Kind == o.GroupVersionKind() }) {
				t.Fatalf("%s has no row in object.Rendered", o.GroupVersionKind())
			}
			typed, err := types.New(o.GroupVersionKind())
			if err != nil {
				t.Fatal(err)
			}
			if err := yaml.UnmarshalStrict(encode(t, []*unstructured.Unstructured{o}), typed); err != nil {
				t.Errorf("%s: %v", o.GetKind(), err)
			}
			of := c.resourceOf(t, o)
			labels := map[string]string{
				"app.kubernetes.io/managed-by": "psc",
				"app.kubernetes.io/name":       of.Name,
				"app.kubernetes.io/part-of":    podName,
				"psc.dev/pod":                  podName,
				"psc.dev/" + of.Kind.Word():    of.Name,
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

// Every field of every kind of resource is in a case, so that the tests of this file see what it renders to.
func TestEveryFieldHasACase(t *testing.T) {
	seen := map[string]bool{}
	eachCase(t, func(_ *testing.T, c testCase) {
		for ref, r := range c.spec {
			for field := range pod.Tree(r) {
				seen[string(ref.Kind)+"."+field] = true
			}
		}
	})
	for _, kind := range pod.Kinds() {
		n, err := schema.Of(kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range n.Field("spec").Properties {
			if name := string(kind) + "." + f.Name; !seen[name] {
				t.Errorf("no case of testdata sets %s", name)
			}
		}
	}
}

// Resources of two kinds may have the same name, but no object may have the name of another one.
func TestKindsShareNoNames(t *testing.T) {
	used := map[string]pod.Kind{}
	eachCase(t, func(t *testing.T, c testCase) {
		objects, _ := render.Objects(podName, c.spec, c.cluster)
		for _, o := range objects {
			of := c.resourceOf(t, o)
			name := o.GetKind() + " " + strings.Replace(o.GetName(), of.Name, "NAME", 1)
			if other, ok := used[name]; ok && other != of.Kind {
				t.Errorf("%s and %s with the same name share the %s", other.WithArticle(), of.Kind.WithArticle(), name)
			}
			used[name] = of.Kind
		}
	})
}

// All instances run in a pod with the "baseline" Pod Security Standard. Those of a resource whose image has a user of its
// own also run in a "restricted" one: https://kubernetes.io/docs/concepts/security/pod-security-standards/
func TestPodSecurity(t *testing.T) {
	standard, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	eachCase(t, func(t *testing.T, c testCase) {
		objects, _ := render.Objects(podName, c.spec, c.cluster)
		for o, template := range templates(t, objects) {
			level, of := psapi.LevelBaseline, c.resourceOf(t, o)
			tree := pod.Tree(c.spec[of])
			if user := stdcmp.Or(tree["user"], tree["imageUser"]); user != nil && user != json.Number("0") {
				level = psapi.LevelRestricted
			}
			if fmt.Sprint(tree["capabilities"]) == "[NET_ADMIN]" { // which no other level allows
				level = psapi.LevelPrivileged
			}
			at := psapi.LevelVersion{Level: level, Version: psapi.LatestVersion()}
			result := policy.AggregateCheckResults(standard.EvaluatePod(at, &template.ObjectMeta, &template.Spec))
			if !result.Allowed {
				t.Errorf("%s violates %s: %s", of, level, result.ForbiddenDetail())
			}
		}
	})
}

// All instances get the pod's logins to registries from their ServiceAccount: a login then changes no template, so that it
// restarts nothing. The resource's row in pkg/pod says that it runs containers, else psc does not look for the logins.
func TestPullSecret(t *testing.T) {
	eachCase(t, func(t *testing.T, c testCase) {
		c.cluster.PullSecret = "logins"
		objects, _ := render.Objects(podName, c.spec, c.cluster)
		accounts := map[string]bool{}
		for _, o := range objects {
			secrets, _, _ := unstructured.NestedSlice(o.Object, "imagePullSecrets")
			accounts[o.GetName()] = accounts[o.GetName()] || o.GetKind() == "ServiceAccount" && len(secrets) == 1
		}
		for o, template := range templates(t, objects) {
			of := c.resourceOf(t, o)
			if name := template.Spec.ServiceAccountName; !accounts[name] || len(template.Spec.ImagePullSecrets) > 0 {
				t.Errorf("%s: its ServiceAccount %q does not have the pull secret, or its template has it", of, name)
			}
			if !of.Kind.Runs() {
				t.Errorf("%s: set runs in the row of its kind", of)
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

// resourceOf returns the resource that an object was rendered from, by the label of its kind.
func (c testCase) resourceOf(t *testing.T, o *unstructured.Unstructured) pod.Ref {
	t.Helper()
	for _, kind := range pod.Kinds() {
		if ref := (pod.Ref{Kind: kind, Name: o.GetLabels()["psc.dev/"+kind.Word()]}); c.spec[ref] != nil {
			return ref
		}
	}
	t.Fatalf("%s %s has no label psc.dev/<kind> with the name of a resource", o.GetKind(), o.GetName())
	return pod.Ref{}
}

// templates iterates over the objects that start instances, each with its template.
func templates(t *testing.T, objects []*unstructured.Unstructured) iter.Seq2[*unstructured.Unstructured, corev1.PodTemplateSpec] {
	return func(yield func(*unstructured.Unstructured, corev1.PodTemplateSpec) bool) {
		for _, o := range objects {
			path := object.Of(o.GroupVersionKind()).Template
			if path == nil {
				continue
			}
			fields, _, err := unstructured.NestedMap(o.Object, path...)
			if err != nil {
				t.Fatal(err)
			}
			var template corev1.PodTemplateSpec
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &template); err != nil {
				t.Fatal(err)
			}
			if !yield(o, template) {
				return
			}
		}
	}
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
		Gateway       *render.GatewayAPI
		None          *render.RoutingNone
		PullSecret    string
		NeedsCPULimit bool
	}
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		t.Fatal(err)
	}
	cluster := render.Cluster{PullSecret: c.PullSecret, NeedsCPULimit: c.NeedsCPULimit}
	switch {
	case c.Gateway != nil:
		cluster.Routing = *c.Gateway
	case c.None != nil:
		cluster.Routing = *c.None
	}
	return cluster
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
