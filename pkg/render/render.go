// Package render turns a pod's spec into Kubernetes objects.
//
//	spec, what the cluster offers -- Objects --> objects to apply unchanged
//
// It is pure, and the same input always gives the same bytes: the hash of an object says whether it has to be written.
// Each kind of resource has a file and a row in renderers. Each way to serve routes has a file and is a Backend.
package render

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pscdev/psc/pkg/object"
	"github.com/pscdev/psc/pkg/pod"
)

// Cluster is what a cluster offers to a pod.
type Cluster struct {
	// Routing is how the cluster serves routes; nil when psc did not look, as for a spec without routes.
	Routing Routing
	// Kept has the routes that are in the cluster, by name. It is only needed when Routing is no Backend.
	Kept map[string]Kept
	// PullSecret is the name of the Secret with the pod's own logins to registries; empty when there is none.
	PullSecret string
	// NeedsCPULimit is set if a quota refuses instances without a CPU limit.
	NeedsCPULimit bool
}

// renderer renders all resources of one kind.
type renderer func(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, pod.Problems)

// renderers has a row for each of pod.Kinds.
func renderers() map[pod.Kind]renderer {
	return map[pod.Kind]renderer{
		pod.KindApp:    apps,
		pod.KindRoute:  routes,
		pod.KindConfig: nothing, // its content is stored with the revision, apps mount it
		pod.KindSecret: nothing, // likewise
		pod.KindDisk:   disks,
		pod.KindJob:    jobs,
	}
}

func nothing(string, pod.Spec, Cluster) ([]*unstructured.Unstructured, pod.Problems) { return nil, nil }

// Objects renders all resources of a spec. The error is pod.Problems: what this cluster cannot do, or an invalid spec that
// another version of psc or another client has stored.
func Objects(podName string, spec pod.Spec, c Cluster) ([]*unstructured.Unstructured, error) {
	if err := pod.Validate(spec); err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	var problems pod.Problems
	rows := renderers()
	for _, kind := range pod.Kinds() {
		made, wrong := rows[kind](podName, spec, c)
		objects, problems = append(objects, made...), append(problems, wrong...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return objects, nil
}

// labels are on every object of a resource. key is the label of its kind, such as object.LabelApp.
func labels(podName, key, name string) map[string]string {
	return map[string]string{
		object.LabelManagedBy: object.Manager,
		object.LabelName:      name,
		object.LabelPartOf:    podName,
		object.LabelPod:       podName,
		key:                   name,
	}
}

// manifest is a Kubernetes object without a status, which only the cluster writes. Fields that have no value are left out of
// the spec, because it is a pointer or its field has omitempty. (The apply configurations of client-go would do the same. They
// import its whole scheme, which takes longer to initialise than everything else in psc together.)
type manifest struct {
	metav1.TypeMeta
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     any               `json:"spec"`
}

// withSpec renders an object of a kind that has a spec.
func withSpec(kind object.Kind, podName, name string, all map[string]string, spec any) *unstructured.Unstructured {
	return rendered(manifest{
		TypeMeta: typeMeta(kind),
		Metadata: metav1.ObjectMeta{Name: name, Namespace: podName, Labels: all},
		Spec:     spec,
	})
}

func typeMeta(kind object.Kind) metav1.TypeMeta {
	return metav1.TypeMeta{Kind: kind.Kind, APIVersion: kind.GroupVersion().String()}
}

// rendered turns a typed object into the object to send, with the hash of its content.
func rendered(typed any) *unstructured.Unstructured {
	data, err := json.Marshal(typed)
	if err != nil {
		panic(fmt.Sprintf("render: %T has no JSON form: %v", typed, err))
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(data); err != nil {
		panic(fmt.Sprintf("render: %T is not an object: %v", typed, err))
	}
	sum := sha256.Sum256(data)
	o.SetAnnotations(map[string]string{object.AnnotationHash: hex.EncodeToString(sum[:8])})
	return o
}
